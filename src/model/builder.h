// From a configuration to a program: training, evaluation and generation from one builder.
#pragma once

#include <cstdint>
#include <vector>

#include "model/axes.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/parameters.h"
#include "ops/linear/projection.h"
#include "program/program.h"

namespace weft {

enum class Mode : uint8_t {
  train,     ///< loss and gradients
  evaluate,  ///< loss, count, and the loss of each row
  logits,    ///< logits of every row, no cache
  generate,  ///< logits of the last row of each sequence, reading and growing a cache
};

struct BuildOptions {
  Mode mode = Mode::train;
  DType dtype = DType::f32;  ///< of activations: f64 (reference), f32 or bf16
  int64_t batch = 1;
  int64_t time = 1;     ///< most tokens of a sequence in one execution
  int64_t context = 0;  ///< most tokens of a sequence in the cache (generate)
  bool recompute = false;
  WeightType weights = WeightType::activation;  ///< of the matrices that generate multiplies by
  std::vector<Tap> keep = {};  ///< can be read after a run: q, k and v as attention reads them
  Runtime runtime;
};

/// What a slot holds of a parameter.
enum class WeightPart : uint8_t { whole, integers, scales };

/// A parameter as the program reads it: entry i belongs to slot i of the graph's parameters.
struct ParameterSlot {
  int parameter = -1;  ///< index in parameter_list()
  DType dtype = DType::f32;
  WeightPart part = WeightPart::whole;
};

/// One head of a tap: `width` columns of a value from `column` on; value -1: not projected.
struct HeadPlace {
  ValueId value = -1;
  int64_t column = 0;
};

struct BuiltProgram {
  Program program;
  std::vector<ParameterSlot> parameters;
  std::vector<TensorDesc> states;  ///< caches, then recurrent states, in the order of the plan
  ValueId loss = -1, count = -1, row_losses = -1;  ///< train, evaluate
  ValueId right = -1;   ///< the same: labels whose logit is the largest, f64 [1]
  ValueId logits = -1;  ///< logits, generate: f32 (f64 in f64 programs)
  std::vector<std::vector<HeadPlace>> kept = {};  ///< the heads of each tap of BuildOptions::keep
};

/// Inputs of the program: slot 0 is the token ids, i32 [batch * time]. Throws Error(config) where
/// an op refuses the sizes, Error(usage) for int8 weights in another mode than generate and for
/// taps to keep that the model does not have. Allocates
/// no activation memory (Program::bind does).
BuiltProgram build(const ModelConfig& config, const Layout& layout, const BuildOptions& options,
                   const Axes& axes = Axes());

/// The weights in the order of the program's slots, for Bindings::parameters. Throws Error(usage)
/// where a copy that the program reads does not exist.
std::vector<void*> parameter_pointers(const BuiltProgram& built, const Parameters& parameters);

/// Tokens that a cache slot must hold for this context.
int64_t slot_capacity(const CacheSlot& slot, int64_t context);

}  // namespace weft
