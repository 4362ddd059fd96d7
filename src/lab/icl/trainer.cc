#include "lab/icl/trainer.h"

#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>

#include "base/error.h"

namespace weft::icl {
namespace {

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool is_set(const std::atomic<bool>* stop) {
  return stop != nullptr && stop->load(std::memory_order_relaxed);
}

}  // namespace

Trainer::Trainer(const Setting& setting, const Runtime& runtime)
    : Trainer(setting, runtime,
              initial_parameters(setting.model, setting.law.d, setting.training.seed)) {}

Trainer::Trainer(const Setting& setting, const Runtime& runtime, std::span<const double> theta)
    : setting_(setting),
      objective_(setting, runtime),
      rule_(setting.training, objective_.parameters()),
      evaluation_(evaluation_batch(setting, runtime.isa)),
      theta_(theta.begin(), theta.end()),
      raw_(theta.size()),
      clipped_(theta.size()),
      residuals_(static_cast<size_t>(setting.training.eval_batch)) {
  if (static_cast<int64_t>(theta.size()) != objective_.parameters()) {
    fail(ErrorCode::usage, {"train", std::to_string(objective_.parameters()) + " parameters",
                            std::to_string(theta.size()), "layout_of() says what they are"});
  }
}

StepReport Trainer::advance() {
  const Training& t = setting_.training;
  StepReport report;
  report.step = step_;
  report.lr = rate_at(t, step_);
  const BatchLoss batch =
      objective_.gradient({t.seed, Purpose::training, step_}, t.batch, theta_, raw_);
  report.loss = batch.loss;
  report.skipped = batch.skipped;
  report.lost = batch.skipped == t.batch;
  clipped_ = raw_;
  report.gradient_norm = clip_norm(clipped_, t.clip);
  if (!report.lost) rule_.apply(theta_, clipped_, report.lr);
  ++step_;
  return report;
}

LossStatistics Trainer::evaluate() {
  objective_.residuals(evaluation_, theta_, residuals_);
  return loss_statistics(residuals_);
}

Trained train(const Setting& setting, const Runtime& runtime, const TrainObserver& observer,
              const std::atomic<bool>* stop) {
  const Clock clock;
  const Training& t = setting.training;
  Trainer trainer(setting, runtime);
  Trained out;
  std::vector<double> before;
  const auto add = [&](TrainPoint point, std::span<const double> theta) {
    point.skipped = out.skipped;
    point.seconds = clock.seconds();
    out.curve.push_back(point);
    if (observer.on_point) observer.on_point(point, theta);
  };
  StepReport report;
  while (trainer.step() < t.steps && !out.lost && !out.stopped) {
    TrainPoint point;
    point.step = trainer.step();
    const bool evaluated = point.step % t.eval_every == 0;
    if (evaluated) {
      point.evaluation = trainer.evaluate();
      before.assign(trainer.theta().begin(), trainer.theta().end());
    }
    report = trainer.advance();
    out.skipped += report.skipped;
    out.lost = report.lost;
    if (evaluated) {
      point.report = report;
      add(point, before);
    }
    if (observer.on_step) observer.on_step(report, trainer.theta());
    out.stopped = is_set(stop) && trainer.step() < t.steps;
  }
  TrainPoint last;
  last.step = trainer.step();
  last.evaluation = trainer.evaluate();
  last.report = report;
  last.report.lr = rate_at(t, trainer.step());
  add(last, trainer.theta());
  out.theta.assign(trainer.theta().begin(), trainer.theta().end());
  out.seconds = clock.seconds();
  return out;
}

std::vector<Trained> train_all(std::span<const Setting> settings, const Runtime& runtime,
                               const ManyObserver& observer, const std::atomic<bool>* stop) {
  std::vector<Trained> out(settings.size());
  std::exception_ptr thrown;
  std::mutex mutex;
  const auto run = [&](size_t i, const Runtime& rt) {
    try {
      TrainObserver one;
      if (observer.on_point) {
        one.on_point = [&, i](const TrainPoint& point, std::span<const double>) {
          const std::scoped_lock lock(mutex);
          observer.on_point(i, point);
        };
      }
      out[i] = train(settings[i], rt, one, stop);
      const std::scoped_lock lock(mutex);
      if (observer.on_end) observer.on_end(i);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!thrown) thrown = std::current_exception();
    }
  };
  if (static_cast<int64_t>(settings.size()) < runtime.threads) {
    for (size_t i = 0; i < settings.size(); ++i) run(i, runtime);
  } else {
    Runtime alone = runtime;
    alone.threads = 1;
    parallel_for(runtime, static_cast<int64_t>(settings.size()),
                 [&](int64_t i, int) { run(static_cast<size_t>(i), alone); });
  }
  if (thrown) std::rethrow_exception(thrown);
  return out;
}

}  // namespace weft::icl
