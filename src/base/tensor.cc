#include "base/tensor.h"

#include <type_traits>

#include "base/error.h"

namespace weft {

Shape::Shape(std::initializer_list<int64_t> dims)
    : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > kMaxRank) {
    fail(ErrorCode::usage, {"shape", "at most 5 dimensions", std::to_string(dims.size()), ""});
  }
  for (const int64_t d : dims) dims_[static_cast<size_t>(rank_++)] = d;
}

int64_t Shape::numel() const {
  int64_t n = 1;
  for (int i = 0; i < rank_; ++i) n *= (*this)[i];
  return n;
}

std::string Shape::str() const {
  std::string s = "[";
  for (int i = 0; i < rank_; ++i) s += (i != 0 ? ", " : "") + std::to_string((*this)[i]);
  return s + "]";
}

std::string TensorDesc::str() const {
  return std::string(name_of(dtype)) + shape.str();
}

Tensor::Tensor(TensorDesc desc)
    : desc_(desc), memory_(std::make_shared<const Buffer>(desc.bytes())), data_(memory_->data()) {}

std::vector<Tensor> Tensor::side_by_side(std::span<const TensorDesc> descs) {
  constexpr size_t kAlign = 64;
  const auto room = [](const TensorDesc& d) { return (d.bytes() + kAlign - 1) / kAlign * kAlign; };
  size_t bytes = 0;
  for (const TensorDesc& d : descs) bytes += room(d);
  const auto memory = std::make_shared<const Buffer>(bytes);
  std::vector<Tensor> tensors(descs.size());
  auto* at = static_cast<std::byte*>(memory->data());
  for (size_t i = 0; i < descs.size(); ++i) {
    tensors[i].desc_ = descs[i];
    tensors[i].memory_ = memory;
    tensors[i].data_ = at;
    at += room(descs[i]);
  }
  return tensors;
}

double get(const TensorView& t, int64_t i) {
  switch (t.desc.dtype) {
    case DType::f64:
      return t.as<double>()[i];
    case DType::f32:
      return t.as<float>()[i];
    case DType::bf16:
      return static_cast<double>(static_cast<float>(t.as<bf16>()[i]));
    default:
      fail(ErrorCode::usage, {"tensor", "a floating type", std::string(name_of(t.desc.dtype)), ""});
  }
}

void set(const TensorView& t, int64_t i, double value) {
  switch (t.desc.dtype) {
    case DType::f64:
      t.as<double>()[i] = value;
      return;
    case DType::f32:
      t.as<float>()[i] = static_cast<float>(value);
      return;
    case DType::bf16:
      t.as<bf16>()[i] = bf16(static_cast<float>(value));
      return;
    default:
      fail(ErrorCode::usage, {"tensor", "a floating type", std::string(name_of(t.desc.dtype)), ""});
  }
}

namespace {

/// Calls f with a null pointer to the type that stands for a floating dtype.
template <class F>
void with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64:
      return f(static_cast<double*>(nullptr));
    case DType::f32:
      return f(static_cast<float*>(nullptr));
    case DType::bf16:
      return f(static_cast<bf16*>(nullptr));
    default:
      fail(ErrorCode::usage, {"tensor", "a floating type", std::string(name_of(dtype)), ""});
  }
}

template <class To, class From>
To value_as(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<To, bf16>) {
    return bf16(static_cast<float>(x));
  } else {
    return static_cast<To>(
        static_cast<std::conditional_t<std::is_same_v<From, bf16>, float, From>>(x));
  }
}

}  // namespace

void copy_values(const TensorView& from, const TensorView& to) {
  if (from.desc.shape != to.desc.shape) {
    fail(ErrorCode::usage, {"tensor", "shape " + to.desc.shape.str(), from.desc.shape.str(), ""});
  }
  with_type(from.desc.dtype, [&](auto* f) {
    with_type(to.desc.dtype, [&](auto* t) {
      using From = std::remove_pointer_t<decltype(f)>;
      using To = std::remove_pointer_t<decltype(t)>;
      const auto in = from.span<From>();
      const auto out = to.span<To>();
      for (size_t i = 0; i < in.size(); ++i) out[i] = value_as<To>(in[i]);
    });
  });
}

Tensor convert(const TensorView& t, DType to) {
  Tensor out(to, t.desc.shape);
  copy_values(t, out.view());
  return out;
}

}  // namespace weft
