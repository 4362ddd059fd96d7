#include "cli/op_layout.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "base/error.h"

namespace weft::cli {
namespace {

struct Shapes {
  Shape q, k, v;
};

/// In the order [batch, time, heads, channels].
std::optional<Shapes> shapes_of(const io::SafeTensors& in, AxisOrder layout) {
  Shapes s;
  for (const auto& [name, shape] : {std::pair{"q", &s.q}, {"k", &s.k}, {"v", &s.v}}) {
    const io::SafeTensors::Entry* entry = in.find(name);
    if (entry == nullptr || entry->desc.shape.rank() != 4 || entry->desc.numel() == 0) return {};
    *shape = layout == AxisOrder::bthd ? entry->desc.shape : swapped(entry->desc.shape);
  }
  return s;
}

bool fits(const Shapes& s) {
  const bool batches = s.q[0] == s.k[0] && s.k[0] == s.v[0], channels = s.q[3] == s.k[3];
  const bool times = s.k[1] == s.v[1] && s.q[1] <= s.k[1];
  return batches && channels && times && s.k[2] == s.v[2] && s.q[2] % s.k[2] == 0;
}

AxisOrder other(AxisOrder layout) {
  return layout == AxisOrder::bthd ? AxisOrder::bhtd : AxisOrder::bthd;
}

const char* name_of(AxisOrder layout) {
  return layout == AxisOrder::bthd ? "bthd" : "bhtd";
}

}  // namespace

AxisOrder axis_order(std::string_view name) {
  return name == "bhtd" ? AxisOrder::bhtd : AxisOrder::bthd;
}

std::string_view axes_of(AxisOrder layout) {
  return layout == AxisOrder::bthd ? "[batch, time, heads, channels]"
                                   : "[batch, heads, time, channels]";
}

Shape swapped(const Shape& shape) {
  return shape.rank() == 3 ? Shape{shape[0], shape[2], shape[1]}
                           : Shape{shape[0], shape[2], shape[1], shape[3]};
}

Tensor swapped(const Tensor& tensor) {
  const Shape& from = tensor.shape();
  Tensor to(tensor.dtype(), swapped(from));
  const auto rows = static_cast<size_t>(from[1]), columns = static_cast<size_t>(from[2]);
  const size_t bytes = tensor.desc().bytes() / (static_cast<size_t>(from[0]) * rows * columns);
  for (size_t b = 0; b < static_cast<size_t>(from[0]); ++b) {
    const char* source = tensor.as<char>() + b * rows * columns * bytes;
    char* target = to.as<char>() + b * rows * columns * bytes;
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        std::memcpy(target + (j * rows + i) * bytes, source + (i * columns + j) * bytes, bytes);
      }
    }
  }
  return to;
}

void refuse_other_layout(const io::SafeTensors& in, AxisOrder layout) {
  const std::optional<Shapes> given = shapes_of(in, layout), turned = shapes_of(in, other(layout));
  if (!given || !turned || fits(*given) || !fits(*turned)) return;
  const auto shape = [&](const char* name) { return in.find(name)->desc.shape.str(); };
  fail(
      ErrorCode::input,
      {in.path().string() + ": q, k, v",
       fmt::format("{} as --layout {} has them", axes_of(layout), name_of(layout)),
       fmt::format("{}, {}, {}", shape("q"), shape("k"), shape("v")),
       fmt::format("they fit as {}: --layout {}", axes_of(other(layout)), name_of(other(layout)))});
}

std::string layout_warning(const io::SafeTensors& in, AxisOrder layout) {
  const std::optional<Shapes> s = shapes_of(in, layout);
  if (!s || s->k[1] == 1 || s->q[2] <= s->k[1]) return {};
  return fmt::format("{} heads over {} keys: q, k and v are read as {}; --layout {} reads {}",
                     s->q[2], s->k[1], axes_of(layout), name_of(other(layout)),
                     axes_of(other(layout)));
}

}  // namespace weft::cli
