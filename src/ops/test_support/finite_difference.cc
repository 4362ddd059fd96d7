// The oracle below the reference: differences of its own forward.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/test_support/draw.h"

namespace weft::test {
namespace {

/// sum of out * cotangent, in double
double loss_of(const RunResult& result, std::span<const Tensor> cotangents) {
  double sum = 0;
  for (size_t i = 0; i < result.out.size(); ++i) {
    for (int64_t j = 0; j < result.out[i].numel(); ++j) {
      sum += get(result.out[i].view(), j) * get(cotangents[i].view(), j);
    }
  }
  return sum;
}

}  // namespace

double finite_difference_error(const CheckCase& test, const Runtime& runtime) {
  PlanContext context = test.context;
  context.runtime = runtime;
  context.runtime.kernel = "ref";
  const RunOptions options{added(test, false), {}, false, false};
  const Drawn drawn = draw(test, DType::f64, runtime);
  const std::vector<Tensor>& in = drawn.in;
  const std::vector<Tensor>& before = drawn.before;
  const std::vector<Tensor>& d_out = drawn.d_out;
  const RunResult at = run_op(*test.make(), context, test.run, in, d_out, before, options);
  if (!at.fault.empty()) return std::numeric_limits<double>::infinity();
  const auto loss = [&] {
    return loss_of(run_op(*test.make(), context, test.run, in, {}, {}, options), d_out);
  };
  double worst = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t n = at.d_in[i].numel();
    if (at.d_in[i].data() == nullptr) continue;  // not wanted
    double largest = 1e-3, difference = 0;
    const int64_t samples = std::clamp<int64_t>(100000 / std::max<int64_t>(1, n), 4, 24);
    const int64_t stride = std::max<int64_t>(1, n / samples);
    for (int64_t j = 0; j < n; j += stride) {
      const double x = get(in[i].view(), j), h = 3e-5;
      const double start = options.add[i] ? get(before[i].view(), j) : 0;
      const auto f = [&](double step) {
        set(in[i].view(), j, x + step * h);
        return loss();
      };
      const double slope = (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * h);
      set(in[i].view(), j, x);
      const double gradient = get(at.d_in[i].view(), j) - start;
      largest = std::max(largest, std::abs(slope));
      const double d = std::abs(slope - gradient);
      difference = d <= difference ? difference : d;  // keeps a NaN
    }
    worst = difference / largest <= worst ? worst : difference / largest;
  }
  return worst;
}

}  // namespace weft::test
