// Optimisers: one parallel pass over all parameters, in pieces that do not depend on the number of
// threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/parameters.h"
#include "runtime/runtime.h"
#include "train/optimizer_kernel.h"

namespace weft {

enum class OptimizerKind : uint8_t { adamw, sgd };
std::string_view name_of(OptimizerKind kind);

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adamw;
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;  ///< AdamW
  double momentum = 0.9;                         ///< SGD
  double weight_decay = 0.1;                     ///< only of parameters with ParameterSpec::decay
  double clip = 1;                               ///< largest global gradient norm; 0: any
};

/// One f32 for every element of every parameter: gradients, or a moment. Zeroed.
class ParameterVector {
 public:
  ParameterVector() = default;
  explicit ParameterVector(const Parameters& parameters);

  float* data(int parameter) const { return tensors_[static_cast<size_t>(parameter)].as<float>(); }
  TensorView view(int parameter) const { return tensors_[static_cast<size_t>(parameter)].view(); }
  int count() const { return static_cast<int>(tensors_.size()); }
  size_t bytes() const;

 private:
  std::vector<Tensor> tensors_;
};

/// A tensor of an optimiser's state: "m.model.norm.weight".
struct OptimizerTensor {
  std::string name;
  TensorView tensor;
};

/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with bias correction, or SGD with momentum
/// (v = momentum*v + g; w -= lr*v). Weight decay is decoupled in both: w is multiplied by
/// 1 - lr*weight_decay. State and masters are f32; the bf16 copies are refreshed in the same pass.
class Optimizer {
 public:
  /// `parameters` must stay where it is, with f32 masters. Throws Error(runtime) where memory
  /// lacks.
  Optimizer(const OptimizerConfig& config, Parameters& parameters, const Runtime& runtime);

  /// The l2 norm of all gradients together; NaN or infinite where any of them is.
  double gradient_norm(const ParameterVector& gradients) noexcept;
  /// Update number t (from 1) with learning rate `lr`. `norm` is gradient_norm(), for clipping.
  void update(const ParameterVector& gradients, int64_t t, double lr, double norm) noexcept;

  /// The whole state; update() continues from whatever is written there.
  std::vector<OptimizerTensor> state() const;
  size_t bytes() const { return first_.bytes() + second_.bytes(); }
  /// Memory that one update reads and writes.
  size_t update_bytes() const;

 private:
  struct Piece {
    int parameter = 0;
    int64_t first = 0, last = 0;  // elements
  };
  struct Kernels {
    void (*update)(const UpdateSlice&, const UpdateFactors&) noexcept = nullptr;
    double (*sum_of_squares)(const float*, int64_t) noexcept = nullptr;
  };
  Kernels choose_kernels() const;
  UpdateFactors factors(int64_t t, double lr, double norm) const;

  OptimizerConfig config_;
  Parameters& parameters_;
  Runtime runtime_;
  Kernels kernels_;
  ParameterVector first_, second_;
  std::vector<Piece> pieces_;
  std::vector<double> partial_;  // [pieces] sums of squares
};

}  // namespace weft
