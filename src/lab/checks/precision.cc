// The kernels through a whole model: f32 against the f64 reference, bf16 by its rounding.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/compare.h"
#include "base/random.h"
#include "lab/checks/check.h"

namespace weft::checks {
namespace {

/// How far the gradients of two runs are apart, over all parameters, relative to the second.
double distance(const Parameters& p, const Runner& a, const Runner& b) {
  double difference = 0, norm = 0;
  for (int i = 0; i < p.count(); ++i) {
    for (int64_t e = 0; e < a.gradient(i).numel(); ++e) {
      const double x = get(a.gradient(i).view(), e), y = get(b.gradient(i).view(), e);
      difference += (x - y) * (x - y);
      norm += y * y;
    }
  }
  return std::sqrt(difference / norm);
}

}  // namespace

Result kernels_f32(const Subject& s) {
  Parameters exact = s.weights(DType::f64), single = s.weights(DType::f32);
  Runner reference = s.runner(exact, {.mode = Mode::train});
  Runner f32 = s.runner(single, {.mode = Mode::train, .dtype = DType::f32});
  reference.run(s.tokens, kTime);
  f32.run(s.tokens, kTime);
  const double loss = std::abs(f32.loss() - reference.loss()) / reference.loss();
  if (!(loss <= 1e-5)) return within(loss, 1e-5, "the loss");
  double worst = 0;
  std::string where;
  for (int i = 0; i < exact.count(); ++i) {
    const Comparison c = compare(f32.gradient(i).view(), reference.gradient(i).view());
    if (c.relative_l2 <= worst) continue;
    worst = c.relative_l2;
    where = "worst gradient: " + exact.spec(i).name + (c.fault.empty() ? "" : ", ") + c.fault;
  }
  return within(worst, 1e-4, where);
}

/// f32 weights as far from `from` as rounding to bf16 takes them, at random.
Parameters shaken(const Subject& s, const Parameters& from, const char* draw) {
  Parameters other = s.weights(DType::f32);
  for (int i = 0; i < from.count(); ++i) {
    const Random random(19, draw + from.spec(i).name);
    Tensor t = convert(from.master(i), DType::f32);
    for (int64_t e = 0; Parameters::is_matrix(from.spec(i)) && e < t.numel(); ++e) {
      const double x = get(t.view(), e);
      set(t.view(), e, x + x * 0x1p-9 * (2 * random.uniform(static_cast<uint64_t>(e)) - 1));
    }
    other.assign(i, t.view());
  }
  return other;
}

// A bf16 program errs by rounding activations where an f32 program with the same weights does not.
// How much a rounding is amplified depends on the model, so the limit is a multiple of what moving
// the weights by a rounding changes: root mean square of three draws, since a single one may be a
// lucky one (for six plain layers it was half as large as usual).
Result kernels_bf16(const Subject& s) {
  Parameters half = s.weights(DType::bf16), exact = s.weights(DType::f32);
  Parameters rounded = s.weights(DType::f32);
  for (int i = 0; i < half.count(); ++i) {
    if (half.has_bf16(i)) rounded.assign(i, half.bf16_copy(i));
  }
  Runner a = s.runner(half, {.mode = Mode::train, .dtype = DType::bf16});
  Runner b = s.runner(rounded, {.mode = Mode::train, .dtype = DType::f32});
  a.run(s.tokens, kTime);
  b.run(s.tokens, kTime);
  const double loss = std::abs(a.loss() - b.loss()) / b.loss();
  if (!(loss <= 0.03)) return within(loss, 0.03, "the loss");
  double squares = 0;
  const auto add = [&](Parameters moved) {
    Runner c = s.runner(moved, {.mode = Mode::train, .dtype = DType::f32});
    c.run(s.tokens, kTime);
    const double d = distance(half, c, b);
    squares += d * d;
  };
  add(std::move(exact));
  add(shaken(s, rounded, "first "));
  add(shaken(s, rounded, "second "));
  const double sensitivity = std::sqrt(squares / 3);
  return within(distance(half, a, b), 5 * sensitivity + 0.01,
                fmt::format("a rounding of the weights changes gradients by {:.1e}", sensitivity));
}

}  // namespace weft::checks
