// The affine mix of taps: what almost every wiring between layers is made of.
#pragma once

#include <memory>
#include <vector>

#include "ops/head_ref.h"
#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// One source with its coefficient c = scale * g, or scale * (1 - g) with `complement`. Without a
/// gain g is 1.
struct MixTerm {
  enum class Gain : uint8_t {
    scalar,  ///< one element of a parameter tensor of any shape (f32; f64 in f64 programs)
    gate     ///< an activation [rows, heads]: a coefficient for each row and head
  };
  std::vector<HeadRef>
      heads;  ///< one for each head of the destination; columns on the grid of `width`
  double scale = 1;
  int gain = -1;  ///< input that holds the gain; -1: none
  int64_t gain_element = 0;
  bool complement = false;
  Gain kind = Gain::scalar;
};

struct MixSpec {
  int64_t heads = 1;  ///< of the destination
  int64_t width = 1;  ///< columns of a head
  std::vector<MixTerm> terms;
};

/// Output [rows, heads * width]: head h = sum over terms of c * the term's head h, accumulated in
/// f32 (f64 in f64 programs) and rounded once. Inputs are numbered as the terms name them; each
/// must be read by some term, as a source or as a gain but not as both.
///
/// Backward writes or adds only what the terms read: of a source those columns, of a gain tensor
/// those elements. Where others matter the caller zeroes the gradient first and asks for adding.
/// Heads that read the same columns, and terms that share a gain, are summed before rounding.
///
/// Throws Error(config) for an empty mix, a term whose heads do not match, columns off the grid of
/// heads, a scale that is not finite.
std::unique_ptr<Op> make_mix(MixSpec spec);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> mix_tags();
/// Every kernel against the float64 reference: blends, repeated sources, complements, gates.
std::vector<KernelRow> check_mix(const Runtime& runtime);

}  // namespace weft
