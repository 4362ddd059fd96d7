#include "cli/bench_decode_models.h"

#include "base/random.h"
#include "model/config_toml.h"

namespace weft::cli {
namespace {

/// Uniform values of the standard deviation that models start from, drawn by a generator that
/// takes a nanosecond a number: the normal ones of make_model would take half of the bench's time.
void fill(Parameters& parameters) {
  uint64_t state = 1;
  for (int p = 0; p < parameters.count(); ++p) {
    if (!Parameters::is_matrix(parameters.spec(p))) {
      for (float& x : parameters.master(p).span<float>()) x = 1;  // norms
      continue;
    }
    for (float& x : parameters.master(p).span<float>()) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const auto unit = static_cast<float>(state >> 40) * 0x1p-24F;  // [0, 1)
      x = static_cast<float>(kInitStd) * 3.4641016F * (unit - 0.5F);
    }
  }
}

}  // namespace

std::vector<int32_t> bench_tokens(int64_t n, int64_t vocab) {
  const Random random(9, "bench.prompt");
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < n; ++i) {
    tokens.push_back(
        static_cast<int32_t>(random.below(static_cast<uint64_t>(i), static_cast<uint64_t>(vocab))));
  }
  return tokens;
}

Model large_model() {
  ModelConfig config = design_config("transformer");
  config.vocab = 50304;
  config.dim = 768;
  config.layers = 12;
  config.heads = 12;
  config.head_dim = 64;
  config.ffn = 2048;
  config.context = 2048;
  config.tie_embeddings = true;
  LayerConfig layer = config.layer.front();
  layer.kv_heads = 12;
  config.layer.assign(12, layer);
  Model model{config, derive_layout(config), {}};
  model.parameters =
      Parameters(parameter_list(config, model.layout), DType::f32, WeightCopies::master);
  fill(model.parameters);
  return model;
}

Model in_bf16(const Model& model) {
  Model half{model.config, model.layout, {}};
  half.parameters = Parameters(model.parameters.specs(), DType::f32, WeightCopies::bf16);
  for (int p = 0; p < half.parameters.count(); ++p) {
    const auto from = model.parameters.master(p).span<float>();
    const bool copy = half.parameters.has_bf16(p);
    for (size_t i = 0; i < from.size(); ++i) {
      if (copy) {
        half.parameters.bf16_copy(p).as<bf16>()[i] = bf16(from[i]);
      } else {
        half.parameters.master(p).as<float>()[i] = from[i];
      }
    }
  }
  return half;
}

Model small_model(const std::string& design) {
  return make_model(design_config(design), 1);
}

double weight_bytes_of_a_step(const Model& model) {
  const Parameters& parameters = model.parameters;
  double bytes = 0;
  for (int p = 0; p < parameters.count(); ++p) {
    const bool table = parameters.spec(p).group == ParameterGroup::embedding;
    if (parameters.has_int8(p)) {
      const Int8Matrix& m = parameters.int8(p);
      bytes += static_cast<double>(m.integers.desc().bytes() + m.scales.desc().bytes());
    } else if (!table || model.config.tie_embeddings) {
      bytes += static_cast<double>(parameters.value(p).desc.bytes());
    }
  }
  return bytes;
}

}  // namespace weft::cli
