// Every op of the registry that has no benchmark of its own, as training programs of the standard
// size plan it: an op is here because some model runs it.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/random.h"
#include "cli/bench.h"
#include "cli/single_op.h"
#include "cli/table.h"
#include "io/toml.h"
#include "model/builder.h"
#include "model/config_toml.h"
#include "model/model.h"
#include "train/optimizer.h"
#include "train/trainer.h"

namespace weft::cli {
namespace {

constexpr int64_t kTime = 512, kBatch = 8;
constexpr double kSeconds = 0.15;      // for each row
constexpr double kMemory = 256 << 20;  // bytes in turn: more than caches hold
/// FLOPs a byte from which an op is held against matrix products; machines balance at 5 to 15.
constexpr double kArithmetic = 16;

/// What a model of the standard size adds to the plain one, so that every op occurs in some.
constexpr const char* kModels[] = {
    "design = 'transformer'",
    "design = 'denseformer'",
    "design = 'relu'",
    "design = 'stick-breaking'\nmechanism_args.head_norm = 'group'",
    "design = 'resformer'\nwiring_args.value-residual.variant = 'gated'",
    "design = 'resformer'\nwiring_args.value-residual.variant = 'learnable-plus'",
};

ModelConfig standard(const std::string& text) {
  ModelConfig config = read_model(io::parse_toml(text, "bench ops"));  // dim 384, vocab 256
  config.context = kTime;
  return config;
}

BuiltProgram training_program(const std::string& text, DType type, const Runtime& runtime) {
  const ModelConfig config = standard(text + "\nlayers = 4");
  BuildOptions options;
  options.dtype = type;
  options.batch = kBatch;
  options.time = kTime;
  options.runtime = runtime;
  return build(config, derive_layout(config), options);
}

double bytes_of(const Step& step) {
  return step.plan.forward.bytes + step.plan.backward.bytes;
}

/// The step of an op that moves the most, and its program.
struct Found {
  const Graph* graph = nullptr;
  const Step* step = nullptr;
};
Found find_step(const std::vector<BuiltProgram>& programs, std::string_view op) {
  Found found;
  for (const BuiltProgram& built : programs) {
    for (const Step& step : built.program.graph().steps()) {
      if (step.op->name() != op) continue;
      if (found.step == nullptr || bytes_of(step) > bytes_of(*found.step)) {
        found = {&built.program.graph(), &step};
      }
    }
  }
  return found;
}

/// Ids below the vocabulary, or values in (-1, 1): every element of a short draw, over and over.
void fill(const TensorView& t, uint64_t seed, int64_t vocab) {
  constexpr int64_t kDrawn = 4099;
  const Random random(seed, "bench.ops");
  for (int64_t i = 0; i < std::min(kDrawn, t.desc.numel()); ++i) {
    const auto counter = static_cast<uint64_t>(i);
    if (t.desc.dtype == DType::i32) {
      t.as<int32_t>()[i] =
          static_cast<int32_t>(random.below(counter, static_cast<uint64_t>(vocab)));
    } else {
      set(t, i, 2 * random.uniform(counter) - 1);
    }
  }
  auto* const bytes = t.as<char>();
  const size_t drawn = static_cast<size_t>(kDrawn) * size_of(t.desc.dtype);
  for (size_t at = drawn; at < t.desc.bytes(); at += drawn) {
    std::copy_n(bytes, std::min(drawn, t.desc.bytes() - at), bytes + at);
  }
}

SingleOp make(const Found& found, const Runtime& runtime) {
  std::vector<TensorDesc> inputs;
  std::vector<std::optional<TensorDesc>> gradients;
  for (const Use& use : found.step->inputs) {
    const Value& v = found.graph->value(use.value);
    inputs.push_back(v.desc);
    gradients.push_back(v.differentiable ? std::optional(TensorDesc{v.gradient_dtype, v.desc.shape})
                                         : std::nullopt);
  }
  return SingleOp(*found.step->op, found.step->plan, inputs, gradients, runtime);
}

BenchResult result(const std::string& name, const Timing& timing, const Cost& work, DType type,
                   double bandwidth_gb_s) {
  if (work.flops > kArithmetic * work.bytes) return timed(name, timing, work, type);
  if (work.bytes <= 0) return timed(name, timing);
  return timed_memory(name, timing, work, bandwidth_gb_s);
}

std::string row_name(const OpInfo& info, const Found& found, DType type) {
  const Shape& output = found.step->plan.outputs[0].shape;
  const Shape& input = found.graph->value(found.step->inputs[0].value).desc.shape;
  const Shape& size = output.numel() > 1 ? output : input;
  std::string sizes;
  for (int i = 0; i < size.rank(); ++i) sizes += (i > 0 ? "x" : "") + std::to_string(size[i]);
  return fmt::format("ops {} {} {}", info.name, name_of(type), sizes);
}

void bench_op(const BenchContext& context, const std::string& name, const Found& found, DType type,
              std::vector<BenchResult>& results) {
  const OpPlan& plan = found.step->plan;
  const int64_t vocab = standard(kModels[0]).vocab;
  // In a step each execution has memory of its own, and all of it together fits no cache.
  const double copies = kMemory / std::max({plan.forward.bytes, plan.backward.bytes, 1.0});
  std::vector<SingleOp> ops;
  for (int c = 0; c < std::clamp(static_cast<int>(copies), 1, 32); ++c) {
    SingleOp& op = ops.emplace_back(make(found, context.runtime));
    for (size_t i = 0; i < found.step->inputs.size(); ++i) fill(op.in(i).view(), i, vocab);
    for (size_t i = 0; i < plan.outputs.size(); ++i) fill(op.d_out(i).view(), 100 + i, vocab);
  }
  const Tensor labels(DType::i32, {kBatch, kTime});
  fill(labels.view(), 200, vocab);
  const RunArgs run{.batch = kBatch, .time = kTime, .labels = labels.as<int32_t>()};
  for (SingleOp& op : ops) op.forward(run), op.backward(run);  // pages are touched
  size_t next = 0;
  const auto other = [&]() -> SingleOp& { return ops[next++ % ops.size()]; };
  MemoryBeside memory(context.runtime);
  const Timing forward = time_runs([&] { other().forward(run); }, kSeconds, 5);
  const Timing backward = time_runs([&] { other().backward(run); }, kSeconds, 5);
  const double bandwidth = memory.around();
  results.push_back(result(name + " forward", forward, plan.forward, type, bandwidth));
  results.back().note = plan.kernel;
  results.push_back(result(name + " backward", backward, plan.backward, type, bandwidth));
  results.back().note = plan.kernel;
}

void bench_adamw(const BenchContext& context, DType type, std::vector<BenchResult>& results) {
  const std::string name = fmt::format("ops adamw {}", name_of(type));
  if (!context.wanted(name)) return;
  Model model = make_model(standard(kModels[0]), 1, DType::f32, Trainer::weight_copies(type));
  Optimizer optimizer({}, model.parameters, context.runtime);
  ParameterVector gradients(model.parameters);
  for (int p = 0; p < gradients.count(); ++p) {
    fill(gradients.view(p), static_cast<uint64_t>(p), 1);
  }
  int64_t step = 0;
  MemoryBeside memory(context.runtime);
  const Timing timing =
      time_runs([&] { optimizer.update(gradients, ++step, 1e-6, 1); }, 2 * kSeconds, 5);
  results.push_back(timed_memory(name, timing, {0, static_cast<double>(optimizer.update_bytes())},
                                 memory.around()));
  results.back().note =
      human_count(static_cast<double>(model.parameters.elements())) + " parameters";
}

}  // namespace

std::vector<BenchResult> bench_ops(const BenchContext& context) {
  constexpr DType kTypes[] = {DType::f32, DType::bf16};
  std::vector<BuiltProgram> programs[2];
  for (size_t t = 0; t < 2; ++t) {
    for (const char* model : kModels) {
      programs[t].push_back(training_program(model, kTypes[t], context.runtime));
    }
  }
  std::vector<BenchResult> results;
  for (const OpInfo& info : op_registry()) {
    if (info.name == "linear" || info.name == "projection") continue;  // bench gemm, bench decode
    bool checked = false;
    for (size_t t = 0; t < 2; ++t) {
      const Found found = find_step(programs[t], info.name);
      if (found.step == nullptr) {
        fail(ErrorCode::runtime,
             {"bench ops", "every op in some model", std::string(info.name) + " in none",
              "add a model to bench_ops.cc"});
      }
      const std::string name = row_name(info, found, kTypes[t]);
      if (!context.wanted(name, {" forward", " backward"})) continue;
      if (!checked) context.check([&] { return info.check(context.runtime); });
      checked = true;
      bench_op(context, name, found, kTypes[t], results);
    }
  }
  for (const DType type : kTypes) bench_adamw(context, type, results);
  return results;
}

}  // namespace weft::cli
