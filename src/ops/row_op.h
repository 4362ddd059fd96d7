// What ops over rows share: their checks, their division of work, ordered sums.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "base/tensor.h"
#include "runtime/runtime.h"

namespace weft {

/// Parameters and their gradients: f64 in f64 programs, f32 in all others.
constexpr DType parameter_type(DType activation) {
  return activation == DType::f64 ? DType::f64 : DType::f32;
}

/// Throws "[op] expected gain of f32[dim], got ..." unless the parameter has this type and shape.
void expect_parameter(std::string_view op, std::string_view input, const TensorDesc& got,
                      DType activation, const Shape& shape);

/// Throws "[op] expected n inputs, got ...".
void expect_inputs(std::string_view op, std::span<const TensorDesc> inputs, size_t n);

/// Throws unless both inputs have the same type and shape.
void expect_same(std::string_view op, std::string_view inputs, const TensorDesc& a,
                 const TensorDesc& b);

/// Rows of one task where nothing is summed over rows: 32,768 elements (128 KiB in f32), so that a
/// task outweighs its dispatch a hundredfold.
constexpr int64_t rows_per_task(int64_t width) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, width));
}

/// Rows of one partial sum: depends on the planned rows alone, never on threads; at most 64 parts.
constexpr int64_t rows_per_part(int64_t planned_rows) {
  return std::max<int64_t>(16, (planned_rows + 63) / 64);
}
constexpr int64_t parts_of(int64_t rows, int64_t chunk) {
  return (rows + chunk - 1) / chunk;
}

/// f(first, last, part) for the rows in chunks.
template <class F>
void for_row_chunks(const Runtime& runtime, int64_t rows, int64_t chunk, F&& f) noexcept {
  parallel_for(runtime, parts_of(rows, chunk), [&](int64_t part, int) {
    f(part * chunk, std::min(rows, (part + 1) * chunk), part);
  });
}

/// out[i] = (add ? out[i] : 0) + the sum over parts of partial[part][i], in the order of parts.
/// `partial` is [parts, stride] and of the type of `out`: f32 or f64.
void sum_parts(const Runtime& runtime, DType type, const void* partial, int64_t parts,
               int64_t stride, int64_t n, void* out, bool add) noexcept;

/// Element `i` of memory of this type.
inline void* at(void* base, DType type, int64_t i) {
  return base == nullptr ? nullptr
                         : static_cast<char*>(base) + i * static_cast<int64_t>(size_of(type));
}

}  // namespace weft
