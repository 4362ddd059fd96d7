// Every kernel of an op against its float64 reference: what `weft check` and the unit tests run.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ops/kernel.h"
#include "ops/op.h"
#include "ops/test_support/run_op.h"

namespace weft::test {

enum class Role : uint8_t {
  activation,  ///< the type under test
  parameter,   ///< f32 (f64 in the reference)
  weight,      ///< the type under test, its gradient that of a parameter
  integer,     ///< i32, not differentiable
};

/// How one input is made: offset + scale * normal, or integers in [0, below).
struct InputSpec {
  Shape shape;
  Role role = Role::activation;
  double scale = 1;
  double offset = 0;
  int64_t below = 1;
  bool always_add = false;  ///< the op may leave elements of this gradient alone
};

/// One size of one op. Planned rows must differ from the leading size of every parameter.
struct CheckCase {
  std::string name;
  std::function<std::unique_ptr<Op>()> make;
  std::vector<InputSpec> inputs;
  PlanContext context;  ///< the runtime is filled in
  RunArgs run;
};

/// Tensors of a case in one type: the same values in every type, because they are drawn in bf16.
Tensor random_tensor(const InputSpec& spec, DType activation, std::string_view name,
                     uint64_t seed = 1);

/// Cases of make(rows, width) at widths 1, 3, 7, 63, 64, 65 and 1000, each planned for two rows
/// more than are present; enough of them for several tasks and partial sums. `make` fills in all
/// but names and rows.
template <class F>
std::vector<CheckCase> width_cases(F&& make) {
  std::vector<CheckCase> cases;
  for (const int64_t width : {1, 3, 7, 63, 64, 65, 1000}) {
    const int64_t rows = width < 1000 ? 41 : 35;
    cases.push_back(make(rows, width));
    cases.back().name = "width " + std::to_string(width);
    cases.back().context.batch = rows;
    cases.back().run.batch = rows - 2;
  }
  return cases;
}

/// Runs every kernel of the list in f32 and bf16 over all cases: assigning and adding gradients,
/// misaligned, in place where the plan allows, on 1, 2 and 3 threads (equal bits). Errors are
/// relative to `ref` in f64; the limits are 2x (forward) and 3x (backward) what `ref` reaches in
/// the same precision, plus a floor of a few units in the last place. `ref` itself has a row in
/// f64, where the backward is held against finite differences of the forward. The first fault of
/// memory or of repeatability is named in the row.
std::vector<KernelRow> check_op(std::string_view op, std::span<const KernelTag> kernels,
                                const Runtime& runtime, std::span<const CheckCase> cases);

/// Largest difference between the backward of `op` in f64 and five-point finite differences of its
/// forward, relative to the largest gradient of that input; for some elements of
/// each input: 24 of small cases, 4 of large ones.
double finite_difference_error(const CheckCase& test, const Runtime& runtime);

}  // namespace weft::test
