// What the sampler of prompts is told, in plain data for its kernels (sample_simd.cc).
#pragma once

#include <cstdint>

#include "lab/icl/pack.h"

namespace weft::icl {

/// Gamma(shape) of unit scale (Marsaglia and Tsang 2000): D (1 + C x)^3 of a normal x, accepted by
/// a uniform number; below shape 1 Gamma(shape + 1) times U^(1 / shape), and 0 in
/// place of what is below 1e-18.
struct GammaLaw {
  float D = 0, C = 0;
  float minus_half_inverse = 0;  ///< -1 / (2 shape) below 1; 0: not needed
};

enum class Direction : uint8_t { normal, sphere, gamma, uniform };
enum class Root : uint8_t { identity, diagonal, full };  ///< what a drawn vector is multiplied by
enum class Noise : uint8_t { none, fixed, uniform, levels };

/// The law of prompts, T float or double. Numbers are drawn in float and widened; what is computed
/// from them is computed in T, so that labels of doubles are exact.
template <class T>
struct SamplePlan {
  int64_t d = 0, n = 0;
  Direction direction = Direction::normal;
  GammaLaw gamma;
  T scale = 1;  ///< of |x|^2 (gamma), of components (uniform)
  Root x_root = Root::identity, w_root = Root::identity;
  const T *x_matrix = nullptr, *w_matrix = nullptr;  ///< [d] or [d, d]
  Noise noise = Noise::none;
  T sigma = 0;                ///< fixed: the deviation; uniform: the largest
  const T* levels = nullptr;  ///< [level_count]
  int64_t level_count = 0;
  int64_t hidden = 0;  ///< of the teacher; 0: y = w.x
  const T *W1 = nullptr, *b1 = nullptr, *W2 = nullptr, *b2 = nullptr;  ///< [hidden, d], [d, hidden]
};

/// Which numbers: those of pack `pack` of a step, keyed by Philox.
struct SampleKey {
  uint64_t seed = 0, step = 0;  ///< step below 2^48
  uint32_t purpose = 0;         ///< below 2^16
  uint32_t pack = 0;
};

/// Blocks of four words of a prompt: which numbers are whose.
enum SampleBlock : uint32_t {
  kBlockNormals = 0,        ///< x of the examples, x of the query, w
  kBlockWeights = 1 << 24,  ///< w where x is not normal
  kBlockNoise = 2 << 24,    ///< of the labels
  kBlockRadius = 3 << 24,   ///< kGammaAttempts for each x
  kBlockLevel = 4 << 24     ///< the deviation of the noise
};

/// Floats per lane that a sampler needs beside the prompts: raw numbers [entries], w [d],
/// |x|^2 [n + 1], the level of the noise.
inline int64_t sample_scratch(int64_t d, int64_t n) {
  return PromptLayout{d, n}.entries() + d + (n + 1) + 1;
}

struct SampleKernel {
  /// prompts [entries, kPack] are written; scratch [sample_scratch, kPack].
  void (*fill_f32)(const SamplePlan<float>&, const SampleKey&, float* prompts,
                   float* scratch) noexcept = nullptr;
  void (*fill_f64)(const SamplePlan<double>&, const SampleKey&, double* prompts,
                   float* scratch) noexcept = nullptr;
  /// The four words [4, kPack] of a block: for tests.
  void (*words)(const SampleKey&, uint32_t block, uint32_t* words) noexcept = nullptr;
};

}  // namespace weft::icl
