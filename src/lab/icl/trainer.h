// Training of one setting, step by step, and of many settings at once.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "lab/icl/objective.h"
#include "lab/icl/update_rule.h"

namespace weft::icl {

/// What one step saw, at the parameters before it.
struct StepReport {
  int64_t step = 0;          ///< from 0
  double loss = 0;           ///< of the batch
  double gradient_norm = 0;  ///< before clipping
  double lr = 0;
  int64_t skipped = 0;  ///< prompts of the batch that were left out
  /// No prompt of the batch had a finite loss: the parameters were left as they were, and every
  /// further step will be like this one or useless.
  bool lost = false;
};

/// One run: parameters, optimiser, fresh batches. Deterministic: neither the number of threads nor
/// the instruction set changes a bit.
class Trainer {
 public:
  /// Parameters from initial_parameters() of the setting's seed. Throws Error(config) where there
  /// is no kernel for the model.
  Trainer(const Setting& setting, const Runtime& runtime);
  /// The same from given parameters. Throws Error(usage) where their number is wrong.
  Trainer(const Setting& setting, const Runtime& runtime, std::span<const double> theta);

  const Setting& setting() const { return setting_; }
  const ParameterLayout& layout() const { return objective_.layout(); }
  int64_t step() const { return step_; }                     ///< updates done so far
  std::span<const double> theta() const { return theta_; }   ///< [parameters]
  std::span<const double> gradient() const { return raw_; }  ///< of the last step, not clipped

  /// Gradient of the next batch, clipping, update.
  StepReport advance();
  /// Of the fixed evaluation batch at the present parameters, in float64.
  LossStatistics evaluate();

 private:
  Setting setting_;
  Objective objective_;
  UpdateRule rule_;
  PromptBatch evaluation_;
  int64_t step_ = 0;
  std::vector<double> theta_, raw_, clipped_;  // [parameters]
  std::vector<double> residuals_;              // [eval_batch]
};

/// An evaluation before step `step`, with that step's report (of the last evaluation, behind the
/// last step: with what the step before saw).
struct TrainPoint {
  int64_t step = 0;
  LossStatistics evaluation;
  StepReport report;
  int64_t skipped = 0;  ///< training prompts left out so far
  double seconds = 0;   ///< since the run began
};

struct TrainObserver {
  /// Every evaluation, with the parameters that it is of.
  std::function<void(const TrainPoint&, std::span<const double> theta)> on_point = {};
  /// Every step: the parameters behind it.
  std::function<void(const StepReport&, std::span<const double> theta)> on_step = {};
};

struct Trained {
  std::vector<TrainPoint> curve;  ///< every eval_every steps from 0, and behind the last
  std::vector<double> theta;      ///< at the end
  int64_t skipped = 0;
  bool lost = false;     ///< see StepReport; the run ended there
  bool stopped = false;  ///< `stop` was set before the last step
  double seconds = 0;
};

/// A run from its initial parameters to the end. Throws what an observer throws.
Trained train(const Setting& setting, const Runtime& runtime, const TrainObserver& observer = {},
              const std::atomic<bool>* stop = nullptr);

/// Called from any thread, one call at a time.
struct ManyObserver {
  std::function<void(size_t run, const TrainPoint&)> on_point = {};
  std::function<void(size_t run)> on_end = {};
};
/// Runs in any number, in the order given: one a thread while there are at least as many as
/// threads, else one after the other with all threads for each. A run's result does not depend on
/// which. Throws the first thing that was thrown in any of them, after the others have ended.
std::vector<Trained> train_all(std::span<const Setting> settings, const Runtime& runtime,
                               const ManyObserver& observer = {},
                               const std::atomic<bool>* stop = nullptr);

}  // namespace weft::icl
