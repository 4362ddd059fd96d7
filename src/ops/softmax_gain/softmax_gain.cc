#include "ops/softmax_gain/softmax_gain.h"

#include <algorithm>
#include <cmath>

#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

// One row of at most a thousand numbers in a step: the definition is fast enough.
struct Functions {
  void (*forward)(int64_t n, const Frame&);
  void (*backward)(int64_t n, const Frame&);
};

template <class P>
void forward(int64_t n, const Frame& f) {
  const P* z = static_cast<const P*>(f.in[0]);
  const P factor = *static_cast<const P*>(f.in[1]);
  P *g = static_cast<P*>(f.out[0]), *p = static_cast<P*>(f.saved[0]);
  const P most = *std::max_element(z, z + n);
  P sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += p[i] = std::exp(z[i] - most);
  for (int64_t i = 0; i < n; ++i) {
    p[i] /= sum;
    g[i] = factor * p[i];
  }
}

/// With m = sum of p_i dg_i: dfactor (+)= m, dz_i (+)= factor * p_i * (dg_i - m).
template <class P>
void backward(int64_t n, const Frame& f) {
  const P *p = static_cast<const P*>(f.saved[0]), *dg = static_cast<const P*>(f.d_out[0]);
  const P factor = *static_cast<const P*>(f.in[1]);
  P mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += p[i] * dg[i];
  if (P* dz = static_cast<P*>(f.d_in[0]); dz != nullptr) {
    for (int64_t i = 0; i < n; ++i) {
      dz[i] = (f.add[0] != 0 ? dz[i] : P(0)) + factor * p[i] * (dg[i] - mean);
    }
  }
  if (P* d = static_cast<P*>(f.d_in[1]); d != nullptr) *d = (f.add[1] != 0 ? *d : P(0)) + mean;
}

Functions functions_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  return {forward<float>, backward<float>};
}

const Kernel<Functions (*)(DType)> kKernels[] = {
    {{"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}},
     functions_ref}};  // bf16: that of f32

class SoftmaxGain final : public Op {
 public:
  std::string_view name() const override { return "softmax_gain"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 2);
    OpPlan p;
    const DType type = in[0].dtype;
    const auto& kernel =
        choose<Functions (*)(DType)>(name(), kKernels, type, context.runtime, p.refused);
    n_ = in[0].numel();
    expect_parameter(name(), "logits", in[0], type, {n_});
    expect_parameter(name(), "factor", in[1], type, {1});
    functions_ = kernel.functions(type);
    p.kernel = kernel.tag.name;
    p.outputs = {{type, {1, n_}}};
    p.saved = {{type, {n_}}};
    p.backward_reads_input = {false, true};
    return p;
  }
  void forward(const Frame& f) const noexcept override { functions_.forward(n_, f); }
  void backward(const Frame& f) const noexcept override { functions_.backward(n_, f); }

 private:
  int64_t n_ = 0;
  Functions functions_{};
};

}  // namespace

std::unique_ptr<Op> make_softmax_gain() {
  return std::make_unique<SoftmaxGain>();
}

std::vector<KernelTag> softmax_gain_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_softmax_gain(const Runtime& runtime) {
  std::vector<test::CheckCase> cases;
  for (const int64_t n : {1, 3, 63, 1000}) {
    test::CheckCase c{"logits " + std::to_string(n),
                      make_softmax_gain,
                      {{{n}, test::Role::parameter}, {{1}, test::Role::parameter}},
                      {},
                      {}};
    c.context.batch = 5;  // which has no influence
    c.run.batch = 2;
    cases.push_back(std::move(c));
  }
  return test::check_op("softmax_gain", softmax_gain_tags(), runtime, cases);
}

}  // namespace weft
