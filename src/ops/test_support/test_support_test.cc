// The test tools themselves: an op with one fault at a time must be caught.
#include <gtest/gtest.h>

#include "ops/test_support/check_op.h"

namespace weft::test {
namespace {

enum class Fault {
  none,
  beyond_rows,
  outside,
  reads_hidden,
  ignores_add,
  value,
  gradient,
  threads
};

/// y = 2 x * gain, with a fault in every kernel but `ref` (and in `gradient` also in `ref`).
class DoubleOp final : public Op {
 public:
  explicit DoubleOp(Fault fault) : fault_(fault) {}
  std::string_view name() const override { return "double"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    OpPlan p;
    type_ = in[0].dtype;
    columns_ = in[0].shape[1];
    p.outputs = {in[0]};
    p.kernel = context.runtime.kernel;
    broken_ = p.kernel != "ref";
    p.backward_reads_input = {fault_ != Fault::reads_hidden || !broken_, true};
    return p;
  }
  void forward(const Frame& f) const noexcept override {
    each(f, [&](auto* x, auto* gain, int64_t i) {
      auto* y = static_cast<decltype(x)>(f.out[0]);
      using T = std::remove_pointer_t<decltype(x)>;
      double value = 2.0 * static_cast<compute_t<T>>(x[i]) * gain[i % columns_];
      if (is(Fault::value) && i == 1) value *= 1.02;
      if (is(Fault::threads) && f.runtime.threads == 3) value *= 1.00001;
      y[i] = T(static_cast<compute_t<T>>(value));
    });
    if (is(Fault::outside)) static_cast<uint8_t*>(f.out[0])[-1] = 0;
    if (is(Fault::beyond_rows)) {
      const int64_t end = f.run.rows() * columns_ * static_cast<int64_t>(size_of(type_));
      static_cast<uint8_t*>(f.out[0])[end] = 0;
    }
  }
  void backward(const Frame& f) const noexcept override {
    each(f, [&](auto* x, auto* gain, int64_t i) {
      using T = std::remove_pointer_t<decltype(x)>;
      using P = std::remove_pointer_t<decltype(gain)>;
      const auto* dy = static_cast<const T*>(f.d_out[0]);
      auto* dx = static_cast<T*>(f.d_in[0]);
      auto* d_gain = static_cast<P*>(f.d_in[1]);
      const int64_t c = i % columns_;
      const P g = static_cast<P>(dy[i]);
      const P factor = fault_ == Fault::gradient ? P(2.001) : P(2);
      const P start = f.add[0] && !is(Fault::ignores_add) ? static_cast<P>(dx[i]) : 0;
      dx[i] = T(start + factor * g * gain[c]);
      if (i < columns_ && !f.add[1]) d_gain[c] = 0;
      d_gain[c] += 2 * g * static_cast<P>(x[i]);
    });
  }

 private:
  bool is(Fault fault) const { return broken_ && fault_ == fault; }
  template <class F>
  void each(const Frame& f, F&& body) const {
    const auto typed = [&](auto storage) {
      using T = decltype(storage);
      for (int64_t i = 0; i < f.run.rows() * columns_; ++i) {
        body(static_cast<T*>(f.in[0]), static_cast<compute_t<T>*>(f.in[1]), i);
      }
    };
    if (type_ == DType::f64) return typed(double{});
    if (type_ == DType::f32) return typed(float{});
    typed(bf16{});
  }

  Fault fault_;
  bool broken_ = false;
  DType type_ = DType::f32;
  int64_t columns_ = 0;
};

struct Outcome {
  bool ok = true;
  std::string faults;
};

Outcome outcome(Fault fault) {
  CheckCase test{"double",
                 [fault] { return std::make_unique<DoubleOp>(fault); },
                 {{Shape{11, 7}}, {Shape{7}, Role::parameter}},
                 {},
                 {}};
  test.context.batch = 11;
  test.run.batch = 9;
  static const KernelTag kernels[] = {{"fast", Isa::generic, {DType::f32, DType::bf16}},
                                      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}};
  Outcome o;
  const CheckCase cases[] = {test};
  for (const KernelRow& row : check_op("double", kernels, Runtime{}, cases)) {
    o.ok = o.ok && row.ok();
    o.faults += row.fault;
  }
  return o;
}

TEST(TestSupport, PassesAnHonestOp) {
  const Outcome o = outcome(Fault::none);
  EXPECT_TRUE(o.ok);
  EXPECT_EQ(o.faults, "");
}

TEST(TestSupport, MustFail) {
  EXPECT_NE(outcome(Fault::beyond_rows).faults.find("beyond its rows"), std::string::npos);
  EXPECT_NE(outcome(Fault::outside).faults.find("wrote outside"), std::string::npos);
  EXPECT_NE(outcome(Fault::threads).faults.find("other bits"), std::string::npos);
  for (const Fault fault : {Fault::beyond_rows, Fault::outside, Fault::reads_hidden,
                            Fault::ignores_add, Fault::value, Fault::gradient, Fault::threads}) {
    EXPECT_FALSE(outcome(fault).ok) << static_cast<int>(fault);
  }
}

}  // namespace
}  // namespace weft::test
