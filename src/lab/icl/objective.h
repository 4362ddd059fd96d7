// Loss and gradient of a setting over batches of fresh prompts: sampling, the model there and back,
// and the sums, all in one pass over packs that stay in the first-level cache.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lab/icl/batch.h"
#include "lab/icl/layout.h"
#include "lab/icl/setting.h"
#include "runtime/runtime.h"

namespace weft::icl {

/// The mean over the prompts of a batch that have a finite loss and a finite gradient; the others
/// are skipped, and counted (a float overflows in a rare prompt, and would poison all).
struct BatchLoss {
  double loss = 0;
  int64_t skipped = 0;
};

/// Mean squared error over prompts, and its gradient, in the setting's precision. Sums are formed
/// per lane over chunks of packs, then over lanes in a fixed tree in double, then over chunks in
/// order: the same bits for any number of threads and any instruction set. One object must not be
/// used by two threads at once.
class Objective {
 public:
  /// Throws Error(config) where there is no kernel for the model (kernel_for()).
  Objective(const Setting& setting, const Runtime& runtime);
  ~Objective();
  Objective(Objective&&) noexcept;
  Objective& operator=(Objective&&) noexcept;

  const ParameterLayout& layout() const;
  int64_t parameters() const { return layout().size; }

  /// Over prompts [0, count) of a stream. theta and gradient [parameters]; the gradient is
  /// overwritten, with zeros where every prompt is skipped.
  BatchLoss gradient(const Stream& stream, int64_t count, std::span<const double> theta,
                     std::span<double> gradient) noexcept;
  /// y_q - prediction for every prompt of a batch, in float64 whatever the precision: [count].
  void residuals(const PromptBatch& batch, std::span<const double> theta,
                 std::span<double> residuals) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::icl
