// One attention op of a benchmark, with values of its own.
#pragma once

#include <map>
#include <string>

#include "attention/attention.h"
#include "cli/single_op.h"

namespace weft::cli {

/// One sequence in training.
struct AttentionCase {
  std::string mechanism = "softmax";
  DType type = DType::f32;
  int64_t time = 2048;
  int64_t heads = 8, kv_heads = 8, head_dim = 64;
  int64_t window = 0;
  double mean_logit = 0;                 ///< of scores that are N(0,1) around it
  std::map<std::string, Arg> args = {};  ///< of the mechanism

  /// Query and key pairs that are seen, over all heads.
  double pairs() const;
};

/// The spec of a case whose inputs are q, k and v, each with its heads side by side.
AttentionSpec spec_of(const AttentionCase& c);

/// The value that channel 0 of every query and, with the sign of `mean`, of every key takes for
/// scores of that mean.
double logit_shift(double mean, int64_t head_dim);

class BenchAttention {
 public:
  /// Normal queries, keys, values and cotangents.
  BenchAttention(const AttentionCase& c, const Runtime& runtime);

  /// Takes queries [time, heads * head_dim] and keys [time, kv_heads * head_dim] of any type.
  void set_queries_and_keys(const Tensor& q, const Tensor& k);

  void forward() { op_.forward(run_); }
  void backward() { op_.backward(run_); }
  void both() { forward(), backward(); }

  /// FLOPs by the causal count, 4 and 10 times the head's width a pair that is seen; of recurrent
  /// mechanisms the work of the chunked form.
  double forward_flops() const { return forward_flops_; }
  double backward_flops() const { return backward_flops_; }
  /// Key blocks that the last forward() walked, summed over rows and heads.
  double visited() const;

 private:
  SingleOp op_;
  RunArgs run_;
  double forward_flops_, backward_flops_;
};

}  // namespace weft::cli
