#include "train/run.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/atomic.h"
#include "model/model.h"
#include "runtime/known_peak.h"
#include "train/checkpoint.h"
#include "train/checkpoint_writer.h"
#include "train/run_data.h"
#include "train/trainer.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error && fs::is_directory(path, error)) return;
  fail(ErrorCode::runtime,
       {path.string(), "a folder for the run", error ? error.message() : "a file of that name",
        "choose another --out"});
}

// What may not change when a run is continued: everything but a larger number of steps.
void check_resumed(const TrainRequest& request, const fs::path& stored_file) {
  const RunConfig& config = request.config;
  const RunConfig stored = load_run_config(stored_file.string(), {}, request.axes, request.tasks);
  RunConfig same_steps = config;
  same_steps.train.steps = stored.train.steps;
  const std::string key = first_difference(write_run_config(stored), write_run_config(same_steps));
  if (!key.empty()) {
    fail(ErrorCode::config, {"config: " + key, "the value in " + stored_file.string(), "another",
                             "when a run is resumed, only train.steps may change"});
  }
  if (config.train.steps >= stored.train.steps) return;
  fail(ErrorCode::config, {"config: train.steps", fmt::format("at least {}", stored.train.steps),
                           std::to_string(config.train.steps), "it may only grow"});
}

// A run below the checkpoints of another would be pruned with them.
void refuse_inside_a_run(const fs::path& out) {
  std::error_code ignored;
  const fs::path path = fs::weakly_canonical(fs::absolute(out, ignored), ignored);
  for (fs::path p = path; p.has_relative_path(); p = p.parent_path()) {
    if (p.filename() != "checkpoints" || !fs::exists(p.parent_path() / "config.toml", ignored)) {
      continue;
    }
    fail(ErrorCode::usage, {out.string(), "a folder of its own",
                            "one among the checkpoints of the run " + p.parent_path().string(),
                            "choose another --out"});
  }
}

// The folder, ready to be written to: refused where it holds what is not ours to overwrite.
void prepare_folder(const TrainRequest& request) {
  refuse_inside_a_run(request.out);
  const fs::path stored = request.out / "config.toml";
  std::error_code ignored;
  const bool exists = fs::exists(stored, ignored);
  if (!request.resume && (exists || !step_folders(request.out).empty())) {
    fail(ErrorCode::usage, {request.out.string(), "a folder without a run", "a run",
                            "continue it with --resume or choose another --out"});
  }
  if (exists) check_resumed(request, stored);
}

class Run {
 public:
  explicit Run(const TrainRequest& request) : request_(request), config_(request.config) {}
  TrainOutcome execute();

 private:
  const TrainConfig& train() const { return config_.train; }
  TrainingPrograms plan();
  void open();
  void restore();
  void announce() const;
  void finish_step();
  void log(bool evaluate);
  double measure_peak(double limit);
  void checkpoint();
  void collect();
  void written(const io::Path& path);
  bool last() const { return step_ == train().steps; }
  bool due(int64_t every) const { return last() || (every > 0 && step_ % every == 0); }
  bool stop_asked() const { return request_.stop != nullptr && request_.stop->load(); }
  TrainState state() const;

  const TrainRequest& request_;
  const RunConfig& config_;
  RunData data_;
  std::optional<Model> model_;
  std::optional<Trainer> trainer_;
  std::optional<MetricsFile> metrics_;
  MemoryPlan memory_;
  TrainOutcome outcome_;
  StepResult result_;
  int64_t step_ = 0;
  int64_t checkpointed_ = -1;  // the step of the newest checkpoint, written or being written
  KnownPeak peak_;
  double began_ = 0;         // when this run would have begun without a break
  double step_seconds_ = 0;  // since the last line of metrics
  int64_t steps_since_log_ = 0;
  std::optional<CheckpointWriter> writer_;  // last: ends before what it reads goes away
};

// Sizes that do not fit are refused before a weight is allocated: at once where a lower bound is
// too large already, else by the plan.
TrainingPrograms Run::plan() {
  check_memory(least_memory(config_.model, train()), usable_memory());
  const Layout layout = derive_layout(config_.model, request_.axes);
  TrainingPrograms programs =
      build_training(config_.model, layout, train(), request_.runtime, request_.axes);
  const auto parameters = parameter_list(config_.model, layout, request_.axes);
  memory_ = plan_memory(programs, config_.model, parameters, train(), config_.data.mask_documents,
                        request_.axes);
  add_snapshot(memory_, snapshot_bytes(parameters, train()), train(), usable_memory());
  check_memory(memory_, usable_memory());
  return programs;
}

// Everything that can be refused is refused here, before the folder is touched.
void Run::open() {
  data_ = open_data(config_, request_.tasks);
  TrainingPrograms programs = plan();
  model_.emplace(make_model(config_.model, train().seed, DType::f32,
                            Trainer::weight_copies(train().precision), request_.axes));
  trainer_.emplace(*model_,
                   Trainer::Options{.train = train(),
                                    .mask_documents = config_.data.mask_documents,
                                    .runtime = request_.runtime,
                                    .axes = request_.axes},
                   std::move(programs));
  if (memory_.snapshot > 0) writer_.emplace(*model_, trainer_->optimizer(), request_.runtime);
  peak_ = KnownPeak(request_.peak_gflops);
}

void Run::restore() {
  const fs::path& out = request_.out;
  bool any = false;
  for (const int64_t step : step_folders(out)) {
    any = any || fs::exists(step_folder(out, step) / "config.json");
  }
  if (!request_.resume || !any) return;
  const fs::path path = find_checkpoint(out);
  const TrainState state = read_checkpoint(path, *model_, trainer_->optimizer(), request_.axes);
  if (state.corpus_tokens != data_.train_tokens) {
    fail(ErrorCode::input,
         {"data.train", fmt::format("the {} tokens that the run began with", state.corpus_tokens),
          std::to_string(data_.train_tokens), "was the text changed?"});
  }
  step_ = checkpointed_ = state.step;
  outcome_.checkpoint = path;
}

void Run::announce() const {
  if (!request_.observer.on_start) return;
  RunStart start;
  start.first_step = step_ + 1;
  start.steps = train().steps;
  start.parameters = model_->parameters.elements();
  start.tokens_per_step = trainer_->tokens_per_step();
  start.corpus_tokens = data_.train_tokens;
  start.validation_tokens = data_.validation_tokens;
  start.task = config_.data.task.name;
  start.memory = memory_;
  request_.observer.on_start(start);
}

TrainOutcome Run::execute() {
  prepare_folder(request_);
  open();
  make_folder(request_.out / "checkpoints");
  io::remove_stale(request_.out);
  io::remove_stale(request_.out / "checkpoints");
  restore();
  metrics_.emplace(request_.out / "metrics.jsonl", step_);
  io::write_atomic(request_.out / "config.toml", io::to_toml(write_run_config(config_)));
  began_ = now() - metrics_->seconds();
  announce();
  while (step_ < train().steps && !stop_asked()) {
    ++step_;
    finish_step();
  }
  collect();
  if (checkpointed_ != step_) checkpoint();
  outcome_.step = step_;
  outcome_.stopped = step_ < train().steps;
  return outcome_;
}

void Run::finish_step() {
  const double start = now();
  result_ = trainer_->step(step_, *data_.train);
  const double seconds = now() - start;
  step_seconds_ += seconds;
  ++steps_since_log_;
  outcome_.loss = result_.loss;
  const TrainObserver& observer = request_.observer;
  if (observer.on_step) {
    const double rate = static_cast<double>(trainer_->tokens_per_step()) / seconds;
    observer.on_step({step_, result_.loss, result_.lr, result_.grad_norm, rate});
  }
  peak_.require([this](double limit) { return measure_peak(limit); });
  const bool evaluate = data_.validation != nullptr && due(train().eval_every);
  if (evaluate || due(train().log_every)) log(evaluate);
  if (writer_ && writer_->done()) collect();
  if (due(train().checkpoint_every)) checkpoint();
}

// 0 where there is no memory left for it: that is no reason to stop training.
double Run::measure_peak(double limit) {
  try {
    return trainer_->measure_peak(limit);
  } catch (const Error&) {
    return 0;
  }
}

void Run::log(bool evaluate) {
  const TrainObserver& observer = request_.observer;
  LogLine line;
  line.step = step_;
  line.tokens = step_ * trainer_->tokens_per_step();
  line.loss = result_.loss;
  line.lr = result_.lr;
  line.grad_norm = result_.grad_norm;
  line.tokens_per_second =
      static_cast<double>(steps_since_log_ * trainer_->tokens_per_step()) / step_seconds_;
  line.mfu = peak_.share(line.tokens_per_second * trainer_->flops_per_token() / 1e9, now() - began_,
                         [this](double limit) { return measure_peak(limit); });
  line.peak_gflops = peak_.gflops();
  if (evaluate) {
    const Score score = trainer_->evaluate(*data_.validation);
    outcome_.val_loss = line.val_loss = score.loss;
    if (config_.data.is_task()) outcome_.val_accuracy = line.val_accuracy = score.accuracy;
    if (observer.on_eval) observer.on_eval(step_, score);
  }
  line.seconds = now() - began_;
  metrics_->append(line);
  if (observer.on_log) observer.on_log(line);
  step_seconds_ = 0;
  steps_since_log_ = 0;
}

TrainState Run::state() const {
  TrainState s;
  s.step = step_;
  s.tokens = step_ * trainer_->tokens_per_step();
  s.windows = step_ * train().accumulate * train().batch;
  s.corpus_tokens = data_.train_tokens;
  s.seed = train().seed;
  return s;
}

// Between steps a copy is written while training goes on; the last state has nothing to wait for
// it. The lines that belong to a checkpoint reach the disk before it does.
void Run::checkpoint() {
  collect();
  const auto write = [this, at = state()](const Model& model,
                                          std::span<const OptimizerTensor> optimizer) {
    if (request_.observer.on_write) request_.observer.on_write(at.step);
    metrics_->flush();
    return config_.data.is_task()
               ? write_checkpoint(request_.out, model, optimizer, config_.data.task, train(), at)
               : write_checkpoint(request_.out, model, optimizer, *data_.tokenizer, train(), at);
  };
  checkpointed_ = step_;
  if (writer_ && !last() && !stop_asked()) {
    writer_->start(write);
  } else {
    written(write(*model_, trainer_->optimizer().state()));
  }
}

// Waits for the write that is under way, if one is.
void Run::collect() {
  if (writer_ && writer_->pending()) written(writer_->finish());
}

void Run::written(const io::Path& path) {
  outcome_.checkpoint = path;
  if (request_.observer.on_checkpoint) request_.observer.on_checkpoint(checkpointed_, path);
}

}  // namespace

TrainOutcome run_training(const TrainRequest& request) {
  return Run(request).execute();
}

}  // namespace weft
