#include "base/tensor.h"

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

Tensor convert(const TensorView& t, DType to) {
  Tensor out(to, t.desc.shape);
  for (int64_t i = 0; i < t.desc.numel(); ++i) set(out.view(), i, get(t, i));
  return out;
}

}  // namespace weft
