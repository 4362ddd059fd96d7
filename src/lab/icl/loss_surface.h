// The loss of a model over a fixed set of prompts, in float64, with its exact derivatives: the
// instrument for everything that is measured along a path of training. Dual numbers through the
// gradient give Hessian times vector (forward over reverse), jets through the forward pass give
// u^T H u; nothing is approximated by differences.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "lab/icl/layout.h"
#include "lab/icl/pack.h"
#include "lab/icl/setting.h"
#include "runtime/runtime.h"

namespace weft::icl {

/// Prompts in packs. Lanes behind the last prompt may hold anything.
struct PromptSet {
  PromptLayout layout;
  int64_t count = 0;                ///< prompts
  std::span<const double> numbers;  ///< [packs, entries, kPack], packs = ceil(count / kPack)

  int64_t packs() const { return (count + kPack - 1) / kPack; }
};

/// A point of the surface. `skipped` prompts whose loss is not finite are left out of the mean.
struct LossPoint {
  double loss = 0;
  std::vector<double> gradient;  // [parameters]
  int64_t skipped = 0;
};

/// Along theta + t * direction at t = 0: loss and its derivatives by t. `second` is u^T H u.
struct LossAlong {
  double loss = 0, first = 0, second = 0;
  int64_t skipped = 0;
};

/// Loss = mean over the prompts of (y_q - prediction)^2. Results do not depend on the number of
/// threads or the instruction set. Methods throw Error(usage) where a vector has not one number for
/// each parameter.
class LossSurface {
 public:
  /// Keeps the span: the numbers must live as long. Throws Error(usage) where their number does not
  /// fit, Error(config) where there is no kernel (kernel_for).
  LossSurface(const ModelShape& shape, const PromptSet& prompts, const Runtime& runtime);

  const ParameterLayout& layout() const { return layout_; }
  int64_t parameters() const { return layout_.size; }

  /// y_q - prediction of each prompt, [count].
  std::vector<double> residuals(std::span<const double> theta) const;
  LossPoint at(std::span<const double> theta) const;
  /// H v, [parameters].
  std::vector<double> hessian_times(std::span<const double> theta, std::span<const double> v) const;
  /// [parameters, parameters], made symmetric; rows and columns of dead coordinates are exactly 0.
  Eigen::MatrixXd hessian(std::span<const double> theta) const;
  LossAlong along(std::span<const double> theta, std::span<const double> direction) const;
  /// Gradient of each prompt's own e^2 by its numbers, as the prompts lie: [packs, entries, kPack].
  std::vector<double> data_gradient(std::span<const double> theta) const;

 private:
  struct Worker;
  using LaneMask = uint32_t;  // bit p: lane p holds a prompt whose loss is finite

  void check(std::span<const double> vector) const;
  const double* pack(int64_t p) const;
  int64_t packs_of(int64_t group) const;
  LaneMask usable(int64_t pack, const double* residual) const;
  std::vector<LaneMask> usable_lanes(const double* theta, int64_t* prompts) const;
  std::vector<Worker> workers(int64_t scratch_times) const;
  void add_curvature(const double* theta, const double* direction, std::span<const LaneMask> lanes,
                     int64_t group, Worker& worker, double* sum) const noexcept;

  ModelShape shape_;
  PromptSet prompts_;
  Runtime runtime_;
  ParameterLayout layout_;
  KernelShape sizes_;
  const PackKernel* kernel_;
  const PackKernel* wide_;  // has jets and data gradients
};

/// Eigenvalues, increasing, of the rows and columns `live` of a symmetric matrix.
Eigen::VectorXd live_eigenvalues(const Eigen::MatrixXd& hessian, std::span<const int64_t> live);

}  // namespace weft::icl
