#include "ops/test_support/check_op.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/compare.h"
#include "base/random.h"

namespace weft::test {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kForwardFactor = 2, kBackwardFactor = 3;  // DESIGN, section 5
constexpr double kDifferenceLimit = 1e-6;  // five points at h = 3e-5 reach about 1e-8

/// A few units in the last place, so that an exact reference does not ask for exactness.
double floor_of(DType t) {
  return t == DType::bf16 ? 0x1p-9 : 4 * 0x1p-23;
}
/// What `ref` itself must reach in f32 and bf16; a plain sum of 1000 terms stays far below.
double ref_limit(DType t) {
  return t == DType::bf16 ? 0x1p-6 : 1e-5;
}

std::vector<Tensor> draw(const CheckCase& test, DType type, std::string_view what) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    const std::string name = std::string(what) + std::to_string(i);
    tensors.push_back(random_tensor(test.inputs[i], type, name));
  }
  return tensors;
}

/// What the gradients hold before something is added to them.
std::vector<Tensor> draw_before(const CheckCase& test, DType type) {
  CheckCase gradients = test;
  for (InputSpec& spec : gradients.inputs) {
    if (spec.role == Role::weight) spec.role = Role::parameter;
  }
  return draw(gradients, type, "before");
}

std::vector<Tensor> draw_cotangents(const OpPlan& plan, DType type) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const bool follows = plan.outputs[i].dtype == type;
    tensors.push_back(random_tensor(
        {plan.outputs[i].shape, follows ? Role::activation : Role::parameter, 1, 0, 1, false}, type,
        "cotangent" + std::to_string(i)));
  }
  return tensors;
}

/// How a kernel is asked to run.
struct Variant {
  const char* name;
  int threads = 1;
  bool add = false, misaligned = false, in_place = false;
};

RunOptions options_of(const CheckCase& test, const Variant& variant) {
  RunOptions o{{}, {}, variant.in_place, variant.misaligned};
  for (const InputSpec& spec : test.inputs) {
    o.add.push_back(spec.role != Role::integer && (variant.add || spec.always_add));
  }
  return o;
}

RunResult execute(const CheckCase& test, DType type, Runtime runtime, std::string_view kernel,
                  const Variant& variant) {
  PlanContext context = test.context;
  runtime.kernel = kernel;
  runtime.threads = variant.threads;
  context.runtime = runtime;
  const std::unique_ptr<Op> op = test.make();
  const std::vector<Tensor> in = draw(test, type, "input"), before = draw_before(test, type);
  std::vector<TensorDesc> descs;
  for (const Tensor& t : in) descs.push_back(t.desc());
  const std::vector<Tensor> d_out = draw_cotangents(test.make()->plan(descs, context), type);
  RunResult result = run_op(*op, context, test.run, in, d_out, before, options_of(test, variant));
  if (result.fault.empty() && result.plan.kernel != kernel) {
    result.fault = "the plan took kernel " + result.plan.kernel;
  }
  return result;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].numel() != b[i].numel()) return false;
    if (a[i].data() != nullptr && !same_bits(a[i].view(), b[i].view())) return false;
  }
  return a.size() == b.size();
}

/// Keeps the pair of error and limit that comes closest to failing.
struct Worst {
  double error = 0, limit = 0;
  void take(double e, double l) {
    if (limit == 0 || e * limit > error * l) error = e, limit = l;
  }
};

/// One (kernel, type) over all cases.
class KernelCheck {
 public:
  KernelCheck(const KernelTag& tag, DType type, const Runtime& runtime)
      : tag_(tag), type_(type), runtime_(runtime) {}

  void operator()(const CheckCase& test) {
    test_ = &test;
    for (const bool add : {false, true}) {
      const Variant plain{add ? "adding" : "assigning", 1, add, false, false};
      const RunResult exact = execute(test, DType::f64, runtime_, "ref", plain);
      const RunResult naive = execute(test, type_, runtime_, "ref", plain);
      const RunResult got = execute(test, type_, runtime_, tag_.name, plain);
      expect(plain, got.fault.empty(), got.fault);
      expect(plain, exact.fault.empty(), "ref in f64: " + exact.fault);
      measure(forward_, got.out, naive.out, exact.out, kForwardFactor, plain);
      measure(backward_, got.d_in, naive.d_in, exact.d_in, kBackwardFactor, plain);
      repeat(got, {"2 threads", 2, add, false, false});
      repeat(got, {"3 threads", 3, add, false, false});
      repeat(got, {"misaligned", 1, add, true, false});
      if (got.plan.in_place >= 0 && !add) repeat(got, {"in place", 2, add, false, true});
    }
  }

  KernelRow row(std::string_view op) const {
    return {std::string(op),
            std::string(tag_.name),
            std::string(name_of(type_)),
            {},
            forward_.error,
            backward_.error,
            forward_.limit,
            backward_.limit,
            fault_};
  }

 private:
  void measure(Worst& worst, const std::vector<Tensor>& got, const std::vector<Tensor>& naive,
               const std::vector<Tensor>& exact, double factor, const Variant& variant) {
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i].data() == nullptr) continue;  // not wanted
      const double reached = compare(naive[i].view(), exact[i].view()).error();
      const double error = compare(got[i].view(), exact[i].view()).error();
      const double limit =
          tag_.name == "ref" ? ref_limit(type_) : factor * reached + floor_of(type_);
      worst.take(error, limit);
      expect(variant, error <= limit || std::isfinite(error),
             "tensor " + std::to_string(i) + " is not finite");
    }
  }

  /// Another way of running must give the same bits.
  void repeat(const RunResult& want, const Variant& variant) {
    const RunResult got = execute(*test_, type_, runtime_, tag_.name, variant);
    expect(variant, got.fault.empty(), got.fault);
    expect(variant, same(got.out, want.out), "other bits forward");
    expect(variant, same(got.d_in, want.d_in), "other bits backward");
  }

  void expect(const Variant& variant, bool fine, const std::string& what) {
    if (!fine && fault_.empty()) fault_ = test_->name + ", " + variant.name + ": " + what;
  }

  const KernelTag& tag_;
  DType type_;
  const Runtime& runtime_;
  const CheckCase* test_ = nullptr;
  Worst forward_, backward_;
  std::string fault_;
};

/// sum of out * cotangent, in double
double loss_of(const RunResult& result, std::span<const Tensor> cotangents) {
  double sum = 0;
  for (size_t i = 0; i < result.out.size(); ++i) {
    for (int64_t j = 0; j < result.out[i].numel(); ++j) {
      sum += get(result.out[i].view(), j) * get(cotangents[i].view(), j);
    }
  }
  return sum;
}

}  // namespace

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

double finite_difference_error(const CheckCase& test, const Runtime& runtime, int64_t samples) {
  PlanContext context = test.context;
  context.runtime = runtime;
  context.runtime.kernel = "ref";
  std::vector<Tensor> in = draw(test, DType::f64, "input");
  const std::vector<Tensor> before = draw_before(test, DType::f64);
  const RunOptions options = options_of(test, {"", 1, false, false, false});
  std::vector<TensorDesc> descs;
  for (const Tensor& t : in) descs.push_back(t.desc());
  const std::vector<Tensor> d_out = draw_cotangents(test.make()->plan(descs, context), DType::f64);
  const RunResult at = run_op(*test.make(), context, test.run, in, d_out, before, options);
  if (!at.fault.empty()) return kInfinite;
  const auto loss = [&] {
    return loss_of(run_op(*test.make(), context, test.run, in, {}, {}, options), d_out);
  };
  double worst = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t n = at.d_in[i].numel();
    if (at.d_in[i].data() == nullptr) continue;  // not wanted
    double largest = 1e-3, difference = 0;
    const int64_t stride = std::max<int64_t>(1, n / samples);
    for (int64_t j = 0; j < n; j += stride) {
      const double x = get(in[i].view(), j), h = 3e-5;
      const double start = options.add[i] ? get(before[i].view(), j) : 0;
      const auto f = [&](double step) {
        set(in[i].view(), j, x + step * h);
        return loss();
      };
      const double slope = (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * h);
      set(in[i].view(), j, x);
      const double gradient = get(at.d_in[i].view(), j) - start;
      largest = std::max(largest, std::abs(slope));
      const double d = std::abs(slope - gradient);
      difference = d <= difference ? difference : d;  // keeps a NaN
    }
    worst = difference / largest <= worst ? worst : difference / largest;
  }
  return worst;
}

std::vector<KernelRow> check_op(std::string_view op, std::span<const KernelTag> kernels,
                                const Runtime& runtime, std::span<const CheckCase> cases) {
  std::vector<KernelRow> rows;
  for (const KernelTag& tag : kernels) {
    Runtime only = runtime;
    only.kernel = tag.name;
    for (const DType type : tag.dtypes) {
      rows.push_back({std::string(op),
                      std::string(tag.name),
                      std::string(name_of(type)),
                      refusal(tag, type, only),
                      0,
                      0,
                      0,
                      0,
                      {}});
      if (!rows.back().refused.empty()) continue;
      if (type == DType::f64) {
        rows.back().backward_limit = kDifferenceLimit;
        for (const CheckCase& test : cases) {
          const double e = finite_difference_error(test, runtime);
          if (!(e <= rows.back().backward_error)) rows.back().backward_error = e;
        }
        continue;
      }
      KernelCheck check(tag, type, runtime);
      for (const CheckCase& test : cases) check(test);
      rows.back() = check.row(op);
    }
  }
  return rows;
}

}  // namespace weft::test
