// For the tests of the plain skeleton: memory and tables of one execution, on whatever machine.
#pragma once

#include "attention/fixture_test.h"
#include "attention/problem.h"

namespace weft::test {

/// A case in memory, ready to be run: tensors wider than their heads, rows to spare; outputs start
/// as NaN, gradients too unless `add` (then as ones, to be added to).
template <class T>
class StreamingCase {
 public:
  StreamingCase(const Case& c, const Values& x, bool add = false);
  StreamingCase(const StreamingCase&) = delete;
  StreamingCase& operator=(const StreamingCase&) = delete;

  /// All that problem and run point at belongs to this object.
  AttentionProblem problem{};
  AttentionRun run{};
  static constexpr int kInputs = 4;  ///< q, k, v, and where it is learned the remainder

  /// visit(array, pointer) for every array of numbers and the pointer of the run that leads there.
  template <class Visit>
  void each_array(Visit visit) {
    for (int i = 0; i < kInputs; ++i) {
      visit(in_[i], in_at_[i]);
      visit(d_in_[i], d_in_at_[i]);
    }
    visit(o_, run.o);
    visit(rem_, run.rem);
    visit(statistic_, run.statistic);
    visit(d_o_, run.d_o);
    visit(d_rem_, run.d_rem);
    visit(visited_, run.visited);
    visit(first_key_, run.first_key);
  }

  /// The numbers of the heads, without padding; ones that were added to are taken off.
  Outcome outcome() const;
  /// Whether spare rows and columns are as they were.
  bool padding_is_untouched() const;

 private:
  void address(const Case& c);

  const Case case_;
  const bool add_;
  int64_t rows_, spare_rows_;
  std::vector<T> in_[kInputs], d_in_[kInputs], o_, rem_, statistic_, d_o_, d_rem_;
  std::vector<int32_t> visited_, first_key_;
  std::vector<HeadSource> q_, k_, v_;
  std::vector<int32_t> owner_begin_, owner_heads_;
  const void* in_at_[kInputs] = {};
  void* d_in_at_[kInputs] = {};
  uint8_t add_flags_[kInputs] = {};
};

extern template class StreamingCase<float>;
extern template class StreamingCase<double>;

/// Cases that between them reach every branch of the skeleton.
std::vector<Case> streaming_cases();
/// A line that tells a case from the others.
std::string label(const Case& c);
/// The largest error of any array of an outcome; infinite where one of them has an array more.
double forward_error(const Outcome& got, const Outcome& want);
double backward_error(const Outcome& got, const Outcome& want);

}  // namespace weft::test
