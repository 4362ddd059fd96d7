// What the tests of sessions share.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "infer/session.h"
#include "model/config_toml.h"

namespace weft {

/// Four layers of a design, 37 ids, two kv heads where the design groups them, else four.
inline ModelConfig tiny_config(const std::string& design, int64_t context) {
  ModelConfig config = design_config(design);
  config.vocab = 37;
  config.dim = 24;
  config.layers = 4;
  config.heads = 4;
  config.head_dim = 8;
  config.ffn = 20;
  config.context = context;
  LayerConfig layer = config.layer.front();
  layer.kv_heads = layer.kv_heads < 6 ? 2 : 4;
  config.layer.assign(4, layer);
  return config;
}

/// With weights that programs of this type read.
inline Model tiny_model(const ModelConfig& config, DType type) {
  if (type == DType::bf16) return make_model(config, 3, DType::f32, WeightCopies::bf16);
  return make_model(config, 3, type);
}

/// `stream`: of whose tests.
inline std::vector<int32_t> random_tokens(int64_t n, const char* stream) {
  const Random random(1, stream);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < n; ++i) {
    tokens.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(i), 37)));
  }
  return tokens;
}

inline std::vector<double> logits_of(const Session& session, int64_t b = 0) {
  std::vector<double> logits(static_cast<size_t>(session.vocab()));
  session.logits(b, logits);
  return logits;
}

inline void expect_close(const std::vector<double>& got, const std::vector<double>& want,
                         double limit) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], limit) << "token " << i;
}

}  // namespace weft
