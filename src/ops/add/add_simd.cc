#include "ops/add/add_kernel.h"
#include "ops/row_simd.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
void forward(const AddArgs& args, int64_t first, int64_t last) noexcept {
  const int64_t skip = first * args.width;
  const T* a = static_cast<const T*>(args.a) + skip;
  const T* b = static_cast<const T*>(args.b) + skip;
  T* y = static_cast<T*>(args.y) + skip;
  each_vec((last - first) * args.width, [&](int64_t i, auto lanes) {
    store(y + i, load(a + i, lanes) + load(b + i, lanes), lanes);
  });
}

template <class T>
void backward(const AddArgs& args, int64_t first, int64_t last) noexcept {
  const int64_t skip = first * args.width;
  const T* dy = static_cast<const T*>(args.dy) + skip;
  for (int input = 0; input < 2; ++input) {
    if (args.d_in[input] == nullptr || args.d_in[input] == args.dy) continue;
    T* d = static_cast<T*>(args.d_in[input]) + skip;
    each_vec((last - first) * args.width, [&](int64_t i, auto lanes) {
      store_or_add(d + i, load(dy + i, lanes), args.add[input], lanes);
    });
  }
}

}  // namespace

RowFunctions<AddArgs> add_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
