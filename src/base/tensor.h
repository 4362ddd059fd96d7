// Shapes, descriptions of tensors, views of memory, and an owning tensor.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/dtype.h"

namespace weft {

/// Up to five dimensions, outermost first. Trivially copyable, so that views cross into device
/// code.
class Shape {
 public:
  static constexpr int kMaxRank = 5;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[static_cast<size_t>(i)]; }
  int64_t& operator[](int i) { return dims_[static_cast<size_t>(i)]; }
  int64_t numel() const;
  std::string str() const;  ///< "[2, 3, 4]"
  bool operator==(const Shape&) const = default;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

struct TensorDesc {
  DType dtype = DType::f32;
  Shape shape;

  int64_t numel() const { return shape.numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype); }
  std::string str() const;  ///< "f32[2, 3, 4]"
  bool operator==(const TensorDesc&) const = default;
};

/// Where memory lives. One entry today; a view carries it so that kernel lists can hold others.
enum class Device : uint8_t { cpu };

/// Memory of somebody else, read as a dense row-major tensor.
struct TensorView {
  void* data = nullptr;
  TensorDesc desc;
  Device device = Device::cpu;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  template <class T>
  std::span<T> span() const {
    return {static_cast<T*>(data), static_cast<size_t>(desc.numel())};
  }
};

/// A dense tensor that owns its (64-byte aligned, zeroed) memory.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(TensorDesc desc);
  Tensor(DType dtype, Shape shape) : Tensor(TensorDesc{dtype, shape}) {}
  Tensor(Tensor&&) = default;
  Tensor& operator=(Tensor&&) = default;

  /// Tensors in one block of memory, in this order, which goes when the last of them does. Small
  /// ones that are read one after another share pages of 2 MiB this way: 248 MB of weights in
  /// matrices of 1 to 3 MB are read 1.2 times as fast as from pages of 4 KiB (Zen 4, 2 cores).
  static std::vector<Tensor> side_by_side(std::span<const TensorDesc> descs);

  const TensorDesc& desc() const { return desc_; }
  const Shape& shape() const { return desc_.shape; }
  DType dtype() const { return desc_.dtype; }
  int64_t numel() const { return desc_.numel(); }
  void* data() const { return data_; }
  TensorView view() const { return {data_, desc_, Device::cpu}; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  template <class T>
  std::span<T> span() const {
    return view().span<T>();
  }

 private:
  TensorDesc desc_;
  std::shared_ptr<const Buffer> memory_;  ///< of this tensor alone, or of several side by side
  void* data_ = nullptr;
};

/// Element i of a tensor of any floating type (f64, f32, bf16), and the way back.
double get(const TensorView& t, int64_t i);
void set(const TensorView& t, int64_t i, double value);
/// The same values in another floating type, of the same shape; rounds once, from the source value.
/// Throws Error(usage) for other types and shapes.
void copy_values(const TensorView& from, const TensorView& to);
/// A copy in another floating type.
Tensor convert(const TensorView& t, DType to);

}  // namespace weft
