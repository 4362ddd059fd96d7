#include <cstring>
#include <vector>

#include "base/random.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/cross_entropy/cross_entropy_kernels.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

/// The root seen as an ordinary op with one output, whose cotangent scales the gradient: what the
/// checks, which draw random cotangents, can hold against finite differences.
class ScaledRoot final : public Op {
 public:
  ScaledRoot(int64_t dim, int64_t vocab) : root_(make_cross_entropy(dim, vocab)) {}
  std::string_view name() const override { return root_->name(); }

  OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) override {
    OpPlan plan = root_->plan(inputs, context);
    losses_.assign(static_cast<size_t>(context.rows()), 0.0);
    f64_ = inputs[0].dtype == DType::f64;
    plan.outputs.resize(1);
    plan.backward_reads_output = {false};
    return plan;
  }
  void forward(const Frame& f) const noexcept override {
    double count = 0, right = 0;
    void* const out[] = {f.out[0], &count, losses(), &right};
    root_->forward({f.runtime, f.run, f.in, out, f.saved, f.d_in, f.d_out, f.add, f.scratch});
  }
  void backward(const Frame& f) const noexcept override {
    double loss = 0, count = 0, right = 0;
    void* const out[] = {&loss, &count, losses(), &right};
    RunArgs run = f.run;
    run.loss_scale = cotangent(f.d_out[0]);
    root_->backward({f.runtime, run, f.in, out, f.saved, f.d_in, f.d_out, f.add, f.scratch});
  }

 private:
  void* losses() const { return const_cast<double*>(losses_.data()); }  // f32 or f64
  float cotangent(const void* at) const {
    double wide = 0;
    float narrow = 0;
    std::memcpy(&wide, at, f64_ ? sizeof wide : 0);
    std::memcpy(&narrow, at, f64_ ? 0 : sizeof narrow);
    return f64_ ? static_cast<float>(wide) : narrow;
  }

  std::unique_ptr<Op> root_;
  std::vector<double> losses_;
  bool f64_ = false;
};

/// Labels of which about one in `skip` is missing; 0: none is.
std::vector<int32_t> draw_labels(int64_t rows, int64_t vocab, uint64_t skip) {
  const Random random(1, "labels");
  std::vector<int32_t> labels;
  for (int64_t r = 0; r < rows; ++r) {
    const auto i = static_cast<uint64_t>(r);
    const bool none = skip != 0 && random.below(2 * i, skip) == 0;
    labels.push_back(
        none ? -1 : static_cast<int32_t>(random.below(2 * i + 1, static_cast<uint64_t>(vocab))));
  }
  return labels;
}

struct Size {
  int64_t planned, rows, dim, vocab;
  uint64_t skip;
};

}  // namespace

std::vector<KernelTag> cross_entropy_tags() {
  return tags_of(cross_entropy_kernels());
}

std::vector<KernelRow> check_cross_entropy(const Runtime& runtime) {
  // No labels at all (skip 1), one column, several chunks, and sizes of no multiple of anything.
  const Size sizes[] = {{1, 1, 7, 3, 0},  {9, 7, 63, 131, 3}, {64, 63, 33, 1000, 0},
                        {5, 5, 8, 17, 1}, {4, 3, 5, 1, 0},    {2600, 2590, 3, 5, 8}};
  std::vector<std::vector<int32_t>> labels;
  std::vector<test::CheckCase> cases;
  for (const Size& s : sizes) {
    labels.push_back(draw_labels(s.planned, s.vocab, s.skip));
    test::CheckCase c{"rows " + std::to_string(s.rows) + ", " + Shape{s.vocab, s.dim}.str(),
                      [s] { return std::make_unique<ScaledRoot>(s.dim, s.vocab); },
                      {{Shape{s.planned, s.dim}}, {Shape{s.vocab, s.dim}, test::Role::weight, 0.5}},
                      {},
                      {}};
    c.context.batch = s.planned;
    c.context.training = true;
    c.run.batch = s.rows;
    c.run.labels = labels.back().data();
    cases.push_back(std::move(c));
  }
  return test::check_op("cross_entropy", cross_entropy_tags(), runtime, cases);
}

}  // namespace weft
