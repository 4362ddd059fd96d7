// The definition of add.
#include "ops/add/add_kernel.h"

namespace weft {
namespace {

template <class T>
void forward(const AddArgs& args, int64_t first, int64_t last) noexcept {
  using C = compute_t<T>;
  const auto* a = static_cast<const T*>(args.a);
  const auto* b = static_cast<const T*>(args.b);
  auto* y = static_cast<T*>(args.y);
  for (int64_t i = first * args.width; i < last * args.width; ++i) y[i] = T(C(a[i]) + C(b[i]));
}

template <class T>
void backward(const AddArgs& args, int64_t first, int64_t last) noexcept {
  using C = compute_t<T>;
  const auto* dy = static_cast<const T*>(args.dy);
  for (int input = 0; input < 2; ++input) {
    auto* d = static_cast<T*>(args.d_in[input]);
    if (d == nullptr) continue;
    for (int64_t i = first * args.width; i < last * args.width; ++i) {
      d[i] = args.add[input] ? T(C(d[i]) + C(dy[i])) : dy[i];
    }
  }
}

}  // namespace

RowFunctions<AddArgs> add_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
