// What must not change a bit: recomputation, threads, old memory, a neutral wiring.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/compare.h"
#include "lab/checks/check.h"

namespace weft::checks {
namespace {

/// Loss and gradients of two training programs over weights of the same names.
void expect_same_training(Faults& faults, const Parameters& p, const Runner& a, const Parameters& q,
                          const Runner& b, const std::string& what) {
  faults.expect(a.loss() == b.loss(), [&] {
    return fmt::format("{}: loss {:.17g}, expected {:.17g}", what, a.loss(), b.loss());
  });
  faults.expect(p.count() == q.count(), [&] {
    return fmt::format("{}: {} parameters, expected {}", what, p.count(), q.count());
  });
  for (int i = 0; i < p.count(); ++i) {
    const std::string& name = p.spec(i).name;
    const int other = q.find(name);
    const bool same = other >= 0 && same_bits(a.gradient(i).view(), b.gradient(other).view());
    faults.expect(same, [&] { return fmt::format("{}: other gradient of {}", what, name); });
  }
}

Result same_training(const Subject& s, const RunnerOptions& options, const std::string& what) {
  Parameters p = s.weights(DType::f32);
  Runner plain = s.runner(p, {.mode = Mode::train, .dtype = DType::f32});
  Runner other = s.runner(p, options);
  plain.run(s.tokens, kTime);
  other.run(s.tokens, kTime);
  Faults faults;
  expect_same_training(faults, p, other, p, plain, what);
  return faults.result();
}

void expect_same_decoding(Faults& faults, const Subject& a, Parameters& p, const Subject& b,
                          Parameters& q, const std::string& what) {
  Runner x = a.runner(p, {.mode = Mode::generate, .dtype = DType::f32});
  Runner y = b.runner(q, {.mode = Mode::generate, .dtype = DType::f32});
  faults.expect(x.state_bytes() == y.state_bytes(), [&] {
    return fmt::format("{}: a cache of {} bytes, expected {}", what, x.state_bytes(),
                       y.state_bytes());
  });
  int64_t past = 0;
  for (const int64_t time : {3, 1, 1, 4}) {
    const std::vector<int32_t> part(a.tokens.begin() + kBatch * past,
                                    a.tokens.begin() + kBatch * (past + time));
    x.run(part, time, past);
    y.run(part, time, past);
    faults.expect(same_bits(x.logits(kBatch).view(), y.logits(kBatch).view()),
                  [&] { return fmt::format("{}: other logits after {} tokens", what, past); });
    past += time;
  }
}

void expect_same_models(Faults& faults, const Subject& a, const Subject& b,
                        const std::string& what) {
  Parameters p = a.weights(DType::f32), q = b.weights(DType::f32);
  Runner x = a.runner(p, {.mode = Mode::train, .dtype = DType::f32});
  Runner y = b.runner(q, {.mode = Mode::train, .dtype = DType::f32});
  x.run(a.tokens, kTime);
  y.run(a.tokens, kTime);
  expect_same_training(faults, p, x, q, y, what);
  expect_same_decoding(faults, a, p, b, q, what);
}

}  // namespace

Result recompute(const Subject& s) {
  return same_training(s, {.mode = Mode::train, .dtype = DType::f32, .recompute = true},
                       "recomputed");
}

Result threads(const Subject& s) {
  for (const int n : {2, 3}) {
    const Result r = same_training(s, {.mode = Mode::train, .dtype = DType::f32, .threads = n},
                                   fmt::format("{} threads", n));
    if (!r.ok) return r;
  }
  return within(0, 0);
}

// A wiring says itself under which arguments it changes nothing: they depend on the model, and
// wirings of a linking program must be checked like those of the library.
Result neutral(const Subject& s) {
  Faults faults;
  int settings = 0;
  for (size_t w = 0; w < s.config.wiring.size(); ++w) {
    const std::string& name = s.config.wiring[w].name;
    const WiringInfo& info = s.axes.wirings.find(name);
    if (!info.neutral) continue;
    ModelConfig without = s.config;
    without.wiring.erase(without.wiring.begin() + static_cast<std::ptrdiff_t>(w));
    const Subject plain(without, s.axes);
    for (const auto& args : info.neutral(s.config)) {
      ++settings;
      ModelConfig config = s.config;
      config.wiring[w] = configure_wiring(config, name, args, s.axes.wirings);
      std::string what = name + " with";
      for (const auto& [key, value] : args) what += " " + key + " = " + to_string(value);
      expect_same_models(faults, Subject(config, s.axes), plain, what);
    }
  }
  if (settings == 0) return skip("no wiring with a neutral setting");
  return faults.result();
}

// Runners fill the arena, gradients and caches with NaN before every run, so whatever reads memory
// that nobody wrote ends in a NaN.
Result poison(const Subject& s) {
  Faults faults;
  Parameters p = s.weights(DType::f64);
  Runner train = s.runner(p, {.mode = Mode::train});
  train.run(s.tokens, kTime);
  for (int i = 0; i < p.count(); ++i) {
    bool finite = true;
    for (int64_t e = 0; e < train.gradient(i).numel(); ++e) {
      finite = finite && std::isfinite(get(train.gradient(i).view(), e));
    }
    faults.expect(finite, [&] { return "a NaN in the gradient of " + p.spec(i).name; });
  }
  Runner forward = s.runner(p, {.mode = Mode::logits});
  forward.run(s.tokens, kTime);
  const Tensor want = forward.logits(kBatch * kTime);
  for (int i = 0; i < p.count(); ++i) {
    const ParameterSpec& spec = p.spec(i);
    for (size_t block = 0; block < spec.rows_from.size(); ++block) {
      const int64_t size = spec.head_rows * spec.shape[1];
      double* rows = p.master(i).as<double>() + static_cast<int64_t>(block) * size;
      const std::vector<double> before(rows, rows + size);
      for (int64_t e = 0; e < size; ++e) rows[e] += 1;
      forward.run(s.tokens, kTime);
      std::copy(before.begin(), before.end(), rows);
      faults.expect(!same_bits(forward.logits(kBatch * kTime).view(), want.view()), [&] {
        return fmt::format("nobody reads head {} of {}", spec.rows_from[block], spec.name);
      });
    }
  }
  return faults.result();
}

}  // namespace weft::checks
