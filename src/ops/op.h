// One coarse operation: its shape rule, its forward and its backward in one object. A program is a
// static list of them; all checks happen in plan(), after which execution runs blind.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "runtime/runtime.h"

namespace weft {

class Gemm;
class GemmPool;
struct GemmSpec;

/// Work of one execution at the planned size; feeds the roofline tables.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// What a program is planned for: the most rows and the largest cache that it will ever see.
struct PlanContext {
  Runtime runtime;
  int64_t batch = 1;    ///< sequences
  int64_t time = 1;     ///< tokens of each sequence in one execution
  int64_t context = 0;  ///< keys that a cache may hold; 0: no cache
  bool training = false;
  std::shared_ptr<GemmPool> gemms = {};  ///< of the program; null: the op stands alone

  int64_t rows() const { return batch * time; }
};

/// What may differ from one execution to the next. Rows beyond batch * time are neither read nor
/// written.
struct RunArgs {
  int64_t batch = 1;
  int64_t time = 1;
  int64_t past = 0;                    ///< tokens already in the cache; the first row stands there
  const int32_t* first_key = nullptr;  ///< [batch, time], packed documents: the first visible key
                                       ///< (absolute position; non-decreasing); null: 0
  const int32_t* labels = nullptr;     ///< [batch, time], next token; negative: no label
  float loss_scale = 1;                ///< factor on the gradient of the mean loss of these labels

  int64_t rows() const { return batch * time; }
};

struct OpPlan {
  std::vector<TensorDesc> outputs;  ///< activations are [rows, width] at the planned rows
  std::vector<TensorDesc> saved;    ///< kept from forward to backward (log-sum-exp, ...)
  size_t forward_scratch = 0;       ///< bytes, 64-byte aligned, contents undefined
  size_t backward_scratch = 0;
  std::vector<bool> backward_reads_input;   ///< per input; empty: reads none
  std::vector<bool> backward_reads_output;  ///< per output; empty: reads none
  std::vector<bool> differentiable;         ///< per input; empty: all
  int in_place =
      -1;  ///< output 0 may take the memory of this input (and d_in of it that of d_out 0)
  Cost forward, backward;
  std::string kernel;                ///< the chosen kernel
  std::vector<std::string> refused;  ///< why the faster ones were not taken: "avx512: needs f32"
};

/// The memory of one execution of one op. Pointers are in the order of the plan; entries of `d_in`
/// are null where nobody wants that gradient. `add[i]`: d_in[i] is added to, otherwise assigned; it
/// is the planner's decision, told and not guessed.
struct Frame {
  const Runtime& runtime;
  const RunArgs& run;
  std::span<void* const> in;
  std::span<void* const> out;
  std::span<void* const> saved;
  std::span<void* const> d_in;
  std::span<void* const> d_out;
  std::span<const uint8_t> add;
  void* scratch = nullptr;
};

class Op {
 public:
  virtual ~Op() = default;

  /// The registry's word for it: "linear", "rmsnorm", ...
  virtual std::string_view name() const = 0;
  /// Checks everything, chooses a kernel, books memory. Called once, before any execution. Throws
  /// Error.
  virtual OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) = 0;
  virtual void forward(const Frame& frame) const noexcept = 0;
  /// Gradients of the inputs from those of the outputs.
  virtual void backward(const Frame& frame) const noexcept = 0;
};

/// The product of the specification: the program's, or one of the op's own.
std::shared_ptr<const Gemm> make_product(const PlanContext& context, const GemmSpec& spec);

/// Throws "[op] expected ..., got ..." unless the input has this type and number of columns.
void expect_matrix(std::string_view op, std::string_view input, const TensorDesc& got, DType dtype,
                   int64_t columns);

}  // namespace weft
