// The checks that every design must pass, whichever mechanism, position and wirings it is made of:
// one definition for the grid test of the library, for `weft check CONFIG`, and for the mechanisms
// and wirings of a program that links the library.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/checks/subject.h"

namespace weft::checks {

/// What came out of one check.
struct Result {
  double measured = 0;  ///< what was found: an error, or a number of faults
  double limit = 0;     ///< the most that is right
  bool ok = false;
  bool skipped = false;  ///< the question does not arise for this model; `ok` is true then
  std::string message;   ///< where it is worst, what went wrong, or why it was skipped
};

struct Check {
  std::string_view name;
  std::string_view question;  ///< one line: what must hold
  Result (*run)(const Subject& subject);
  /// The limit is one of rounding: a score beside a kink, or a gradient whose terms cancel, may
  /// spoil one draw of the weights, a wrong kernel spoils them all. Up to three draws are made.
  bool of_rounding = false;
};

/// Every check, the quickest to understand first.
std::span<const Check> all();
/// Throws Error(usage) with the nearest name.
const Check& find(std::string_view name);
/// One check; an exception that leaves it is a failure with its text. Of several draws the first
/// that passes, or the last.
Result run(const Check& check, const Subject& subject);

/// The check passes up to the limit, and a NaN fails.
inline Result within(double measured, double limit, std::string message = {}) {
  return {measured, limit, measured <= limit, false, std::move(message)};
}
/// The question does not arise.
inline Result skip(std::string why) {
  return {0, 0, true, true, std::move(why)};
}

/// Counts faults and keeps the first in words.
class Faults {
 public:
  void expect(bool right, const std::function<std::string()>& words) {
    if (right) return;
    if (count_++ == 0) first_ = words();
  }
  Result result() const { return within(count_, 0, first_); }

 private:
  double count_ = 0;
  std::string first_;
};

Result gradients(const Subject& subject);
Result causality(const Subject& subject);
Result documents(const Subject& subject);
Result decoding_f64(const Subject& subject);
Result decoding_f32(const Subject& subject);
Result rollback(const Subject& subject);
Result cache(const Subject& subject);
Result neutral(const Subject& subject);
Result kernels_f32(const Subject& subject);
Result kernels_bf16(const Subject& subject);
Result recompute(const Subject& subject);
Result threads(const Subject& subject);
Result poison(const Subject& subject);
Result resume(const Subject& subject);

}  // namespace weft::checks
