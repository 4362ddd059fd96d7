// Every parameter tensor of a model: name, shape, initial values. Follows from the configuration
// and its layout alone, so that it can be counted, explained and checked without allocating a
// weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "model/axes.h"
#include "model/config.h"
#include "model/layout.h"

namespace weft {

/// How a tensor starts. `normal`: mean 0 and deviation kInitStd; `values`: ParameterSpec::values.
enum class Init : uint8_t { normal, ones, zeros, values };
inline constexpr double kInitStd = 0.02;

/// What a parameter belongs to, for counting.
enum class ParameterGroup : uint8_t { embedding, attention, ffn, norms, gains, head };
inline constexpr int kParameterGroups = 6;
const char* name_of(ParameterGroup group);

struct ParameterSpec {
  std::string name;  ///< Llama layout, "model.layers.0.self_attn.q_proj.weight"
  Shape shape;       ///< linear weights [out, in]
  ParameterGroup group = ParameterGroup::norms;
  Init init = Init::normal;
  std::vector<double> values;  ///< of Init::values, one an element
  bool decay = true;           ///< false: norms, gains, biases, the embedding
  bool gain = false;           ///< a wiring's gain: kept in f32 whatever the weights' type
  int64_t uses = 1;            ///< executed layers that multiply with it: more in looped blocks

  /// k_proj and v_proj: the kv heads whose rows exist, ascending; row block i belongs to head
  /// rows_from[i]. Empty for every other tensor.
  std::vector<int> rows_from;
  int64_t head_rows = 0;  ///< rows of one head where rows_from is not empty

  /// Index of element `i` in the matrix that holds every head. Initial values are drawn by this
  /// index, so that a head keeps its values whichever other heads exist.
  int64_t full_element(int64_t i) const;
};

/// In file order: embedding; block by block norm, norm of k and v (where split), q, k, v, o,
/// mechanism, norm, gate, up, down; wiring gains; final norm; head (unless tied). A projection
/// without heads is left out.
std::vector<ParameterSpec> parameter_list(const ModelConfig& config, const Layout& layout,
                                          const Axes& axes = Axes());

}  // namespace weft
