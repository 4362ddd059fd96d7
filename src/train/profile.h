// Where the time of training steps goes: one row for every kind of work.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "program/observer.h"

namespace weft {

/// All work of one kind in one step.
struct ProfileRow {
  std::string name;             ///< "linear 1024x384 backward", "attention forward", "optimizer"
  int calls = 0;                ///< in a step
  Cost cost;                    ///< of them together
  std::vector<double> seconds;  ///< [steps] of them together
};

/// Stands beside Trainer::step(): time passes from one call of ran() to the next.
class StepProfile final : public Observer {
 public:
  /// Before every step.
  void start_step();
  void ran(const Graph& graph, const Action& action) override;
  void ran(std::string_view part, double bytes) override;

  const std::vector<ProfileRow>& rows() const { return rows_; }

 private:
  void book(std::string name, const Cost& cost);

  using Clock = std::chrono::steady_clock;
  Clock::time_point last_;
  int steps_ = 0;
  std::vector<ProfileRow> rows_;
};

}  // namespace weft
