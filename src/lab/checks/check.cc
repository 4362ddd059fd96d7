#include "lab/checks/check.h"

#include <exception>

#include "base/args.h"
#include "base/error.h"

namespace weft::checks {

std::span<const Check> all() {
  static const Check list[] = {
      {"gradients", "every gradient is that of finite differences, in f64", gradients},
      {"causality", "no row sees a later token, every row sees its own", causality},
      {"documents", "packed documents read as if each stood alone", documents},
      {"decoding-f64", "steps and chunks over the cache give the full forward", decoding_f64},
      {"decoding-f32", "the same in f32", decoding_f32, true},
      {"rollback", "tokens taken back from a session leave nothing behind", rollback},
      {"cache", "the cache has the bytes of its plan, and all of it is read", cache},
      {"neutral", "a wiring's neutral setting is the model without it, bit for bit", neutral},
      {"kernels-f32", "f32 kernels agree with the f64 reference", kernels_f32, true},
      {"kernels-bf16", "bf16 kernels err by their rounding alone", kernels_bf16, true},
      {"recompute", "recomputed activations give the same bits", recompute},
      {"threads", "the number of threads gives the same bits", threads},
      {"poison", "nothing reads what nobody wrote, every weight is read", poison},
      {"resume", "a run that stops and resumes reaches the same bits", resume},
  };
  return list;
}

const Check& find(std::string_view name) {
  std::vector<std::string> names;
  for (const Check& check : all()) {
    if (check.name == name) return check;
    names.emplace_back(check.name);
  }
  fail(ErrorCode::usage, {"checks", "a known check", std::string(name), suggestion(name, names)});
}

namespace {

Result run_once(const Check& check, const Subject& subject) {
  try {
    return check.run(subject);
  } catch (const std::exception& error) {
    return {0, 0, false, false, error.what()};
  }
}

}  // namespace

Result run(const Check& check, const Subject& subject) {
  constexpr int kDraws = 3;
  Result result = run_once(check, subject);
  for (int draw = 1; check.of_rounding && !result.ok && draw < kDraws; ++draw) {
    Subject other = subject;
    other.draw = draw;
    result = run_once(check, other);
  }
  return result;
}

}  // namespace weft::checks
