#include <algorithm>
#include <cmath>
#include <utility>

#include "base/compare.h"
#include "ops/test_support/draw.h"

namespace weft::test {
namespace {

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

/// How a kernel is asked to run.
struct Variant {
  const char* name;
  int threads = 1;
  bool add = false, misaligned = false, in_place = false;
};

/// Runs a fresh op; a plan that takes another kernel than the one asked for is a fault.
RunResult execute(const CheckCase& test, const Drawn& drawn, Runtime runtime,
                  std::string_view kernel, const Variant& variant) {
  PlanContext context = test.context;
  runtime.kernel = kernel;
  runtime.threads = variant.threads;
  context.runtime = runtime;
  const RunOptions options{added(test, variant.add), {}, variant.in_place, variant.misaligned};
  RunResult result =
      run_op(*test.make(), context, test.run, drawn.in, drawn.d_out, drawn.before, options);
  if (result.fault.empty() && result.plan.kernel != kernel) {
    result.fault = "the plan took kernel " + result.plan.kernel;
  }
  return result;
}

constexpr Variant kAssigning{"assigning", 1, false, false, false};
constexpr Variant kAdding{"adding", 1, true, false, false};

/// What `ref` makes of a case, assigning and adding, in one type.
struct Reference {
  Reference(const CheckCase& test, DType type, const Runtime& runtime)
      : drawn(draw(test, type, runtime)),
        assigning(execute(test, drawn, runtime, "ref", kAssigning)),
        adding(execute(test, drawn, runtime, "ref", kAdding)) {}

  Drawn drawn;
  RunResult assigning, adding;
};

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

  DType type() const { return type_; }

  void operator()(const CheckCase& test, const Reference& exact, const Reference& naive) {
    test_ = &test;
    drawn_ = &naive.drawn;
    one_way(kAssigning, exact.assigning, naive.assigning);
    one_way(kAdding, exact.adding, naive.adding);
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
  void one_way(const Variant& plain, const RunResult& exact, const RunResult& naive) {
    const RunResult got = execute(*test_, *drawn_, runtime_, tag_.name, plain);
    expect(plain, got.fault.empty(), got.fault);
    expect(plain, exact.fault.empty(), "ref in f64: " + exact.fault);
    measure(forward_, got.out, naive.out, exact.out, kForwardFactor, plain);
    measure(backward_, got.d_in, naive.d_in, exact.d_in, kBackwardFactor, plain);
    repeat(got, {"2 threads", 2, plain.add, false, false});
    repeat(got, {"3 threads", 3, plain.add, false, false});
    repeat(got, {"misaligned", 1, plain.add, true, false});
    if (got.plan.in_place >= 0 && !plain.add) repeat(got, {"in place", 2, false, false, true});
  }

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
    const RunResult got = execute(*test_, *drawn_, runtime_, tag_.name, variant);
    expect(variant, got.fault.empty(), got.fault);
    expect(variant, same(got.out, want.out), "other bits forward");
    expect(variant, same(got.d_in, want.d_in), "other bits backward");
  }

  void expect(const Variant& variant, bool fine, const std::string& what) {
    if (!fine && fault_.empty()) fault_ = test_->name + ", " + variant.name + ": " + what;
  }

  KernelTag tag_;
  DType type_;
  const Runtime& runtime_;
  const CheckCase* test_ = nullptr;
  const Drawn* drawn_ = nullptr;
  Worst forward_, backward_;
  std::string fault_;
};

}  // namespace

std::vector<KernelRow> check_op(std::string_view op, std::span<const KernelTag> kernels,
                                const Runtime& runtime, std::span<const CheckCase> cases) {
  std::vector<KernelRow> rows;
  std::vector<std::pair<size_t, KernelCheck>> checks;  // with the row that each fills
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
      KernelRow& row = rows.back();
      if (!row.refused.empty()) continue;
      if (type != DType::f64) {
        checks.emplace_back(rows.size() - 1, KernelCheck(tag, type, runtime));
        continue;
      }
      row.backward_limit = kDifferenceLimit;
      for (const CheckCase& test : cases) {
        const double e = finite_difference_error(test, runtime);
        if (!(e <= row.backward_error)) row.backward_error = e;
      }
    }
  }
  for (const CheckCase& test : cases) {
    const Reference exact(test, DType::f64, runtime);
    for (const DType type : {DType::f32, DType::bf16}) {
      const auto of_type = [type](const auto& entry) { return entry.second.type() == type; };
      if (std::none_of(checks.begin(), checks.end(), of_type)) continue;
      const Reference naive(test, type, runtime);
      for (auto& [row, check] : checks) {
        if (check.type() == type) check(test, exact, naive);
      }
    }
  }
  for (auto& [row, check] : checks) rows[row] = check.row(op);
  return rows;
}

}  // namespace weft::test
