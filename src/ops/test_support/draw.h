// The random tensors of a check.
#pragma once

#include <vector>

#include "ops/test_support/check_op.h"

namespace weft::test {

/// All that one execution of a case starts from, in one type.
struct Drawn {
  std::vector<Tensor> in;
  std::vector<Tensor> before;  ///< what the gradients hold before something is added to them
  std::vector<Tensor> d_out;
};

Drawn draw(const CheckCase& test, DType type, const Runtime& runtime);

/// Per input: whether its gradient is added. Integers have none; some inputs always are.
std::vector<uint8_t> added(const CheckCase& test, bool add);

}  // namespace weft::test
