#include "ops/op.h"

#include "base/error.h"
#include "runtime/gemm.h"

namespace weft {

std::shared_ptr<const Gemm> make_product(const PlanContext& context, const GemmSpec& spec) {
  if (context.gemms != nullptr) return context.gemms->get(spec);
  return std::make_shared<const Gemm>(spec, context.runtime);
}

void expect_matrix(std::string_view op, std::string_view input, const TensorDesc& got, DType dtype,
                   int64_t columns) {
  if (got.dtype == dtype && got.shape.rank() == 2 && got.shape[1] == columns) return;
  fail(ErrorCode::config, {std::string(op),
                           std::string(input) + " of " + std::string(name_of(dtype)) + "[rows, " +
                               std::to_string(columns) + "]",
                           got.str(), ""});
}

}  // namespace weft
