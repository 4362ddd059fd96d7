// A model as a list of steps over values: what the builder writes and the planner reads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ops/op.h"

namespace weft {

using ValueId = int;

enum class Role : uint8_t {
  input,       ///< handed in for each execution (token ids)
  parameter,   ///< lives outside the program; its gradient too
  state,       ///< KV cache: lives outside the program, survives executions
  activation,  ///< made by a step, placed in the program's arena
};

struct Value {
  std::string name;
  TensorDesc desc;
  Role role = Role::activation;
  int producer = -1;            ///< step, for activations
  int slot = -1;                ///< index among inputs, parameters or states
  bool differentiable = false;  ///< a gradient flows through it
  DType gradient_dtype = DType::f32;
};

/// Half open range of columns (elements of one row; of the whole tensor for parameters).
struct Columns {
  int64_t first = 0, last = 0;
};

/// What a step reads: a value, and the columns whose gradient its backward writes (empty: all of
/// them).
struct Use {
  ValueId value = -1;
  std::vector<Columns> columns = {};
  Use(ValueId v) : value(v) {}  // NOLINT: a value is a use of all of it
  Use(ValueId v, std::vector<Columns> c) : value(v), columns(std::move(c)) {}
};

struct Step {
  std::string name;  ///< "layers.3.self_attn.q_proj": for messages and profiles
  std::unique_ptr<Op> op;
  OpPlan plan;
  std::vector<Use> inputs;
  std::vector<ValueId> outputs;
  int block = -1;          ///< recomputation unit; -1: never recomputed
  bool last_rows = false;  ///< runs on the last row of each sequence only (after last_row)
};

/// Grows step by step; every op is planned (and so checked) when it is added.
class Graph {
 public:
  /// Steps share their matrix products where the context brings no pool along.
  explicit Graph(PlanContext context);

  ValueId input(std::string name, TensorDesc desc);
  /// gradient_dtype: f64 for f64 programs, else f32, whatever the type the parameter is read in.
  ValueId parameter(std::string name, TensorDesc desc, DType gradient_dtype);
  ValueId state(std::string name, TensorDesc desc);

  /// Adds a step and returns its outputs, named `name`.
  std::vector<ValueId> add(std::string name, std::unique_ptr<Op> op, std::vector<Use> inputs);
  /// The same for ops with one output.
  ValueId add1(std::string name, std::unique_ptr<Op> op, std::vector<Use> inputs);

  void set_block(int block) { block_ = block; }
  void set_last_rows(bool on) { last_rows_ = on; }
  /// Keeps the value until the program ends, so that it can be read from outside.
  void keep(ValueId value) { kept_.push_back(value); }

  const PlanContext& context() const { return context_; }
  const Value& value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  const std::vector<Value>& values() const { return values_; }
  std::vector<Step>& steps() { return steps_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<ValueId>& kept() const { return kept_; }
  int inputs() const { return inputs_; }
  int parameters() const { return parameters_; }
  int states() const { return states_; }

 private:
  ValueId append(Value value);

  PlanContext context_;
  std::vector<Value> values_;
  std::vector<Step> steps_;
  std::vector<ValueId> kept_;
  int inputs_ = 0, parameters_ = 0, states_ = 0;
  int block_ = -1;
  bool last_rows_ = false;
};

}  // namespace weft
