// One query over a long cache, as in decoding: how near to reading memory.
#include <fmt/format.h>

#include <cstring>

#include "base/compare.h"
#include "base/random.h"
#include "cli/bench_attention.h"
#include "cli/bench_attention_case.h"

namespace weft::cli {
namespace {

constexpr int64_t kKeys = 32768, kFewKeys = 4096, kDim = 64;
/// Caches are read in turn, as a model's layers are, until no cache of the machine holds them.
constexpr int64_t kBytes = 256 << 20;
constexpr size_t kNumbers = 1 << 20;  // drawn; further ones repeat them

/// Normal numbers from number `from` on, channel 0 of every head `first` unless that is 0.
void fill(const std::vector<double>& numbers, size_t from, double first, Tensor& t) {
  for (int64_t e = 0; e < t.numel(); ++e) {
    const bool shifts = first != 0 && e % kDim == 0;
    set(t.view(), e, shifts ? first : numbers[(from + static_cast<size_t>(e)) % kNumbers]);
  }
}

/// Attention of layers that have `keys` keys each, the query's own among them.
class Decoding {
 public:
  Decoding(const AttentionCase& c, const Runtime& runtime);

  /// Of one layer.
  Timing time() {
    Timing t = time_runs(
        [&] {
          for (SingleOp& layer : layers_) layer.forward(run_);
        },
        0.3, 5);
    t.median /= static_cast<double>(layers_.size());
    return t;
  }
  double flops() const { return layers_[0].plan().forward.flops; }
  /// Keys and values in the cache of a layer.
  double bytes() const { return bytes_; }

 private:
  std::vector<SingleOp> layers_;
  RunArgs run_;
  double bytes_;
};

Decoding::Decoding(const AttentionCase& c, const Runtime& runtime)
    : run_{.batch = 1, .time = 1, .past = c.time - 1} {
  AttentionSpec spec = spec_of(c);
  for (int64_t h = 0; h < c.kv_heads; ++h) {
    spec.k_past.push_back({3, h});
    spec.v_past.push_back({4, h});
  }
  const TensorDesc row{c.type, {1, c.heads * c.head_dim}};
  const TensorDesc cache{c.type, {1, c.kv_heads, c.time, c.head_dim}};
  const TensorDesc inputs[] = {row, row, row, cache, cache};
  const PlanContext plan{.runtime = runtime, .batch = 1, .time = 1, .context = c.time};
  const auto count = static_cast<size_t>(std::max(
      int64_t{1}, kBytes / (2 * kKeys * row.shape[1] * static_cast<int64_t>(size_of(c.type)))));
  bytes_ = static_cast<double>(2 * cache.bytes());
  std::vector<double> numbers;
  const Random random(0, "bench.attention.decode");
  for (size_t i = 0; i < kNumbers; ++i) numbers.push_back(random.normal(i));
  const double shift = logit_shift(c.mean_logit, c.head_dim);
  layers_.reserve(count);
  for (size_t n = 0; n < count; ++n) {
    SingleOp& op = layers_.emplace_back(make_attention(spec), inputs, plan);
    fill(numbers, 0, shift, op.in(0));
    for (size_t i = 1; i < 5; ++i) {
      const bool keys = i % 2 == 1;
      if (n == 0) {
        fill(numbers, i * kNumbers / 5, keys && c.mean_logit < 0 ? -shift : 0, op.in(i));
      } else {
        std::memcpy(op.in(i).data(), layers_[0].in(i).data(), op.in(i).desc().bytes());
      }
    }
  }
}

std::string name_of(const AttentionCase& c) {
  std::string name = fmt::format("attention decode {} {} T={} heads={}", c.mechanism,
                                 weft::name_of(c.type), c.time, c.heads);
  if (c.mechanism == "stick-breaking") name += c.mean_logit == 0 ? " N(0,1)" : " logit -8";
  return name;
}

/// Every key is read.
void bench_all_keys(const BenchContext& context, const AttentionCase& c,
                    std::vector<BenchResult>& results) {
  const std::string name = name_of(c);
  if (!context.wanted(name)) return;
  Decoding decoding(c, context.runtime);
  MemoryBeside memory(context.runtime);
  const Timing timing = decoding.time();
  results.push_back(
      timed_memory(name, timing, {decoding.flops(), decoding.bytes()}, memory.around()));
}

/// The sticks run out after the same few keys, however many there are.
void bench_few_keys(const BenchContext& context, AttentionCase c,
                    std::vector<BenchResult>& results) {
  double first = 0;
  for (const int64_t keys : {kFewKeys, kKeys}) {
    c.time = keys;
    const std::string name = name_of(c);
    if (!context.wanted(name)) continue;
    const Timing timing = Decoding(c, context.runtime).time();
    BenchResult& r = results.emplace_back(timed(name, timing));
    if (keys == kFewKeys) first = timing.median;
    if (keys == kFewKeys || first == 0) continue;
    r.ratio = timing.median / first;
    r.note = fmt::format("{:.2f}x the time of T={}", *r.ratio, kFewKeys);
  }
}

}  // namespace

void bench_attention_decode(const BenchContext& context, std::vector<BenchResult>& results) {
  for (const DType type : kAttentionTypes) {
    for (const int64_t heads : {8, 1}) {
      AttentionCase c{.type = type, .time = kKeys, .heads = heads, .kv_heads = heads};
      bench_all_keys(context, c, results);
      c.mechanism = "stick-breaking";
      c.mean_logit = kLateLogit;
      bench_all_keys(context, c, results);
      c.mean_logit = 0;
      bench_few_keys(context, c, results);
    }
  }
}

}  // namespace weft::cli
