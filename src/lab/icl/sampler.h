// Prompts drawn from a law: sixteen at a time, each number a function of (seed, purpose, step,
// prompt, index) alone, so that threads and instruction sets change nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lab/icl/pack.h"
#include "lab/icl/sample_plan.h"
#include "lab/icl/setting.h"
#include "runtime/runtime.h"

namespace weft::icl {

/// What prompts are drawn for; those of different purposes are independent.
enum class Purpose : uint16_t {
  training,    ///< fresh at every step
  evaluation,  ///< the fixed batch: seed eval_seed, step 0
  noise,       ///< batches whose gradients are compared with the true one, one a step
  population,  ///< the many prompts whose gradient stands for the true one
  test
};

/// An endless sequence of prompts.
struct Stream {
  int64_t seed = 0;
  Purpose purpose = Purpose::training;
  int64_t step = 0;  ///< below 2^48
};

/// The teacher of 2310.01082, section 4: phi(x) = W2 max(0, W1 x + b1) + b2, d -> 2 d -> d, every
/// number uniform in (-1, 1) / sqrt(inputs of its layer), the same for every run.
struct TeacherWeights {
  int64_t hidden = 0;
  std::vector<double> W1, b1, W2, b2;  ///< [hidden, d], [hidden], [d, hidden], [d]
};
TeacherWeights teacher_weights(int64_t d);

/// A law made ready. Draws are made in float32 and widened, so that T = float and T = double see
/// the same numbers; covariances, norms and labels are computed in T. Immutable: threads may share
/// it.
class Sampler {
 public:
  /// `law` must have passed check_setting().
  Sampler(const PromptLaw& law, Isa isa);
  ~Sampler();
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;

  PromptLayout layout() const { return layout_; }
  /// Floats that fill() needs.
  int64_t scratch() const { return sample_scratch(layout_.d, layout_.n) * kPack; }
  /// Prompts [16 pack, 16 pack + 16) of a stream into [entries, kPack].
  void fill(const Stream& stream, int64_t pack, float* prompts, float* scratch) const noexcept;
  void fill(const Stream& stream, int64_t pack, double* prompts, float* scratch) const noexcept;

 private:
  struct Plans;
  PromptLayout layout_;
  SampleKernel kernel_;
  std::unique_ptr<Plans> plans_;
};

/// The key of a pack's numbers, as the kernels have it.
SampleKey sample_key(const Stream& stream, int64_t pack);
/// The kernel of an instruction set.
const SampleKernel& sample_kernel(Isa isa);

}  // namespace weft::icl
