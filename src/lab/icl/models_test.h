// Prompts, parameters and shapes that the tests of the lab's kernels run over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "lab/icl/kernels.h"
#include "lab/icl/layout.h"
#include "lab/icl/reference.h"

namespace weft::icl {

/// One pack of prompts with noisy labels (so that g is not G w), [entries, kPack].
std::vector<double> test_pack(const PromptLayout& layout, int64_t seed);

/// N(0, size^2): far from the tiny start of a run, so that every term of a gradient matters.
std::vector<double> test_parameters(const ModelShape& shape, int64_t d, int64_t seed,
                                    double size = 0.3);

/// "full, 3 layers, 2 heads, softmax literal, tied".
std::string describe(const ModelShape& shape);

/// Every form at one and two heads, tied or not, one to three layers, by Gram matrices and
/// literally, with every kind of scores, and with a perceptron in front of some.
std::vector<ModelShape> test_shapes();

/// What a kernel makes of one pack.
template <class T>
struct Outcome {
  std::vector<T> residual;   // [kPack]
  std::vector<T> gradient;   // [parameters, kPack]
  std::vector<T> curvature;  // [parameters, kPack] along a direction, of doubles
  bool operator==(const Outcome&) const = default;
};

/// Runs kernel_for(shape) on an instruction set; scratch is poisoned, with a canary behind it.
template <class T>
Outcome<T> run_kernel(const PackKernel& kernel, const ModelShape& shape, const PromptLayout& layout,
                      const std::vector<T>& theta, const std::vector<T>& pack);
/// The same with tangents.
Outcome<double> run_tangent(const PackKernel& kernel, const ModelShape& shape,
                            const PromptLayout& layout, const std::vector<double>& theta,
                            const std::vector<double>& direction, const std::vector<double>& pack);

/// The model's gradient at one prompt by central differences of the reference; NaN where the step
/// moves a score or a hidden unit across the kink of its ReLU.
std::vector<double> difference_gradient(const ModelShape& shape, const reference::Prompt& prompt,
                                        const std::vector<double>& theta, double step = 1e-5);
/// The same by the prompt's numbers, in their order [entries].
std::vector<double> difference_data_gradient(const ModelShape& shape, const PromptLayout& layout,
                                             const std::vector<double>& theta,
                                             const std::vector<double>& pack, int lane,
                                             double step = 1e-5);

}  // namespace weft::icl
