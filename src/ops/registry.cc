#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/kernel.h"
#include "ops/linear/linear.h"

namespace weft {

std::span<const OpInfo> op_registry() {
  static const OpInfo ops[] = {
      {"embedding", "y[r] = table[token[r]]", check_embedding},
      {"linear", "y = x W^T", check_linear},
      {"cross_entropy", "mean of log sum exp(x W^T) - (x W^T)[label]", check_cross_entropy},
  };
  return ops;
}

}  // namespace weft
