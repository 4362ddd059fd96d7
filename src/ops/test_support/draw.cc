#include "ops/test_support/draw.h"

#include "base/random.h"

namespace weft::test {

Tensor random_tensor(const InputSpec& spec, DType activation, std::string_view name,
                     uint64_t seed) {
  const Random random(seed, name);
  if (spec.role == Role::integer) {
    Tensor t(DType::i32, spec.shape);
    for (int64_t i = 0; i < t.numel(); ++i) {
      t.as<int32_t>()[i] = static_cast<int32_t>(
          random.below(static_cast<uint64_t>(i), static_cast<uint64_t>(spec.below)));
    }
    return t;
  }
  const DType parameter = activation == DType::f64 ? DType::f64 : DType::f32;
  Tensor t(spec.role == Role::parameter ? parameter : activation, spec.shape);
  for (int64_t i = 0; i < t.numel(); ++i) {
    const double x = spec.offset + spec.scale * random.normal(static_cast<uint64_t>(i));
    set(t.view(), i, static_cast<float>(bf16(static_cast<float>(x))));
  }
  return t;
}

Drawn draw(const CheckCase& test, DType type, const Runtime& runtime) {
  Drawn drawn;
  std::vector<TensorDesc> descs;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    InputSpec spec = test.inputs[i];
    drawn.in.push_back(random_tensor(spec, type, "input" + std::to_string(i)));
    descs.push_back(drawn.in.back().desc());
    if (spec.role == Role::weight) spec.role = Role::parameter;
    drawn.before.push_back(random_tensor(spec, type, "before" + std::to_string(i)));
  }
  PlanContext context = test.context;
  context.runtime = runtime;
  context.runtime.kernel = "ref";
  const OpPlan plan = test.make()->plan(descs, context);
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    InputSpec spec{plan.outputs[i].shape};
    if (plan.outputs[i].dtype != type) spec.role = Role::parameter;
    drawn.d_out.push_back(random_tensor(spec, type, "cotangent" + std::to_string(i)));
  }
  return drawn;
}

std::vector<uint8_t> added(const CheckCase& test, bool add) {
  std::vector<uint8_t> flags;
  for (const InputSpec& spec : test.inputs) {
    flags.push_back(spec.role != Role::integer && (add || spec.always_add));
  }
  return flags;
}

}  // namespace weft::test
