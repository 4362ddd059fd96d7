// What a mechanism is to the rest of the program, and the registry of them.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attention/problem.h"
#include "base/args.h"
#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

struct AttentionSpec;
struct MechanismInfo;

struct MechanismTraits {
  bool ordered = false;    ///< the result depends on the order of the keys, beside their scores
  bool recurrent = false;  ///< a state replaces the keys: no cache, no window, no slopes
};

/// A learned parameter of the attention block that the mechanism brings along, named under
/// model.layers.N.self_attn.
struct MechanismParameter {
  enum class Reader : uint8_t {
    attention,  ///< the attention op, as AttentionSpec::parameters
    output,     ///< the op on its output, MechanismInfo::output_op
  };
  std::string name;  ///< "remainder", "norm.weight"
  Shape shape;
  double init = 0;
  Reader reader = Reader::attention;
};

struct TileKernel;

/// One kernel of a mechanism for one element type. Scratch sizes are bytes.
struct AttentionKernel {
  size_t (*forward_scratch)(const AttentionProblem&, const TileKernel*);
  size_t (*backward_scratch)(const AttentionProblem&, const TileKernel*);
  void (*forward)(const AttentionProblem&, const AttentionRun&, const Runtime&, const TileKernel*);
  void (*backward)(const AttentionProblem&, const AttentionRun&, const Runtime&, const TileKernel*);
  /// What a tiled kernel runs (tile.h), or a formula that arrives at run time; null for the
  /// reference.
  const TileKernel* tiles;
};
using AttentionKernelOf = std::function<AttentionKernel(DType)>;

struct MechanismInfo {
  std::string_view name;
  std::string_view source;   ///< the paper
  std::string_view formula;  ///< one line
  MechanismTraits traits;
  std::span<const ArgSpec> args;
  /// Parameters that these arguments ask for, in order.
  std::vector<MechanismParameter> (*parameters)(const Args& args, int64_t heads, int64_t head_dim);
  /// The op on the heads' outputs o [rows, heads * head_dim], before the output projection; its
  /// further inputs are the parameters read by `output`, in order. Null where the mechanism has
  /// none; returns null where these arguments ask for none.
  std::unique_ptr<Op> (*output_op)(const Args& args, int64_t heads, int64_t head_dim) = nullptr;
  /// Recurrent mechanisms only: what one sequence keeps instead of keys and values, in f32 (f64 in
  /// f64 programs). Null for those that keep keys.
  Shape (*state)(const Args& args, int64_t kv_heads, int64_t head_dim, int64_t value_dim) = nullptr;
  /// What the kernels are told, and the kernels, fastest first.
  std::function<MechanismSettings(const Args& args)> settings;
  std::span<const Kernel<AttentionKernelOf>> kernels;
  /// The op; make_streaming for mechanisms that are a list of kernels.
  std::unique_ptr<Op> (*make)(const MechanismInfo& info, const AttentionSpec& spec);

  /// The arguments as given, or the defaults where there are none.
  Args settled(const Args& given) const {
    return given.values().empty() ? Args(name, args, {}) : given;
  }
};

/// The op of a mechanism that is a list of kernels: of tiles, one walk over the keys, or of chunks
/// with a recurrent state.
std::unique_ptr<Op> make_streaming(const MechanismInfo& info, const AttentionSpec& spec);

/// The mechanisms that a program knows: those of the library, and what it adds itself.
class MechanismRegistry {
 public:
  MechanismRegistry();
  /// `info` must outlive the registry. Throws Error(usage) where the name is taken.
  void add(const MechanismInfo& info);
  /// Throws Error(config) with the nearest name.
  const MechanismInfo& find(std::string_view name) const;
  std::span<const MechanismInfo* const> all() const { return infos_; }

 private:
  std::vector<const MechanismInfo*> infos_;
};

}  // namespace weft
