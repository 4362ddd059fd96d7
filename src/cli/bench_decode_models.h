// The models that `weft bench decode` measures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.h"

namespace weft::cli {

/// Token ids that are the same in every run.
std::vector<int32_t> bench_tokens(int64_t n, int64_t vocab);

/// 124 M parameters in f32: dim 768, 12 layers, 12 heads, ffn 2048, 50,304 ids, tied embeddings.
Model large_model();
/// The same weights rounded to bf16.
Model in_bf16(const Model& model);
/// A design at dim 384, 6 layers, 256 ids, in f32.
Model small_model(const std::string& design);

/// Bytes of weights that one step reads: all but a table of which it takes a row for each token.
double weight_bytes_of_a_step(const Model& model);

}  // namespace weft::cli
