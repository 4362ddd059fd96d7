#include "lab/icl/microscope.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "lab/icl/batch.h"
#include "lab/icl/instruments.h"
#include "lab/icl/trainer.h"

namespace weft::icl {
namespace {

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// A run under way: its trainer, what looks at it, and how far it is.
class MeasuredTraining {
 public:
  MeasuredTraining(const Setting& setting, const MeasurePlan& plan, const Runtime& runtime,
                   const MeasureObserver& observer)
      : plan_(plan),
        observer_(observer),
        cost_(cost_of(setting, plan)),
        trainer_(setting, runtime) {
    run_.setting = setting;
    if (plan != MeasurePlan{}) instruments_.emplace(setting, plan, runtime);
  }

  MeasuredRun finish(const std::function<bool()>& stop) {
    const Training& t = run_.setting.training;
    bool lost = false;
    while (trainer_.step() < t.steps && !lost && !run_.stopped) {
      look();
      lost = step();
      run_.stopped = trainer_.step() < t.steps && stop && stop();
    }
    if (!lost && !run_.stopped) look();
    StepReport last = last_;
    last.lr = rate_at(t, trainer_.step());
    add(trainer_.step(), trainer_.evaluate(), last);
    run_.theta.assign(trainer_.theta().begin(), trainer_.theta().end());
    run_.matrices = matrices_of(trainer_.layout(), run_.theta);
    if (!points_.empty()) run_.smoothness = smoothness_of(std::move(points_));
    run_.seconds = seconds();
    if (observer_.on_progress) observer_.on_progress(1);
    return std::move(run_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

  void spend(double cost) {
    done_ += cost;
    const double share = cost_.total > 0 ? std::min(1.0, done_ / cost_.total) : 1;
    // Every step would be too often for whoever draws it.
    if (observer_.on_progress && share >= told_ + 0.001) observer_.on_progress(told_ = share);
  }

  void look() {
    if (!instruments_) return;
    instruments_->look(trainer_.step(), trainer_.theta(), run_);
    if (holds(plan_.condition_at, trainer_.step())) spend(cost_.hessian);
    if (holds(plan_.noise_at, trainer_.step())) spend(cost_.noise);
  }

  /// True: nothing is left to train.
  bool step() {
    const int64_t step = trainer_.step();
    const bool evaluated = step % run_.setting.training.eval_every == 0;
    const bool followed = instruments_ && step < plan_.smoothness_steps;
    const LossStatistics evaluation = evaluated ? trainer_.evaluate() : LossStatistics{};
    if (followed) before_.assign(trainer_.theta().begin(), trainer_.theta().end());
    last_ = trainer_.advance();
    run_.skipped += last_.skipped;
    if (evaluated) add(step, evaluation, last_);
    if (followed && !last_.lost) {
      points_.push_back(instruments_->follow(step, before_, trainer_.theta()));
      const bool lambda = plan_.lambda_every > 0 && step % plan_.lambda_every == 0;
      spend(cost_.follow + (lambda ? cost_.hessian : 0));
    }
    spend(cost_.step);
    return last_.lost || !all_finite(trainer_.theta());
  }

  void add(int64_t step, const LossStatistics& e, const StepReport& report) {
    run_.curve.push_back({step, e.mean, e.median, e.clipped_mean, report.gradient_norm, report.lr,
                          run_.skipped + e.skipped, seconds()});
    if (observer_.on_point) observer_.on_point(run_.curve.back());
  }

  const MeasurePlan& plan_;
  const MeasureObserver& observer_;
  JobCost cost_;
  Trainer trainer_;
  std::optional<Instruments> instruments_;
  MeasuredRun run_;
  StepReport last_;
  std::vector<double> before_;
  std::vector<SmoothnessPoint> points_;
  Clock::time_point begun_ = Clock::now();
  double done_ = 0, told_ = 0;
};

/// Prompts that take about as long as a million of the paper's setting 1.
int64_t affordable_prompts(const Setting& setting, int64_t shared) {
  const double of_the_paper = cost_of(Setting{}, {}).prompt;
  const double affordable =
      (1 << 20) * of_the_paper / cost_of(setting, {}).prompt / static_cast<double>(shared);
  int64_t prompts = 1 << 15;
  while (prompts < (1 << 20) && 2 * static_cast<double>(prompts) <= affordable) prompts *= 2;
  return prompts;
}

}  // namespace

MeasuredRun measure(const Setting& setting, const MeasurePlan& plan, const Runtime& runtime,
                    const MeasureObserver& observer, const std::function<bool()>& stop) {
  return MeasuredTraining(setting, plan, runtime, observer).finish(stop);
}

SampledLoss sampled_loss(const Setting& setting, std::span<const double> theta,
                         const Runtime& runtime, int64_t shared) {
  constexpr int64_t kChunk = 8192;
  // Behind the steps at which a population stands for the true gradient.
  constexpr int64_t kFirstStep = int64_t{1} << 40;
  const int64_t prompts = affordable_prompts(setting, shared);
  const Sampler sampler(setting.law, runtime.isa);
  Objective objective(setting, runtime);
  std::vector<double> residuals(kChunk), losses;
  losses.reserve(static_cast<size_t>(prompts));
  for (int64_t chunk = 0; chunk < prompts / kChunk; ++chunk) {
    const PromptBatch batch(
        sampler, {setting.training.eval_seed, Purpose::population, kFirstStep + chunk}, kChunk);
    objective.residuals(batch, theta, residuals);
    for (const double e : residuals) {
      if (std::isfinite(e * e)) losses.push_back(e * e);
    }
  }
  SampledLoss out;
  out.prompts = prompts;
  out.skipped = prompts - std::ssize(losses);
  out.mean = stats::mean(losses);
  out.standard_error = stats::deviation(losses) / std::sqrt(static_cast<double>(losses.size()));
  out.median = stats::median(losses);
  out.clipped_mean = stats::clipped_mean(losses);
  return out;
}

}  // namespace weft::icl
