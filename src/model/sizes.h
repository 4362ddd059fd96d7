// The sizes of [model], and how those that are not given follow from those that are.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/table_reader.h"

namespace weft {

/// Elements of a head that `heads` follows from.
inline constexpr int64_t kUsualHeadDim = 64;

/// Hidden size of SwiGLU that goes with a width: 8/3 dim, rounded up to a multiple of 64.
int64_t usual_ffn(int64_t dim);

/// Reads vocab, dim, layers, heads, head_dim, ffn, context, tie_embeddings and norm_eps. What is
/// not given has the value of ModelConfig, except: heads = dim / 64, head_dim = dim / heads,
/// ffn = usual_ffn(dim). Given sizes stand as they are, also where heads * head_dim is not dim.
/// Throws Error(config) at values out of range, and where dim / 64 or dim / heads would follow but
/// does not divide.
void read_sizes(TableReader& table, ModelConfig& config);

}  // namespace weft
