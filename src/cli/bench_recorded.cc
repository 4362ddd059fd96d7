#include "cli/bench_recorded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "cli/model_arguments.h"
#include "data/batches.h"
#include "data/corpus.h"
#include "model/builder.h"

namespace weft::cli {
namespace {

void check_model(const Model& model) {
  const std::vector<LayerConfig>& layers = model.config.layer;
  for (size_t l = 0; l < layers.size(); ++l) {
    const std::string& mechanism = layers[l].mechanism;
    if (layers[l].window > 0 || layers[l].kv_heads != layers[0].kv_heads) {
      fail(ErrorCode::usage, {"--model", "layers without a window and with as many key heads each",
                              fmt::format("others in layer {}", l), "weft train stick-breaking"});
    }
    if (mechanism == "stick-breaking" && model.layout.extra_kv[l].empty()) continue;
    fail(ErrorCode::usage,
         {"--model", "a model whose every layer attends by stick-breaking to its own keys",
          mechanism == "stick-breaking" ? fmt::format("keys of other layers in layer {}", l)
                                        : fmt::format("{} in layer {}", mechanism, l),
          "weft train stick-breaking"});
  }
}

/// Heads side by side, from wherever the program has them.
Tensor gathered(const Program& program, const std::vector<HeadPlace>& heads, int64_t dim) {
  const TensorDesc one = program.value(heads.at(0).value).desc;
  const int64_t rows = one.shape[0], count = static_cast<int64_t>(heads.size());
  const size_t element = size_of(one.dtype), bytes = static_cast<size_t>(dim) * element;
  Tensor all(one.dtype, {rows, count * dim});
  for (int64_t h = 0; h < count; ++h) {
    const HeadPlace& head = heads[static_cast<size_t>(h)];
    const TensorView from = program.value(head.value);
    for (int64_t r = 0; r < rows; ++r) {
      const auto source = static_cast<size_t>(r * from.desc.shape[1] + head.column) * element;
      const auto target = static_cast<size_t>((r * count + h) * dim) * element;
      std::memcpy(static_cast<char*>(all.data()) + target,
                  static_cast<const char*>(from.data) + source, bytes);
    }
  }
  return all;
}

}  // namespace

std::vector<RecordedLayer> record(const Model& model, std::vector<int32_t> tokens,
                                  const Runtime& runtime) {
  check_model(model);
  const auto time = static_cast<int64_t>(tokens.size());
  BuildOptions options{
      .mode = Mode::evaluate, .dtype = compute_dtype(model), .time = time, .runtime = runtime};
  const auto layers = static_cast<int>(model.config.depth());
  for (int l = 0; l < layers; ++l) {
    options.keep.insert(options.keep.end(), {Tap{Port::q, l}, Tap{Port::k, l}});
  }
  BuiltProgram built = build(model.config, model.layout, options);
  Bindings bindings;
  bindings.inputs = {tokens.data()};
  bindings.parameters = parameter_pointers(built, model.parameters);
  built.program.bind(bindings);
  const std::vector<int32_t> labels(tokens.size(), -1);
  std::vector<int32_t> first_key;  // [time], where the model was trained on documents by themselves
  if (const int64_t separator = model.config.document_separator; separator >= 0) {
    first_key.resize(tokens.size());
    mark_documents(tokens, static_cast<int32_t>(separator), first_key);
  }
  built.program.run({.batch = 1,
                     .time = time,
                     .first_key = first_key.empty() ? nullptr : first_key.data(),
                     .labels = labels.data()});
  std::vector<RecordedLayer> recorded;
  const int64_t dim = model.config.head_dim;
  for (size_t l = 0; l < static_cast<size_t>(layers); ++l) {
    recorded.push_back({model.config.heads, model.config.layer[l].kv_heads, dim,
                        gathered(built.program, built.kept[2 * l], dim),
                        gathered(built.program, built.kept[2 * l + 1], dim)});
  }
  return recorded;
}

std::vector<RecordedLayer> record(const std::string& model, const std::string& file, int64_t time,
                                  const Runtime& runtime) {
  const LoadedModel loaded = load(model, "");
  if (loaded.tokenizer == nullptr) {
    fail(ErrorCode::usage, {"--model", "a model of text", "one of a task", ""});
  }
  check_model(loaded.model);
  const io::Path paths[] = {file};
  const Corpus corpus = Corpus::open(paths, *loaded.tokenizer);
  if (corpus.size() < 2) {
    fail(ErrorCode::input, {file, "two tokens or more", std::to_string(corpus.size())});
  }
  std::vector<int32_t> tokens(static_cast<size_t>(std::min(time, corpus.size())));
  corpus.read(0, tokens);
  return record(loaded.model, std::move(tokens), runtime);
}

}  // namespace weft::cli
