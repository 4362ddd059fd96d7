// Many measured runs side by side.
#include <algorithm>
#include <exception>
#include <mutex>
#include <numeric>

#include "lab/icl/microscope.h"

namespace weft::icl {
namespace {

/// Of jobs that go side by side: what their observers share.
class Crowd {
 public:
  Crowd(std::span<const Job> jobs, const JobObserver& observer, const std::atomic<bool>* stop)
      : jobs_(jobs), observer_(observer), stop_(stop), shares_(jobs.size(), 0.0) {
    for (const Job& job : jobs) {
      costs_.push_back(cost_of(job.setting, job.plan).total);
      all_ += costs_.back();
    }
  }

  /// The costliest first.
  std::vector<size_t> order() const {
    std::vector<size_t> places(jobs_.size());
    std::iota(places.begin(), places.end(), size_t{0});
    std::stable_sort(places.begin(), places.end(),
                     [&](size_t a, size_t b) { return costs_[a] > costs_[b]; });
    return places;
  }

  MeasuredRun run(size_t job, const Runtime& runtime) noexcept {
    if (stopped()) return unbegun(job);
    try {
      MeasureObserver one;
      if (observer_.on_point) {
        one.on_point = [this, job](const CurvePoint& point) {
          const std::scoped_lock lock(mutex_);
          observer_.on_point(job, point);
        };
      }
      one.on_progress = [this, job](double share) { progress(job, share); };
      MeasuredRun run =
          measure(jobs_[job].setting, jobs_[job].plan, runtime, one, [this] { return stopped(); });
      run.group = jobs_[job].group;
      return run;
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (!thrown_) thrown_ = std::current_exception();
      broken_ = true;
      return {};
    }
  }

  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  MeasuredRun unbegun(size_t job) const {
    MeasuredRun run;
    run.group = jobs_[job].group;
    run.setting = jobs_[job].setting;
    run.stopped = true;
    return run;
  }

  bool stopped() const { return broken_.load() || (stop_ != nullptr && stop_->load()); }

  void progress(size_t job, double share) {
    if (!observer_.on_progress) return;
    const std::scoped_lock lock(mutex_);
    done_ += (share - shares_[job]) * costs_[job];
    shares_[job] = share;
    observer_.on_progress(all_ > 0 ? std::min(1.0, done_ / all_) : 1);
  }

  std::span<const Job> jobs_;
  const JobObserver& observer_;
  const std::atomic<bool>* stop_;
  std::vector<double> costs_, shares_;
  double all_ = 0, done_ = 0;
  std::mutex mutex_;
  std::exception_ptr thrown_;
  std::atomic<bool> broken_{false};
};

}  // namespace

std::vector<MeasuredRun> run_jobs(std::span<const Job> jobs, const Runtime& runtime,
                                  const JobObserver& observer, const std::atomic<bool>* stop) {
  std::vector<MeasuredRun> out(jobs.size());
  Crowd crowd(jobs, observer, stop);
  const std::vector<size_t> order = crowd.order();
  if (std::ssize(jobs) < runtime.threads) {
    for (const size_t job : order) out[job] = crowd.run(job, runtime);
  } else {
    Runtime alone = runtime;
    alone.threads = 1;
    parallel_for(runtime, std::ssize(jobs), [&](int64_t i, int) {
      const size_t job = order[static_cast<size_t>(i)];
      out[job] = crowd.run(job, alone);
    });
  }
  crowd.rethrow();
  return out;
}

}  // namespace weft::icl
