#include "ops/add/add.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/head_norm/head_norm.h"
#include "ops/kernel.h"
#include "ops/linear/linear.h"
#include "ops/mix/mix.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/swiglu/swiglu.h"

namespace weft {

std::span<const OpInfo> op_registry() {
  static const OpInfo ops[] = {
      {"embedding", "y[r] = table[token[r]]", check_embedding},
      {"rmsnorm", "y = x / sqrt(mean(x^2) + eps) * gain", check_rmsnorm},
      {"linear", "y = x W^T", check_linear},
      {"rope", "pairs (i, i + D/2) turned by position * theta^(-2i/D)", check_rope},
      {"mix", "y = sum of c_i * x_i", check_mix},
      {"head_norm", "y = (x - mean) / sqrt(variance + eps) * gamma + beta, per head",
       check_head_norm},
      {"add", "y = a + b", check_add},
      {"swiglu", "y = gate * sigmoid(gate) * up", check_swiglu},
      {"cross_entropy", "mean of log sum exp(x W^T) - (x W^T)[label]", check_cross_entropy},
  };
  return ops;
}

}  // namespace weft
