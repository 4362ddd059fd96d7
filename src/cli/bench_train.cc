#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "cli/bench.h"
#include "cli/table.h"
#include "model/config_toml.h"
#include "train/trainer.h"

namespace weft::cli {
namespace {

Corpus noise(int64_t bytes) {
  const Random random(7, "bench.text");
  std::string text(static_cast<size_t>(bytes), '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(random.below(i, 256));
  return Corpus::of_text(text, ByteTokenizer());
}

ModelConfig sized(const std::string& design, int64_t context) {
  ModelConfig config = design_config(design);  // dim 384, 6 layers, 6 heads, vocab 256
  config.context = context;
  return config;
}

double loss_of(const Model& model, const TrainWindows& windows, const Runtime& runtime) {
  constexpr int64_t kBatch = 2, kTime = 64;
  BuiltProgram built = build(model.config, model.layout,
                             {.mode = Mode::evaluate,
                              .dtype = compute_dtype(model),
                              .batch = kBatch,
                              .time = kTime,
                              .runtime = runtime});
  std::vector<int32_t> tokens(kBatch * kTime), labels(tokens.size());
  windows.fill(0, 0, {.tokens = tokens, .labels = labels});
  Bindings bindings;
  bindings.inputs = {tokens.data()};
  bindings.parameters = parameter_pointers(built, model.parameters);
  built.program.bind(bindings);
  built.program.run({.batch = kBatch, .time = kTime, .labels = labels.data()});
  return get(built.program.value(built.loss), 0);
}

/// The same weights in f64 must give the same loss.
void check_loss(const ModelConfig& config, const Corpus& corpus, DType type,
                const Runtime& runtime) {
  const TrainWindows windows(corpus, {0, corpus.size()}, {.seed = 5, .batch = 2, .time = 64});
  const double want = loss_of(make_model(config, 1, DType::f64), windows, runtime);
  const WeightCopies copies = type == DType::bf16 ? WeightCopies::bf16 : WeightCopies::master;
  const double got = loss_of(make_model(config, 1, DType::f32, copies), windows, runtime);
  const double limit = type == DType::bf16 ? 2e-2 : 1e-4;
  if (std::fabs(got - want) <= limit * want) return;
  fail(ErrorCode::runtime, {"bench train", fmt::format("the float64 loss {:.6f}", want),
                            fmt::format("{:.6f} in {}", got, name_of(type)), "see weft check"});
}

struct TrainCase {
  std::string design;
  DType type = DType::f32;
  int64_t time = 512, batch = 8;
  bool recompute = false;
  double seconds = 8;
  int least = 2;
};

BenchResult bench_case(const BenchContext& context, const TrainCase& c, const Corpus& corpus) {
  check_loss(sized(c.design, 64), corpus, c.type, context.runtime);
  restart_resident_peak();
  const double before = resident_memory().now;
  Model model = make_model(sized(c.design, c.time), 1, DType::f32, Trainer::weight_copies(c.type));
  Trainer::Options options;
  options.train.batch = c.batch;
  options.train.precision = c.type;
  options.train.recompute = c.recompute;
  options.runtime = context.runtime;
  Trainer trainer(model, options);
  const TrainWindows windows(corpus, {0, corpus.size()},
                             {.seed = 1, .batch = c.batch, .time = c.time});
  int64_t step = 0;
  // A long window is one step of minutes: nothing to be gained from a second one.
  const Timing timing =
      time_runs([&] { trainer.step(++step, windows); }, c.seconds, c.least, c.least == 1);
  const auto tokens = static_cast<double>(trainer.tokens_per_step());
  const double flops = trainer.flops_per_token() * tokens;
  BenchResult r =
      timed(fmt::format("train {} {} dim 384 x 6, T={} B={}{}", c.design, name_of(c.type), c.time,
                        c.batch, c.recompute ? ", recompute" : ""),
            timing, flops, c.type);
  r.tokens_per_second = tokens / timing.median;
  r.is_training = true;
  r.note = fmt::format("{} planned, {} taken", human_bytes(trainer.memory().total()),
                       human_bytes(resident_memory().peak - before));
  return r;
}

}  // namespace

std::vector<BenchResult> bench_train(const BenchContext& context) {
  std::vector<std::string> names = {"transformer"};
  if (context.all) {
    for (const char* more : {"resformer", "svformer", "sla", "stick-breaking"}) {
      names.emplace_back(more);
    }
  }
  const Corpus corpus = noise(int64_t{1} << 20);
  std::vector<BenchResult> results;
  for (const std::string& design : names) {
    for (const DType type : {DType::f32, DType::bf16}) {
      results.push_back(bench_case(context, {.design = design, .type = type}, corpus));
    }
  }
  if (context.long_text) {
    for (const DType type : {DType::f32, DType::bf16}) {
      results.push_back(bench_case(context,
                                   {.design = "transformer",
                                    .type = type,
                                    .time = 32768,
                                    .batch = 1,
                                    .recompute = true,
                                    .seconds = 0,
                                    .least = 1},
                                   corpus));
    }
  }
  return results;
}

}  // namespace weft::cli
