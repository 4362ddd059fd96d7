// Rotary position embedding (arXiv 2104.09864), in the rotate-half layout of Llama checkpoints.
#pragma once

#include <memory>
#include <vector>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Cosines and sines of position * theta^(-2i/head_dim), formed in f64 and kept in f32. One table
/// serves all ropes of a model that have the same head size and theta. Plans extend it; executions
/// only read it.
class RopeTable {
 public:
  /// Throws Error(config) unless head_dim is even and positive, and theta positive and finite.
  RopeTable(int64_t head_dim, double theta);

  int64_t head_dim() const { return head_dim_; }
  double theta() const { return theta_; }
  /// Makes sure that positions [0, n) are there. Not while a program executes.
  void reserve(int64_t n);
  size_t bytes() const { return values_.size() * sizeof(float); }
  /// [positions, 2, head_dim / 2]: cosines, then sines.
  const float* data() const { return values_.data(); }

 private:
  int64_t head_dim_;
  double theta_;
  std::vector<float> values_;
};

/// Input x [rows, heads * head_dim]; output of the same shape: in every head the pairs
/// (i, i + head_dim/2) turned by the angle of the row's position, which is run.past plus its index
/// in the sequence, minus run.first_key where documents are packed. May run in place.
/// `table` may be shared among ropes; null: a table of its own. Throws Error(config) for heads < 1
/// and what RopeTable refuses.
std::unique_ptr<Op> make_rope(int64_t heads, int64_t head_dim, double theta,
                              std::shared_ptr<RopeTable> table = nullptr);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> rope_tags();
/// Every kernel against the float64 reference, at odd head counts, with history and documents.
std::vector<KernelRow> check_rope(const Runtime& runtime);

}  // namespace weft
