#include "ops/add/add.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/gate/gate.h"
#include "ops/gated_norm/gated_norm.h"
#include "ops/head_norm/head_norm.h"
#include "ops/kernel.h"
#include "ops/linear/linear.h"
#include "ops/linear/projection.h"
#include "ops/mix/mix.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/softmax_gain/softmax_gain.h"
#include "ops/swiglu/swiglu.h"

namespace weft {

std::span<const OpInfo> op_registry() {
  static const OpInfo ops[] = {
      {"embedding", "y[r] = table[token[r]]", embedding_tags, check_embedding},
      {"rmsnorm", "y = x / sqrt(mean(x^2) + eps) * gain", rmsnorm_tags, check_rmsnorm},
      {"linear", "y = x W^T", linear_tags, check_linear},
      {"projection", "y_i = x W_i^T, several at once; W_i also int8 with a scale for each row",
       projection_tags, check_projection},
      {"rope", "pairs (i, i + D/2) turned by position * theta^(-2i/D)", rope_tags, check_rope},
      {"gate", "c = sigmoid(x w^T + b), per head", gate_tags, check_gate},
      {"softmax_gain", "g = s * softmax(z), one row", softmax_gain_tags, check_softmax_gain},
      {"mix", "y = sum of c_i * x_i", mix_tags, check_mix},
      {"head_norm", "y = (x - mean) / sqrt(variance + eps) * gamma + beta, per head",
       head_norm_tags, check_head_norm},
      {"gated_norm", "y = scale * x / sqrt(mean(x^2) + eps) * sigmoid(gate * x)", gated_norm_tags,
       check_gated_norm},
      {"add", "y = a + b", add_tags, check_add},
      {"swiglu", "y = gate * sigmoid(gate) * up", swiglu_tags, check_swiglu},
      {"cross_entropy", "mean of log sum exp(x W^T) - (x W^T)[label]", cross_entropy_tags,
       check_cross_entropy},
  };
  return ops;
}

}  // namespace weft
