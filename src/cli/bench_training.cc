#include "cli/bench_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "model/config_toml.h"

namespace weft::cli {
namespace {

Corpus noise(int64_t bytes) {
  const Random random(7, "bench.text");
  std::string text(static_cast<size_t>(bytes), '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(random.below(i, 256));
  return Corpus::of_text(text, ByteTokenizer());
}

ModelConfig sized(const std::string& design, const ModelSize& size, int64_t context) {
  io::Value model;
  model.at("design").data = design;
  model.at("vocab").data = size.vocab;
  model.at("dim").data = size.dim;
  model.at("layers").data = size.layers;
  model.at("ffn").data = size.ffn;
  model.at("context").data = context;
  return read_model(model, "");
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

Model checked_model(const TrainingCase& c, const Corpus& corpus, const Runtime& runtime) {
  // Fewer layers and ids of a large one: float64 goes through naive loops.
  ModelSize size = c.size;
  if (size.dim > kSmall.dim) size.layers = 2;
  size.vocab = std::min<int64_t>(size.vocab, 2048);
  check_loss(sized(c.design, size, 64), corpus, c.type, runtime);
  return make_model(sized(c.design, c.size, c.time), 1, DType::f32, Trainer::weight_copies(c.type));
}

Trainer::Options options_of(const TrainingCase& c, const Runtime& runtime) {
  Trainer::Options options;
  options.train.batch = c.batch;
  options.train.precision = c.type;
  options.train.recompute = c.recompute;
  options.runtime = runtime;
  return options;
}

}  // namespace

std::string TrainingCase::name() const {
  return fmt::format("{} {} dim {} x {}, T={} B={}{}", design, name_of(type), size.dim, size.layers,
                     time, batch, recompute ? ", recompute" : "");
}

BenchTraining::BenchTraining(const TrainingCase& c, const Runtime& runtime)
    : corpus_(noise(int64_t{1} << 20)),
      model_(checked_model(c, corpus_, runtime)),
      trainer_(model_, options_of(c, runtime)),
      windows_(corpus_, {0, corpus_.size()}, {.seed = 1, .batch = c.batch, .time = c.time}) {}

}  // namespace weft::cli
