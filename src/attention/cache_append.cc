#include "attention/cache_append.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace weft {
namespace {

constexpr int64_t kTaskBytes = int64_t{1} << 16;

class CacheAppend final : public Op {
 public:
  explicit CacheAppend(const CacheAppendSpec& spec) : spec_(spec) {
    if (spec_.head_dim < 1 || spec_.heads.empty()) {
      refuse("at least one head of head_dim > 0", std::to_string(spec_.heads.size()) + " heads");
    }
  }
  std::string_view name() const override { return "cache_append"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    if (in.size() < 2) refuse("fresh tensors and a cache", std::to_string(in.size()) + " inputs");
    const TensorDesc& cache = in.back();
    const auto heads = static_cast<int64_t>(spec_.heads.size());
    if (cache.shape.rank() != 4 || cache.shape[0] < context.batch || cache.shape[1] != heads ||
        cache.shape[2] < 1 || cache.shape[3] != spec_.head_dim) {
      refuse("a cache [batch, " + std::to_string(heads) + ", capacity, " +
                 std::to_string(spec_.head_dim) + "]",
             cache.str());
    }
    capacity_ = cache.shape[2];
    element_ = size_of(cache.dtype);
    widths_.clear();
    for (const HeadRef& head : spec_.heads) {
      if (head.input < 0 || head.input + 1 >= static_cast<int>(in.size())) {
        refuse("a fresh input for every head", "input " + std::to_string(head.input));
      }
      const TensorDesc& t = in[static_cast<size_t>(head.input)];
      if (t.dtype != cache.dtype || t.shape.rank() != 2 || t.shape[0] < context.rows() ||
          head.column < 0 || head.column + spec_.head_dim > t.shape[1]) {
        refuse("rows of " + std::string(name_of(cache.dtype)) + " with the head's columns",
               t.str());
      }
      widths_.push_back(t.shape[1]);
    }
    OpPlan plan;
    plan.differentiable.assign(in.size(), false);
    plan.forward.bytes = 2 * static_cast<double>(context.rows() * heads * spec_.head_dim) *
                         static_cast<double>(element_);
    plan.kernel = "copy";
    return plan;
  }

  void forward(const Frame& f) const noexcept override {
    const auto heads = static_cast<int64_t>(spec_.heads.size());
    // A decoded token moves a few KiB, which is less work than waking the other threads.
    const int64_t bytes = f.run.time * spec_.head_dim * static_cast<int64_t>(element_);
    const int64_t each = std::max<int64_t>(1, kTaskBytes / bytes), all = f.run.batch * heads;
    parallel_for(f.runtime, (all + each - 1) / each, [&](int64_t task, int) {
      for (int64_t i = task * each; i < std::min(all, (task + 1) * each); ++i) {
        append(f, i / heads, static_cast<size_t>(i % heads));
      }
    });
  }
  void backward(const Frame&) const noexcept override {}

 private:
  [[noreturn]] static void refuse(std::string expected, std::string got) {
    fail(ErrorCode::config, {"cache_append", std::move(expected), std::move(got), ""});
  }

  void append(const Frame& f, int64_t b, size_t head) const {
    const HeadRef& ref = spec_.heads[head];
    const auto* from = static_cast<const char*>(f.in[static_cast<size_t>(ref.input)]);
    auto* cache = static_cast<char*>(f.in.back());
    const auto n = static_cast<int64_t>(spec_.heads.size());
    const auto bytes = static_cast<size_t>(spec_.head_dim) * element_;
    for (int64_t i = std::max<int64_t>(0, f.run.time - capacity_); i < f.run.time; ++i) {
      const int64_t slot =
          (b * n + static_cast<int64_t>(head)) * capacity_ + (f.run.past + i) % capacity_;
      const int64_t row = (b * f.run.time + i) * widths_[head] + ref.column;
      std::memcpy(cache + static_cast<size_t>(slot) * bytes,
                  from + static_cast<size_t>(row) * element_, bytes);
    }
  }

  CacheAppendSpec spec_;
  int64_t capacity_ = 0;
  size_t element_ = 0;
  std::vector<int64_t> widths_;  ///< of the fresh tensor of each head
};

}  // namespace

std::unique_ptr<Op> make_cache_append(const CacheAppendSpec& spec) {
  return std::make_unique<CacheAppend>(spec);
}

}  // namespace weft
