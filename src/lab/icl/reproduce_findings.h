// What a reproduction found: quantities over seeds beside the published values, figures, verdicts,
// and the page that shows them.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/icl/record.h"
#include "lab/icl/reproduce_suite.h"
#include "lab/report/page.h"
#include "lab/report/plot.h"

namespace weft::icl {

/// A number over seeds. `id` as in references().
struct Quantity {
  std::string id, what;
  std::vector<double> values;  ///< one a seed
};

enum class Answer : uint8_t { confirmed, partly, not_confirmed, not_measured };
struct Verdict {
  std::string claim;
  Answer answer = Answer::not_measured;
  std::string reason;  ///< with our numbers
};

struct NamedFigure {
  std::string file, svg;
};

/// Quantities whose ids are `prefix` and a step.
struct StepRow {
  std::string name, prefix;
};

/// All runs of a reproduction.
class Runs {
 public:
  explicit Runs(std::vector<MeasuredRun> runs) : runs_(std::move(runs)) {}
  /// Those of a group by increasing seed.
  std::vector<const MeasuredRun*> of(std::string_view group) const;
  std::span<const MeasuredRun> all() const { return runs_; }

 private:
  std::vector<MeasuredRun> runs_;
};

class Findings {
 public:
  Findings(std::string title, std::string subtitle) : page(std::move(title), std::move(subtitle)) {}

  /// Left out where no value is a number.
  void add(std::string id, std::string what, std::vector<double> values);
  /// Null where it was not measured.
  const Quantity* find(std::string_view id) const;
  /// Also onto the page.
  void figure(std::string file, report::Drawing drawing, std::string_view caption);
  void verdict(std::string claim, Answer answer, std::string reason);
  /// A table of the quantities that others measured too, and whose id begins with one of
  /// `prefixes`: ours beside theirs.
  void compare(std::string_view caption, std::initializer_list<std::string_view> prefixes);

  /// A table of means (deviations) over seeds, a column for each step that ends an id.
  void by_step(std::string_view caption, std::span<const StepRow> rows);

  std::span<const Quantity> quantities() const { return quantities_; }
  std::span<const NamedFigure> figures() const { return figures_; }
  std::span<const Verdict> verdicts() const { return verdicts_; }

  report::Page page;

 private:
  std::vector<Quantity> quantities_;
  std::vector<NamedFigure> figures_;
  std::vector<Verdict> verdicts_;
};

std::string_view word_of(Answer answer);  ///< "confirmed", "only in part", ...
nlohmann::json to_json(const Findings& findings);

/// "1.76 (0.40)": mean and deviation over seeds; "1.76" of one seed; "-" where it is no number.
std::string mean_text(std::span<const double> values);
/// Three digits: "0.00123", "1.2e-6", "-" where it is no number.
std::string short_number(double value);

/// A value of a run by step.
using RunCurve = std::function<std::vector<report::PlotPoint>(const MeasuredRun&)>;
RunCurve loss_curve();
RunCurve median_curve();
RunCurve clipped_curve();
RunCurve condition_curve(double Condition::*ratio);

/// Adds the mean of `curve` over seeds to a plot, with a band of +- `share` deviations.
void add_curve(report::Plot& plot, std::string name, std::span<const MeasuredRun* const> runs,
               const RunCurve& curve, double share, int colour, bool dashed = false);

/// The values of one step over seeds.
std::vector<double> losses_at(std::span<const MeasuredRun* const> runs, int64_t step);
std::vector<double> clipped_at(std::span<const MeasuredRun* const> runs, int64_t step);
/// Seed by seed; NaN where one of them lacks it. Both lists are of the same seeds.
std::vector<double> ratios(std::span<const double> above, std::span<const double> below);
std::vector<double> conditions_at(std::span<const MeasuredRun* const> runs, int64_t step,
                                  double Condition::*ratio);

// The chapters, in their order.
void write_gap(const Runs& runs, Findings& findings);
void write_noise(const Runs& runs, Findings& findings);
void write_condition(const Runs& runs, Findings& findings);
void write_smoothness(const Runs& runs, Findings& findings);
void write_tails(const Runs& runs, Findings& findings);
void write_depth(const Runs& runs, Findings& findings);
void write_softmax(const Runs& runs, Findings& findings);
void write_nonlinear(const Runs& runs, Findings& findings);
void write_matrices(const Runs& runs, Findings& findings);

}  // namespace weft::icl
