// Sixteen prompts side by side: how their numbers lie in memory, and what a model's kernel is
// given. One prompt is one lane, so that 5 x 5 matrices become straight multiplications and
// additions of vectors (arXiv 2310.01082; matrices this small fill no vector by themselves).
#pragma once

#include <cstdint>

namespace weft::icl {

/// Prompts in a pack, whatever the width of vectors: a machine with 8 lanes goes over it twice.
/// Nothing is summed over lanes before the end of a batch, and products and sums are rounded one by
/// one (no fused steps), so that every instruction set gives the same bits.
inline constexpr int kPack = 16;

/// Where the numbers of a pack of prompts lie: entry-major, entry e of lane p at [e * kPack + p].
struct PromptLayout {
  int64_t d = 0, n = 0;

  int64_t x(int64_t i, int64_t c) const { return i * d + c; }  ///< covariate c of example i
  int64_t y(int64_t i) const { return n * d + i; }
  int64_t query(int64_t c) const { return n * (d + 1) + c; }
  int64_t label() const { return n * (d + 1) + d; }  ///< y_q, hidden from the model
  int64_t entries() const { return (n + 1) * (d + 1); }
};

/// Sizes of a model as its kernels need them.
struct KernelShape {
  int64_t d = 0, n = 0, layers = 0, heads = 1, hidden = 0;
  bool tied = false, divide_softmax = true;
};

/// One pack through a model and back. T: float or double.
template <class T>
struct PackCall {
  const T* theta = nullptr;    ///< [parameters]
  const T* prompts = nullptr;  ///< [entries, kPack], see PromptLayout
  T* residual = nullptr;       ///< [kPack] receives y_q - prediction, the error e of each prompt
  /// [parameters, kPack] is added d(e^2)/dtheta of each lane; null: forward only.
  T* gradient = nullptr;
  T* scratch = nullptr;  ///< [scratch entries, kPack], 64-byte aligned
};

/// The same with the derivative of the gradient along a direction (float64 only).
struct TangentCall {
  PackCall<double> call;
  const double* direction = nullptr;  ///< [parameters]
  double* curvature = nullptr;  ///< [parameters, kPack] is added d(gradient)/dtheta . direction
};

/// Residuals along theta + t * direction, to second order in t (float64).
struct JetCall {
  const double* theta = nullptr;      ///< [parameters]
  const double* direction = nullptr;  ///< [parameters]
  const double* prompts = nullptr;    ///< [entries, kPack]
  double* residual = nullptr;         ///< [kPack] and its derivatives along the direction
  double* first = nullptr;            ///< [kPack]
  double* second = nullptr;           ///< [kPack]
  double* scratch = nullptr;          ///< three times [scratch entries, kPack]
};

/// The derivative of e^2 by the numbers of the prompts themselves (float64).
struct DataCall {
  const double* theta = nullptr;    ///< [parameters]
  const double* prompts = nullptr;  ///< [entries, kPack]
  double* residual = nullptr;       ///< [kPack]
  double* gradient = nullptr;       ///< [entries, kPack] receives it, the label's too
  double* scratch = nullptr;        ///< [scratch entries, kPack]
};

/// One form of the model for one instruction set.
struct PackKernel {
  void (*run_f32)(const KernelShape&, const PackCall<float>&) noexcept = nullptr;
  void (*run_f64)(const KernelShape&, const PackCall<double>&) noexcept = nullptr;
  void (*tangent)(const KernelShape&, const TangentCall&) noexcept = nullptr;
  /// Entries, from an address that 64 divides; run with tangents: twice as many, with jets three
  /// times.
  int64_t (*scratch)(const KernelShape&) = nullptr;
  void (*jet)(const KernelShape&, const JetCall&) noexcept = nullptr;
  void (*data)(const KernelShape&, const DataCall&) noexcept = nullptr;
};

}  // namespace weft::icl
