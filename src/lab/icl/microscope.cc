#include "lab/icl/microscope.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <mutex>
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
      if (lost) run_.lost_at = trainer_.step() - 1;
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

/// Prompts drawn at once: 8192, fewer where they are so long that a thread would hold more than
/// 2^24 numbers. A power of 2, a divisor of what affordable_prompts() gives.
int64_t chunk_of(const Setting& setting) {
  constexpr int64_t kMostNumbers = int64_t{1} << 24;
  int64_t prompts = 8192;
  while (prompts > 2 * kPack && prompts * setting.law.d * (setting.law.n + 1) > kMostNumbers) {
    prompts /= 2;
  }
  return prompts;
}

}  // namespace

MeasuredRun measure(const Setting& setting, const MeasurePlan& plan, const Runtime& runtime,
                    const MeasureObserver& observer, const std::function<bool()>& stop) {
  return MeasuredTraining(setting, plan, runtime, observer).finish(stop);
}

double sampled_loss_cost(const Setting& setting, int64_t shared) {
  // Forward only, a third of the way there and back, in float64: twice that.
  return static_cast<double>(affordable_prompts(setting, shared)) * cost_of(setting, {}).prompt *
         2 / 3;
}

SampledLoss sampled_loss(const Setting& setting, std::span<const double> theta,
                         const Runtime& runtime, int64_t shared,
                         const SampledLossObserver& observer) {
  const int64_t chunk_prompts = chunk_of(setting);
  // Behind the steps at which a population stands for the true gradient.
  constexpr int64_t kFirstStep = int64_t{1} << 40;
  SampledLoss out;
  out.prompts = affordable_prompts(setting, shared);
  const int64_t chunks = out.prompts / chunk_prompts;
  const Sampler sampler(setting.law, runtime.isa);
  Runtime alone = runtime;
  alone.threads = 1;
  std::deque<Objective> objectives;  // of each thread
  for (int i = 0; i < runtime.threads; ++i) objectives.emplace_back(setting, alone);
  std::vector<double> residuals(static_cast<size_t>(out.prompts));
  std::atomic<bool> stopped{false};
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(runtime, chunks, [&](int64_t chunk, int thread) {
    if (observer.stop != nullptr && observer.stop->load()) stopped = true;
    if (stopped) return;
    const PromptBatch batch(sampler,
                            {setting.training.eval_seed, Purpose::population, kFirstStep + chunk},
                            chunk_prompts);
    objectives[static_cast<size_t>(thread)].residuals(
        batch, theta,
        std::span(residuals).subspan(static_cast<size_t>(chunk * chunk_prompts), chunk_prompts));
    const std::scoped_lock lock(mutex);
    ++done;
    if (!observer.on_progress) return;
    observer.on_progress(static_cast<double>(done) / static_cast<double>(chunks));
  });
  out.stopped = stopped;
  std::vector<double> losses;
  losses.reserve(residuals.size());
  for (const double e : residuals) {
    if (std::isfinite(e * e)) losses.push_back(e * e);
  }
  out.skipped = out.prompts - std::ssize(losses);
  if (losses.empty()) {
    out.mean = out.standard_error = out.median = out.clipped_mean =
        std::numeric_limits<double>::quiet_NaN();
    return out;
  }
  out.mean = stats::mean(losses);
  out.standard_error = stats::deviation(losses) / std::sqrt(static_cast<double>(losses.size()));
  out.median = stats::median(losses);
  out.clipped_mean = stats::clipped_mean(losses);
  return out;
}

}  // namespace weft::icl
