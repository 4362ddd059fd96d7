#include "cli/training_memory.h"

#include "base/error.h"
#include "cli/table.h"
#include "model/builder.h"
#include "model/parameters.h"

namespace weft::cli {
namespace {

double arena(const RunConfig& config, const Layout& layout, const Runtime& runtime, Mode mode) {
  BuildOptions options;
  options.mode = mode;
  options.dtype = config.train.precision;
  options.batch = config.train.batch;
  options.time = config.model.context;
  options.recompute = config.train.recompute;
  options.runtime = runtime;
  return static_cast<double>(build(config.model, layout, options).program.arena_bytes());
}

}  // namespace

MemoryPlan plan_training(const RunConfig& config, const Layout& layout, const Runtime& runtime) {
  const double angles = 4.0 * static_cast<double>(config.model.context * config.model.head_dim);
  if (angles > usable_memory() / 4) {
    fail(ErrorCode::config, {"explain: model.context", "a context that this machine can plan for",
                             std::to_string(config.model.context),
                             "tables of positions alone would take " + human_bytes(angles)});
  }
  MemoryPlan plan;
  double elements = 0, matrices = 0;
  for (const ParameterSpec& spec : parameter_list(config.model, layout)) {
    const auto n = static_cast<double>(spec.shape.numel());
    elements += n;
    if (Parameters::is_matrix(spec)) matrices += n;
  }
  const bool adamw = config.train.optimizer.kind == OptimizerKind::adamw;
  plan.parameters = 4 * elements + (config.train.precision == DType::bf16 ? 2 * matrices : 0);
  plan.gradients = 4 * elements;
  plan.optimizer = plan.gradients * (adamw ? 2 : 1);
  plan.activations =
      arena(config, layout, runtime, Mode::train) + arena(config, layout, runtime, Mode::evaluate);
  plan.batches = static_cast<double>(config.train.batch * config.model.context) *
                 (config.data.mask_documents ? 12 : 8);
  return plan;
}

}  // namespace weft::cli
