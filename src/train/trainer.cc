#include "train/trainer.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/explain.h"
#include "runtime/peak.h"

namespace weft {
namespace {

double scalar(const Program& program, ValueId id) {
  return get(program.value(id), 0);
}

[[noreturn]] void not_finite(const std::string& when, const std::string& where) {
  fail(ErrorCode::runtime, {when, "finite numbers", "first non-finite value in " + where,
                            "lower train.lr or look at the data"});
}

// Refuses absurd sizes before any program is built: planning alone would take long then.
TrainingPrograms plan(const Model& model, const Trainer::Options& options) {
  check_memory(least_memory(model.config, options.train), options.usable_memory);
  return build_training(model.config, model.layout, options.train, options.runtime, options.axes);
}

}  // namespace

WeightCopies Trainer::weight_copies(DType precision) {
  return precision == DType::bf16 ? WeightCopies::master_and_bf16 : WeightCopies::master;
}

Trainer::Trainer(Model& model, const Options& options)
    : Trainer(model, options, plan(model, options)) {}

Trainer::Trainer(Model& model, const Options& options, TrainingPrograms programs)
    : model_(model),
      config_(options.train),
      rates_(options.train.rates()),
      runtime_(options.runtime),
      axes_(options.axes),
      mask_documents_(model.config.document_separator >= 0),
      time_(model.config.context),
      programs_(std::move(programs)),
      memory_(plan_memory(programs_, model.config, model.parameters.specs(), config_,
                          mask_documents_, options.axes)) {
  check_memory(memory_, options.usable_memory);
  arena_ = Buffer(programs_.arena_bytes);
  gradients_ = ParameterVector(model.parameters);
  optimizer_ = std::make_unique<Optimizer>(config_.optimizer, model.parameters, runtime_);
  const Shape shape{config_.batch, time_};
  tokens_ = Tensor(DType::i32, shape);
  labels_ = Tensor(DType::i32, shape);
  if (mask_documents_) first_key_ = Tensor(DType::i32, shape);
  bind();
}

void Trainer::bind() {
  Bindings bindings;
  bindings.inputs = {tokens_.data()};
  bindings.arena = arena_.data();
  bindings.parameters = parameter_pointers(programs_.evaluate, model_.parameters);
  programs_.evaluate.program.bind(bindings);
  bindings.parameters = parameter_pointers(programs_.train, model_.parameters);
  for (const ParameterSlot& slot : programs_.train.parameters) {
    bindings.gradients.push_back(gradients_.data(slot.parameter));
  }
  programs_.train.program.bind(bindings);
}

RunArgs Trainer::run_args(int64_t labels_of_step) const {
  RunArgs args;
  if (labels_of_step > 0) {
    args.loss_scale = static_cast<float>(static_cast<double>(count_labels(batch().labels)) /
                                         static_cast<double>(labels_of_step));
  }
  args.batch = config_.batch;
  args.time = time_;
  args.labels = labels_.as<int32_t>();
  args.first_key = mask_documents_ ? first_key_.as<int32_t>() : nullptr;
  return args;
}

BatchView Trainer::batch() const {
  return {tokens_.span<int32_t>(), labels_.span<int32_t>(),
          mask_documents_ ? first_key_.span<int32_t>() : std::span<int32_t>{}};
}

StepResult Trainer::step(int64_t step, const TrainBatches& batches, Observer* observer) {
  const auto told = [&](std::string_view part, size_t bytes) {
    if (observer != nullptr) observer->ran(part, static_cast<double>(bytes));
  };
  const int64_t labels = labels_of_step(step, batches);
  if (labels == 0) {
    no_labels(fmt::format("step {}", step), config_.batch * config_.accumulate,
              "raise train.batch, or choose data.task_args that give every sequence a label");
  }
  ScoreSum sum;
  for (int64_t micro = 0; micro < config_.accumulate; ++micro) {
    if (config_.accumulate > 1) batches.fill(step - 1, micro, batch());
    told("batch", 2 * tokens_.desc().bytes());
    const RunArgs args = run_args(labels);
    if (observer == nullptr) {
      programs_.train.program.run(args, micro > 0);
    } else {
      programs_.train.program.run_observed(args, micro > 0, *observer);
    }
    sum.add(programs_.train, batch().labels);
  }
  const double loss = sum.mean().loss;
  const double norm = optimizer_->gradient_norm(gradients_);
  told("gradient norm", gradients_.bytes());
  if (!std::isfinite(loss) || !std::isfinite(norm)) stop_at_fault(step, batches, labels);
  const double lr = rates_.rate(step);
  optimizer_->update(gradients_, step, lr, norm);
  told("optimizer", optimizer_->update_bytes());
  return {loss, norm, lr};
}

// Labels are data: they are counted before the first micro-batch runs, so that each can scale its
// gradient to its share of the step. Leaves the last micro-batch filled in.
int64_t Trainer::labels_of_step(int64_t step, const TrainBatches& batches) {
  int64_t labels = 0;
  for (int64_t micro = 0; micro < config_.accumulate; ++micro) {
    batches.fill(step - 1, micro, batch());
    labels += count_labels(batch().labels);
  }
  return labels;
}

void Trainer::stop_at_fault(int64_t step, const TrainBatches& batches, int64_t labels) {
  std::string where;
  for (int64_t micro = 0; micro < config_.accumulate && where.empty(); ++micro) {
    batches.fill(step - 1, micro, batch());
    where = programs_.train.program.first_fault(run_args(labels));
  }
  // Each micro-batch is finite by itself: their sum is not.
  if (where.empty()) where = "the sum of the gradients";
  not_finite("step " + std::to_string(step), where);
}

Score Trainer::evaluate(const EvalBatches& batches) {
  const RunArgs args = run_args();
  ScoreSum sum;
  for (int64_t first = 0; first < batches.count(); first += config_.batch) {
    batches.fill(first, batch());
    programs_.evaluate.program.run(args);
    if (!std::isfinite(scalar(programs_.evaluate.program, programs_.evaluate.loss))) {
      const std::string where = programs_.evaluate.program.first_fault(args);
      not_finite("evaluation", where.empty() ? "the loss" : where);
    }
    sum.add(programs_.evaluate, batch().labels);
  }
  if (sum.labels() == 0) {
    no_labels("evaluation", batches.count(), "evaluate more sequences, or others");
  }
  return sum.mean();
}

double Trainer::measure_peak(double seconds) {
  return measure_gemm_peak(runtime_, config_.precision, seconds,
                           {static_cast<std::byte*>(arena_.data()), arena_.size()});
}

double Trainer::flops_per_token() const {
  return training_flops(model_.config, model_.layout, model_.parameters.specs(), time_, axes_);
}

}  // namespace weft
