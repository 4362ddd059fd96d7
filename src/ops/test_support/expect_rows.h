// For unit tests: the rows of a check as expectations.
#pragma once

#include <gtest/gtest.h>

#include "ops/kernel.h"

namespace weft::test {

/// Every kernel that this machine can run keeps its limits; `ref` is among them in three types.
inline void expect_rows(const std::vector<KernelRow>& rows) {
  int references = 0;
  for (const KernelRow& row : rows) {
    const std::string what = row.op + " " + row.kernel + " " + row.dtype;
    if (!row.refused.empty()) continue;
    references += row.kernel == "ref" ? 1 : 0;
    EXPECT_EQ(row.fault, "") << what;
    EXPECT_LE(row.forward_error, row.forward_limit) << what;
    EXPECT_LE(row.backward_error, row.backward_limit) << what;
  }
  EXPECT_EQ(references, 3);
}

}  // namespace weft::test
