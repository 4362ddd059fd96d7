// The order of axes in the tensors of `weft op attention`.
#pragma once

#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace weft::cli {

enum class AxisOrder {
  bthd,  ///< [batch, time, heads, channels], in which the kernels work
  bhtd   ///< [batch, heads, time, channels]
};

/// "bthd" or "bhtd".
AxisOrder axis_order(std::string_view name);
/// "[batch, time, heads, channels]"
std::string_view axes_of(AxisOrder layout);

/// The second and third axis of a shape of three or four exchanged.
Shape swapped(const Shape& shape);
/// The same of a tensor, with its elements.
Tensor swapped(const Tensor& tensor);

/// Throws Error(input) where q, k and v make no attention as they lie, but would in the other
/// layout. Left to others: tensors that are missing or of another rank.
void refuse_other_layout(const io::SafeTensors& in, AxisOrder layout);
/// What to say where they make one that few would ask for: more heads than keys. "" elsewhere.
std::string layout_warning(const io::SafeTensors& in, AxisOrder layout);

}  // namespace weft::cli
