// Queries and keys of a trained model over a text, to attend by in a benchmark.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"
#include "runtime/runtime.h"

namespace weft::cli {

/// What attention of one layer reads, heads side by side, in the type the model computes in.
struct RecordedLayer {
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  Tensor q;  ///< [time, heads * head_dim]
  Tensor k;  ///< [time, kv_heads * head_dim]
};

/// Of the first `time` tokens of a text, one entry a layer. Throws Error(usage) unless attention is
/// stick-breaking over one set of keys in every layer.
std::vector<RecordedLayer> record(const Model& model, std::vector<int32_t> tokens,
                                  const Runtime& runtime);

/// The same of a model on disk and the first tokens of a file, at most `time`. Throws Error also
/// where the model is one of a task and where the file has less than two tokens.
std::vector<RecordedLayer> record(const std::string& model, const std::string& file, int64_t time,
                                  const Runtime& runtime);

}  // namespace weft::cli
