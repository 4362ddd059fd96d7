// The weights of a model: one tensor a parameter, in the types that programs read.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "model/parameter_list.h"

namespace weft {

/// Which copies of the matrices exist. Norms, gains and mechanism vectors always have just the
/// master.
enum class WeightCopies : uint8_t {
  master,           ///< f32 (or f64)
  master_and_bf16,  ///< bf16 training: f32 master, bf16 copy that programs read
  bf16,             ///< inference in bf16: the copy alone
};

/// A matrix of integers in [-127, 127] with a factor for each row.
struct Int8Matrix {
  Tensor integers;  ///< u8 [out, in]: the bits of int8
  Tensor scales;    ///< f32 [out]
};

class Parameters {
 public:
  Parameters() = default;
  /// Zeroed tensors; master: f32 or f64. Throws Error(runtime) where memory lacks.
  Parameters(std::vector<ParameterSpec> specs, DType master, WeightCopies copies);

  /// Initial values: a function of (seed, name, element of the full tensor).
  void initialise(uint64_t seed);
  /// Writes values (any floating type, the parameter's shape) into whatever copies exist.
  void assign(int index, const TensorView& values);
  /// Rounds the master of parameter `index` into its bf16 copy, where it has one.
  void refresh(int index, int64_t first, int64_t last) noexcept;

  /// For inference: replaces every matrix that activations are multiplied by with integers. The
  /// embedding table stays what it is, and gets an int8 copy beside it where it is the output
  /// head too (`tied_head`). Nothing can be assigned or saved afterwards. Throws Error(input) where
  /// a weight is not finite, Error(usage) where it was done already.
  void quantise(bool tied_head);
  bool is_quantised() const { return !int8_.empty(); }

  int count() const { return static_cast<int>(specs_.size()); }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  const ParameterSpec& spec(int index) const { return specs_[static_cast<size_t>(index)]; }
  /// Index of a name, -1 where there is none.
  int find(std::string_view name) const;
  /// Index of the first parameter that holds a NaN or an infinity, -1 where none does.
  int first_non_finite() const;
  int64_t elements() const;
  size_t bytes() const;  ///< of all copies

  bool has_master(int index) const { return master_[static_cast<size_t>(index)].numel() > 0; }
  bool has_bf16(int index) const { return bf16_[static_cast<size_t>(index)].numel() > 0; }
  bool has_int8(int index) const {
    return is_quantised() && int8_[static_cast<size_t>(index)].integers.numel() > 0;
  }
  const Int8Matrix& int8(int index) const { return int8_[static_cast<size_t>(index)]; }
  TensorView master(int index) const { return master_[static_cast<size_t>(index)].view(); }
  TensorView bf16_copy(int index) const { return bf16_[static_cast<size_t>(index)].view(); }
  /// The most exact copy there is.
  TensorView value(int index) const { return has_master(index) ? master(index) : bf16_copy(index); }
  DType master_dtype() const { return dtype_; }
  WeightCopies copies() const { return copies_; }

  /// What programs read as this type: the master for f32 and f64, for bf16 the copy of a matrix.
  static bool is_matrix(const ParameterSpec& spec);

 private:
  /// A tensor for each parameter, of no elements where it does not exist. Matrices lie side by side
  /// in the order of the specifications, which is that of use; the embedding table, which outlives
  /// the others when they are quantised, and vectors have memory of their own.
  std::vector<Tensor> allocate(DType type,
                               const std::function<bool(const ParameterSpec&)>& exists) const;

  std::vector<ParameterSpec> specs_;
  std::vector<Tensor> master_, bf16_;
  std::vector<Int8Matrix> int8_;  // empty, or one for each parameter, those of others without size
  DType dtype_ = DType::f32;
  WeightCopies copies_ = WeightCopies::master;
};

}  // namespace weft
