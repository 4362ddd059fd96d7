#include "train/programs.h"

#include <algorithm>
#include <set>

#include "model/parameters.h"
#include "runtime/gemm.h"
#include "runtime/peak.h"

namespace weft {
namespace {

BuiltProgram build_program(const ModelConfig& model, const Layout& layout, const TrainConfig& train,
                           const Runtime& runtime, const Axes& axes, Mode mode) {
  BuildOptions options;
  options.mode = mode;
  options.dtype = train.precision;
  options.batch = train.batch;
  options.time = model.context;
  options.recompute = train.recompute;
  options.runtime = runtime;
  return build(model, layout, options, axes);
}

// Cosines and sines in f32, [context, head_dim] for every base in use.
double position_tables(const ModelConfig& model, const Axes& axes) {
  std::set<double> bases;
  for (const LayerConfig& layer : model.layer) {
    if (axes.positions.find(layer.position).rotates) {
      bases.insert(layer.position_args.number("theta"));
    }
  }
  return 4.0 * static_cast<double>(bases.size()) * static_cast<double>(model.context) *
         static_cast<double>(model.head_dim);
}

// What oneDNN keeps for its primitives. It does not say, so this is measured (2.6, Zen 5, f32 and
// bf16, 1 and 2 threads): some 27 KiB a product with one thread and 48 with two, and besides 0 to 6
// MiB a thread, which differs from run to run.
double library_objects(const TrainingPrograms& programs) {
  const PlanContext& train = programs.train.program.graph().context();
  const PlanContext& evaluate = programs.evaluate.program.graph().context();
  constexpr double kKiB = 1024;
  const auto products = static_cast<double>(train.gemms->size() + evaluate.gemms->size());
  const double threads = train.runtime.threads;
  return products * (8 + 20 * threads) * kKiB + threads * 3072 * kKiB;
}

}  // namespace

TrainingPrograms build_training(const ModelConfig& model, const Layout& layout,
                                const TrainConfig& train, const Runtime& runtime,
                                const Axes& axes) {
  TrainingPrograms p{build_program(model, layout, train, runtime, axes, Mode::train),
                     build_program(model, layout, train, runtime, axes, Mode::evaluate), 0};
  p.arena_bytes = std::max({p.train.program.arena_bytes(), p.evaluate.program.arena_bytes(),
                            gemm_peak_bytes(runtime, train.precision)});
  return p;
}

MemoryPlan plan_memory(const TrainingPrograms& programs, const ModelConfig& model,
                       const std::vector<ParameterSpec>& parameters, const TrainConfig& train,
                       bool mask_documents, const Axes& axes) {
  double elements = 0, matrices = 0;
  for (const ParameterSpec& spec : parameters) {
    const auto n = static_cast<double>(spec.shape.numel());
    elements += n;
    if (Parameters::is_matrix(spec)) matrices += n;
  }
  constexpr int kPrograms = 2;
  MemoryPlan plan;
  plan.parameters = 4 * elements + (train.precision == DType::bf16 ? 2 * matrices : 0);
  plan.gradients = 4 * elements;
  plan.optimizer = plan.gradients * (train.optimizer.kind == OptimizerKind::adamw ? 2 : 1);
  plan.activations = static_cast<double>(programs.arena_bytes);
  plan.tables = kPrograms * position_tables(model, axes);
  plan.products = library_objects(programs);
  plan.batches = static_cast<double>(train.batch * model.context) * (mask_documents ? 12 : 8);
  return plan;
}

}  // namespace weft
