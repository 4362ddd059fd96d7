// Parts of `weft bench attention`.
#pragma once

#include <vector>

#include "cli/bench.h"

namespace weft::cli {

inline constexpr DType kAttentionTypes[] = {DType::f32, DType::bf16};
/// At which hardly any stick runs out.
inline constexpr double kLateLogit = -8;
/// Tokens of the rows on long texts.
inline constexpr int64_t kLongText = 16384;

/// What stopping early saves stick-breaking on a long text, beside softmax.
void bench_early_exit(const BenchContext& context, std::vector<BenchResult>& results);
/// One query over a long cache.
void bench_attention_decode(const BenchContext& context, std::vector<BenchResult>& results);

}  // namespace weft::cli
