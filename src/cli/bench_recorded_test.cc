// Queries and keys that are recorded, against the formula of what attention reads.
#include "cli/bench_recorded.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "io/toml.h"
#include "model/config_toml.h"

namespace weft::cli {
namespace {

constexpr int64_t kDim = 12, kHeads = 2, kHeadDim = 5;

Model tiny(const char* mechanism) {
  const std::string text = std::string("mechanism = \"") + mechanism +
                           "\"\nposition = \"none\"\nvocab = 40\ndim = 12\nlayers = 2\nheads = 2\n"
                           "kv_heads = 1\nhead_dim = 5\nffn = 7\ncontext = 4";
  return make_model(read_model(io::parse_toml(text, "test")), 3, DType::f64);
}

const double* values(const Model& model, const std::string& name) {
  return model.parameters.value(model.parameters.find(name)).span<double>().data();
}

/// Every norm has gains of its own, and nothing is added to what runs through the blocks.
void make_blocks_silent(Model& model) {
  for (int p = 0; p < model.parameters.count(); ++p) {
    const ParameterSpec& spec = model.parameters.spec(p);
    const bool norm = spec.name.ends_with("layernorm.weight");
    if (!norm && !spec.name.ends_with("o_proj.weight") &&
        !spec.name.ends_with("down_proj.weight")) {
      continue;
    }
    Tensor t(DType::f64, spec.shape);
    const Random random(1, spec.name);
    for (int64_t e = 0; e < t.numel(); ++e) {
      t.as<double>()[e] = norm ? random.normal(static_cast<uint64_t>(e)) : 0;
    }
    model.parameters.assign(p, t.view());
  }
}

/// W (g * e / sqrt(mean e^2 + eps)) of a token's embedding e, in double.
std::vector<double> projected(const Model& model, const std::string& layer, const char* part,
                              int32_t token, int64_t out) {
  const double* e = values(model, "model.embed_tokens.weight") + token * kDim;
  const double* g = values(model, layer + ".input_layernorm.weight");
  const double* w = values(model, layer + ".self_attn." + part + ".weight");
  double square = 0;
  for (int64_t c = 0; c < kDim; ++c) square += e[c] * e[c] / kDim;
  const double scale = 1 / std::sqrt(square + model.config.norm_eps);
  std::vector<double> y(static_cast<size_t>(out));
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t c = 0; c < kDim; ++c) {
      y[static_cast<size_t>(o)] += w[o * kDim + c] * g[c] * e[c] * scale;
    }
  }
  return y;
}

// More tokens than the model's context, two queries to a key.
TEST(RecordedLayers, AreWhatAttentionReads) {
  Model model = tiny("stick-breaking");
  make_blocks_silent(model);
  const std::vector<int32_t> tokens = {7, 0, 39, 7, 12, 1, 1};
  const std::vector<RecordedLayer> layers = record(model, tokens, Runtime::best());
  ASSERT_EQ(layers.size(), 2u);
  for (size_t l = 0; l < 2; ++l) {
    const RecordedLayer& got = layers[l];
    EXPECT_EQ(got.heads, kHeads);
    EXPECT_EQ(got.kv_heads, 1);
    EXPECT_EQ(got.head_dim, kHeadDim);
    ASSERT_EQ(got.q.shape(), (Shape{7, kHeads * kHeadDim}));
    ASSERT_EQ(got.k.shape(), (Shape{7, kHeadDim}));
    const std::string layer = "model.layers." + std::to_string(l);
    for (size_t i = 0; i < tokens.size(); ++i) {
      const auto q = projected(model, layer, "q_proj", tokens[i], kHeads * kHeadDim);
      const auto k = projected(model, layer, "k_proj", tokens[i], kHeadDim);
      for (size_t d = 0; d < q.size(); ++d) {
        EXPECT_NEAR(got.q.as<double>()[i * q.size() + d], q[d], 1e-12) << l << " " << i << " " << d;
      }
      for (size_t d = 0; d < k.size(); ++d) {
        EXPECT_NEAR(got.k.as<double>()[i * k.size() + d], k[d], 1e-12) << l << " " << i << " " << d;
      }
    }
  }
}

// What one layer adds reaches the next one's queries.
TEST(RecordedLayers, FollowTheModel) {
  const Model model = tiny("stick-breaking");
  const auto one = record(model, {3, 5, 8}, Runtime::best());
  const auto two = record(model, {4, 5, 8}, Runtime::best());
  const int64_t last = 2 * kHeads * kHeadDim;  // the same token, with another past
  EXPECT_EQ(one[0].q.as<double>()[last], two[0].q.as<double>()[last]);
  EXPECT_NE(one[1].q.as<double>()[last], two[1].q.as<double>()[last]);
}

}  // namespace
}  // namespace weft::cli
