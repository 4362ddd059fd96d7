#include "train/run.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/atomic.h"
#include "model/config_json.h"
#include "model/model.h"
#include "runtime/known_peak.h"
#include "train/checkpoint.h"
#include "train/checkpoint_writer.h"
#include "train/latest.h"
#include "train/resume.h"
#include "train/run_data.h"
#include "train/start_from.h"
#include "train/trainer.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostConfig = size_t{1} << 20;  // bytes of config.toml, as its reader has it

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

bool is_empty_file(const fs::path& path) {
  std::error_code error;
  return !fs::exists(path, error) || fs::file_size(path, error) == 0;
}

// Refused where the folder holds what is not ours to overwrite.
void check_folder(const TrainRequest& request) {
  refuse_inside_a_run(request.out);
  std::error_code ignored;
  const bool run = fs::exists(request.out / "config.toml", ignored) ||
                   !step_folders(request.out).empty() ||
                   fs::exists(request.out / "latest" / "config.json", ignored) ||
                   !is_empty_file(request.out / "metrics.jsonl");
  if (!run || request.resume) return;
  fail(ErrorCode::usage, {request.out.string(), "a folder without a run", "a run",
                          "continue it with --resume or choose another --out"});
}

class Run {
 public:
  explicit Run(const TrainRequest& request) : request_(request), config_(request.config) {}
  TrainOutcome execute();

 private:
  const TrainConfig& train() const { return config_.train; }
  TrainingPrograms plan();
  void open();
  void check_stored();
  void take_folder();
  bool has_checkpoint() const;
  void restore();
  void check_data(const TrainState& state);
  void check_metrics() const;
  void write_config();
  void announce() const;
  void take_last(const LogLine& line);
  void finish_step();
  void log(bool evaluate);
  void go_on();
  [[noreturn]] void fail_with_what_is_kept(const Error& error);
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
  std::optional<TrainConfig> stored_;  // of a run that is resumed, as it was
  std::vector<ConfigChange> changes_;  // from it
  std::vector<std::string> notes_;
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
  data_ = open_data(config_, request_.tasks, request_.out);
  notes_.insert(notes_.end(), data_.notes.begin(), data_.notes.end());
  TrainingPrograms programs = plan();
  model_.emplace(make_model(config_.model, train().seed, DType::f32,
                            Trainer::weight_copies(train().precision), request_.axes));
  if (!train().from.empty() && !has_checkpoint()) start_from(train().from, *model_);
  trainer_.emplace(
      *model_,
      Trainer::Options{.train = train(), .runtime = request_.runtime, .axes = request_.axes},
      std::move(programs));
  if (memory_.snapshot > 0) writer_.emplace(*model_, trainer_->optimizer(), request_.runtime);
  peak_ = KnownPeak(request_.peak_gflops);
}

// What the run was trained with so far, if it was.
void Run::check_stored() {
  const fs::path file = request_.out / "config.toml";
  std::error_code ignored;
  if (!request_.resume || !fs::exists(file, ignored)) return;
  const RunConfig stored = load_run_config(file.string(), {}, request_.axes, request_.tasks);
  changes_ = check_resumed(stored, config_, request_.asked, file);
  stored_ = stored.train;
}

// From here on the run is ours alone, where the file system can say so.
void Run::take_folder() {
  make_folder(request_.out / "checkpoints");
  metrics_.emplace(request_.out / "metrics.jsonl", request_.try_lock);
  check_folder(request_);  // again: another process may have finished a run here meanwhile
  if (!metrics_->is_locked()) {
    notes_.push_back("this file system has no locks: a second process that trains " +
                     request_.out.string() + " would not be noticed");
  }
  io::remove_stale(request_.out);
  io::remove_stale(request_.out / "checkpoints");
}

void Run::check_data(const TrainState& state) {
  const std::string other = difference(state.train_data, data_.train_contents());
  if (!other.empty() || state.corpus_tokens != data_.train_tokens) {
    fail(ErrorCode::input,
         {"data.train",
          fmt::format("the text of {} tokens that the run began with", state.corpus_tokens),
          !other.empty() ? other : fmt::format("{} tokens", data_.train_tokens),
          "put it back, or begin another run"});
  }
  const std::string validation = difference(state.validation_data, data_.validation_contents());
  if (validation.empty()) return;
  notes_.push_back("the validation data are others, so val_loss does not go on from before: " +
                   validation);
}

// A line behind the step of the second checkpoint is written when the first is there; where there
// is none, the run is here in part.
void Run::check_metrics() const {
  const int64_t reached = metrics_->reached(), every = train().checkpoint_every;
  if (every == 0 || reached <= 2 * every) return;
  fail(ErrorCode::input, {request_.out.string(), "a checkpoint of the run",
                          fmt::format("none, and metrics.jsonl goes to step {}", reached),
                          "was the run copied in part? copy it again, or begin another"});
}

// Of its own, to resume from.
bool Run::has_checkpoint() const {
  std::error_code ignored;
  return request_.resume && (!step_folders(request_.out).empty() ||
                             fs::exists(request_.out / "latest" / "config.json", ignored));
}

void Run::restore() {
  const fs::path& out = request_.out;
  if (!request_.resume) return;
  if (!has_checkpoint()) {
    check_metrics();
    return;
  }
  const TrainState state =
      read_checkpoint(find_checkpoint(out), *model_, trainer_->optimizer(), request_.axes);
  check_data(state);
  const std::string mended = mend_latest(out);
  if (!mended.empty()) notes_.push_back(mended);
  step_ = checkpointed_ = state.step;
  outcome_.checkpoint = find_checkpoint(out);
}

// A run with nothing left to do keeps the configuration that it was trained with.
void Run::write_config() {
  const fs::path file = request_.out / "config.toml";
  if (stored_ && step_ >= train().steps) return;
  std::error_code ignored;
  const std::string before = fs::exists(file, ignored) ? io::read_text(file, kMostConfig) : "";
  const std::string text = config_text(config_, before, changes_, step_);
  if (text != before) io::write_atomic(file, text);
  for (const ConfigChange& c : changes_) {
    notes_.push_back(fmt::format("{} = {} from step {} on, was {}; config.toml says so", c.key,
                                 c.now, step_ + 1, c.before));
  }
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
  start.from = train().from;
  start.elsewhere = refused_elsewhere(config_.model);
  start.memory = memory_;
  start.notes = notes_;
  request_.observer.on_start(start);
}

// Of a run that has nothing left to do, the outcome is what it was.
void Run::take_last(const LogLine& line) {
  if (line.step == 0 || line.step != step_) return;
  outcome_.loss = line.loss;
  outcome_.val_loss = line.val_loss;
  outcome_.val_accuracy = line.val_accuracy;
}

TrainOutcome Run::execute() {
  check_folder(request_);
  check_stored();
  open();
  take_folder();
  restore();
  metrics_->keep(step_);
  write_config();
  const std::vector<std::string> rates = rate_notes(train(), stored_ ? &*stored_ : nullptr, step_);
  notes_.insert(notes_.end(), rates.begin(), rates.end());
  take_last(metrics_->last());
  began_ = now() - metrics_->last().seconds;
  announce();
  const int64_t first = step_;
  try {
    go_on();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::runtime) throw;
    fail_with_what_is_kept(error);
  }
  outcome_.step = step_;
  outcome_.steps_done = step_ - first;
  outcome_.stopped = step_ < train().steps;
  outcome_.parameters = model_->parameters.elements();
  outcome_.tokens = step_ * trainer_->tokens_per_step();
  outcome_.seconds = now() - began_;
  return outcome_;
}

// From step to step, to the end or until it is asked to stop; the last state is a checkpoint.
void Run::go_on() {
  while (step_ < train().steps && !stop_asked()) {
    ++step_;
    if (request_.observer.on_begin) request_.observer.on_begin(step_);
    finish_step();
  }
  collect();
  if (checkpointed_ != step_) checkpoint();
}

// The message of a step that failed also says what there is to go on from.
void Run::fail_with_what_is_kept(const Error& error) {
  try {
    collect();
  } catch (const Error&) {  // then that checkpoint is not there either
  }
  ErrorParts parts = error.parts();
  std::error_code ignored;
  const bool there = fs::exists(outcome_.checkpoint / "model.safetensors", ignored);
  parts.hint += parts.hint.empty() ? "" : "; ";
  parts.hint += outcome_.checkpoint.empty() ? "no checkpoint was written yet"
                                            : fmt::format("the last checkpoint, {}, is {}",
                                                          outcome_.checkpoint.filename().string(),
                                                          there ? "unharmed" : "gone as well");
  fail(error.code(), parts);
}

void Run::finish_step() {
  const double start = now();
  result_ = trainer_->step(step_, *data_.train);
  const double seconds = now() - start;
  step_seconds_ += seconds;
  ++steps_since_log_;
  outcome_.loss = result_.loss;
  outcome_.val_loss = outcome_.val_accuracy = std::nullopt;
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
  s.train_data = data_.train_contents();
  s.validation_data = data_.validation_contents();
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
