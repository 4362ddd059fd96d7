#include "ops/row_op.h"

#include <string>

#include "base/error.h"

namespace weft {
namespace {

template <class T>
void add_parts(const T* partial, int64_t parts, int64_t stride, int64_t first, int64_t last, T* out,
               bool add) {
  if (!add) std::fill(out + first, out + last, T(0));
  for (int64_t p = 0; p < parts; ++p) {
    for (int64_t i = first; i < last; ++i) out[i] += partial[p * stride + i];
  }
}

}  // namespace

void expect_parameter(std::string_view op, std::string_view input, const TensorDesc& got,
                      DType activation, const Shape& shape) {
  const TensorDesc want{parameter_type(activation), shape};
  if (got == want) return;
  fail(ErrorCode::config,
       {std::string(op), std::string(input) + " of " + want.str(), got.str(), ""});
}

void expect_inputs(std::string_view op, std::span<const TensorDesc> inputs, size_t n) {
  if (inputs.size() == n) return;
  fail(ErrorCode::config,
       {std::string(op), std::to_string(n) + " inputs", std::to_string(inputs.size()), ""});
}

void expect_same(std::string_view op, std::string_view inputs, const TensorDesc& a,
                 const TensorDesc& b) {
  if (a == b && a.shape.rank() == 2) return;
  fail(ErrorCode::config,
       {std::string(op), std::string(inputs) + " of one type and shape [rows, width]",
        a.str() + " and " + b.str(), ""});
}

void sum_parts(const Runtime& runtime, DType type, const void* partial, int64_t parts,
               int64_t stride, int64_t n, void* out, bool add) noexcept {
  constexpr int64_t kColumns = 1024;  // a task's columns: 4 KiB of the output stay in cache
  for_row_chunks(runtime, n, kColumns, [&](int64_t first, int64_t last, int64_t) {
    if (type == DType::f64) {
      add_parts(static_cast<const double*>(partial), parts, stride, first, last,
                static_cast<double*>(out), add);
    } else {
      add_parts(static_cast<const float*>(partial), parts, stride, first, last,
                static_cast<float*>(out), add);
    }
  });
}

}  // namespace weft
