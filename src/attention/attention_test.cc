#include "attention/attention.h"

#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Attention, EveryKernelAgainstTheFormula) {
  std::vector<KernelRow> softmax, stick;
  for (KernelRow& row : check_attention(Runtime::best())) {
    (row.op == "attention softmax" ? softmax : stick).push_back(row);
  }
  test::expect_rows(softmax);
  test::expect_rows(stick);
}

}  // namespace
}  // namespace weft
