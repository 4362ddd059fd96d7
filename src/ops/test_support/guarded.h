// A tensor between canaries, poisoned until something is written.
#pragma once

#include "base/tensor.h"

namespace weft::test {

/// Memory for one tensor with 64 canary bytes on either side. Starts poisoned (NaN in every
/// floating type). `offset` elements move the base off its 64-byte alignment.
class Guarded {
 public:
  explicit Guarded(TensorDesc desc, int64_t offset = 0);
  /// Takes the values of `t`.
  explicit Guarded(const Tensor& t, int64_t offset = 0);

  void* data() const;
  const TensorDesc& desc() const { return desc_; }
  TensorView view() const { return {data(), desc_, Device::cpu}; }
  /// The first `rows` rows as an owning tensor; negative: all.
  Tensor copy(int64_t rows = -1) const;
  /// Poisons every row from `row` on.
  void poison_from(int64_t row);
  /// True while no row from `row` on was written since it was poisoned.
  bool poisoned_from(int64_t row) const;
  /// True while nobody wrote outside the tensor.
  bool intact() const;

 private:
  size_t row_bytes() const;

  TensorDesc desc_;
  size_t base_ = 0;  ///< bytes from the start of the block to the tensor
  Buffer block_;
};

}  // namespace weft::test
