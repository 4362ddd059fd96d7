#include "ops/linear/linear.h"
#include "ops/linear/linear_kernels.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

test::CheckCase linear_case(int64_t planned, int64_t rows, int64_t in, int64_t out) {
  test::CheckCase c{"rows " + std::to_string(rows) + ", " + Shape{out, in}.str(),
                    [in, out] { return make_linear(in, out); },
                    {{Shape{planned, in}}, {Shape{out, in}, test::Role::weight}},
                    {},
                    {}};
  c.context.batch = planned;
  c.context.training = true;
  c.run.batch = rows;
  return c;
}

}  // namespace

std::vector<KernelTag> linear_tags() {
  return tags_of(linear_kernels());
}

std::vector<KernelRow> check_linear(const Runtime& runtime) {
  // Few rows, tails of every piece size, several pieces, and sizes of no multiple of anything.
  const test::CheckCase cases[] = {linear_case(1, 1, 7, 3),      linear_case(9, 7, 63, 130),
                                   linear_case(64, 3, 1, 1),     linear_case(101, 63, 129, 63),
                                   linear_case(701, 600, 7, 65), linear_case(77, 77, 40, 600)};
  return test::check_op("linear", linear_tags(), runtime, cases);
}

}  // namespace weft
