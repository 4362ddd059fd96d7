#include "ops/last_row/last_row.h"

#include <cstring>

namespace weft {
namespace {

class LastRow : public Op {
 public:
  std::string_view name() const override { return "last_row"; }

  OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) override {
    const TensorDesc& x = inputs[0];
    expect_matrix(name(), "x", x, x.dtype, x.shape[1]);
    row_bytes_ = static_cast<size_t>(x.shape[1]) * size_of(x.dtype);
    OpPlan plan;
    plan.outputs = {{x.dtype, {context.batch, x.shape[1]}}};
    plan.differentiable = {false};
    plan.kernel = "ref";
    return plan;
  }

  void forward(const Frame& f) const noexcept override {
    const auto* x = static_cast<const char*>(f.in[0]);
    auto* y = static_cast<char*>(f.out[0]);
    const auto batch = static_cast<size_t>(f.run.batch), time = static_cast<size_t>(f.run.time);
    for (size_t b = 0; b < batch; ++b) {
      std::memcpy(y + b * row_bytes_, x + (b * time + time - 1) * row_bytes_, row_bytes_);
    }
  }

  void backward(const Frame&) const noexcept override {}  // not differentiable: never called

 private:
  size_t row_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Op> make_last_row() {
  return std::make_unique<LastRow>();
}

}  // namespace weft
