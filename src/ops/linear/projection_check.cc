#include <algorithm>
#include <cmath>

#include "base/compare.h"
#include "ops/linear/linear_kernels.h"
#include "ops/linear/projection.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

struct Case {
  int64_t planned, rows;
  ProjectionSpec spec;
  std::string name() const {
    return "rows " + std::to_string(rows) + ", in " + std::to_string(spec.in) + ", " +
           std::to_string(spec.out.size()) + " products" +
           (spec.weights == WeightType::int8 ? ", int8" : "");
  }
};

// One row, the borders of each way of computing, tails of every block, odd sizes, several products.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const WeightType weights : {WeightType::activation, WeightType::int8}) {
    const auto add = [&](int64_t planned, int64_t rows, int64_t in, std::vector<int64_t> out) {
      all.push_back({planned, rows, {in, std::move(out), weights, LinearOutput::same}});
    };
    add(2, 1, 7, {3});
    add(9, 1, 1000, {63, 1, 129});
    add(9, 4, 65, {37, 4});
    add(9, 2, 127, {19, 8});
    add(9, 3, 255, {33});
    add(9, 5, 63, {37, 17});
    add(19, 16, 96, {33});
    add(19, 16, 257, {16, 31});
    add(23, 17, 1, {1});
    add(23, 20, 530, {33, 2});
    add(41, 31, 1030, {18});
    add(41, 32, 519, {48, 5});
    add(70, 3, 64, {65});
    add(70, 33, 63, {64, 7});
    add(103, 100, 129, {40, 1000});
  }
  return all;
}

/// The inputs of a case; the same values in every type, because they are drawn in bf16.
std::vector<Tensor> draw(const Case& c, DType type) {
  std::vector<Tensor> in;
  in.push_back(test::random_tensor({Shape{c.planned, c.spec.in}}, type, "x"));
  for (size_t p = 0; p < c.spec.out.size(); ++p) {
    const Shape shape{c.spec.out[p], c.spec.in};
    Tensor w = test::random_tensor({shape}, type, "w" + std::to_string(p));
    if (c.spec.weights == WeightType::activation) {
      in.push_back(std::move(w));
      continue;
    }
    Tensor integers(DType::u8, shape), scales(DType::f32, {c.spec.out[p]});
    quantise_rows(w.view(), static_cast<int8_t*>(integers.data()), scales.as<float>());
    in.push_back(std::move(integers));
    in.push_back(std::move(scales));
  }
  return in;
}

test::RunResult run(const Case& c, DType type, const Runtime& runtime, std::string_view kernel,
                    int threads, bool misaligned) {
  PlanContext context;
  context.runtime = runtime;
  context.runtime.kernel = kernel;
  context.runtime.threads = threads;
  context.batch = c.planned;
  RunArgs args;
  args.batch = c.rows;
  const std::vector<Tensor> in = draw(c, type);
  const auto op = make_projection(c.spec);
  test::RunResult result =
      test::run_op(*op, context, args, in, {}, {}, {{}, {}, false, misaligned});
  if (result.fault.empty() && result.plan.kernel != kernel) {
    result.fault = "the plan took kernel " + result.plan.kernel;
  }
  return result;
}

bool same(const test::RunResult& a, const test::RunResult& b) {
  for (size_t i = 0; i < a.out.size(); ++i) {
    if (!same_bits(a.out[i].view(), b.out[i].view())) return false;
  }
  return a.out.size() == b.out.size();
}

double worst_error(const test::RunResult& got, const test::RunResult& want) {
  double worst = 0;
  for (size_t i = 0; i < want.out.size(); ++i) {
    const double e = compare(got.out[i].view(), want.out[i].view()).error();
    if (!(e <= worst)) worst = e;
  }
  return worst;
}

// The definition again, the simplest way: weights multiplied out first, a product as `linear`'s.
double definition_error(const Case& c, const Runtime& runtime) {
  const std::vector<Tensor> in = draw(c, DType::f64);
  const test::RunResult got = run(c, DType::f64, runtime, "ref", 1, false);
  double worst = got.fault.empty() ? 0 : NAN;
  for (size_t p = 0; p < c.spec.out.size(); ++p) {
    const bool int8 = c.spec.weights == WeightType::int8;
    const Tensor& w = in[1 + p * (int8 ? 2 : 1)];
    for (int64_t r = 0; r < c.rows; ++r) {
      for (int64_t o = 0; o < c.spec.out[p]; ++o) {
        double sum = 0;
        for (int64_t i = 0; i < c.spec.in; ++i) {
          const int64_t at = o * c.spec.in + i;
          const double weight =
              int8 ? static_cast<double>(static_cast<const int8_t*>(w.data())[at]) *
                         static_cast<double>(in[2 + 2 * p].as<float>()[o])
                   : w.as<double>()[at];
          sum += in[0].as<double>()[r * c.spec.in + i] * weight;
        }
        const double e = std::fabs(sum - got.out[p].as<double>()[r * c.spec.out[p] + o]);
        if (!(e <= worst)) worst = e;
      }
    }
  }
  return worst;
}

void check_case(const Case& c, DType type, const Runtime& runtime, std::string_view kernel,
                KernelRow& row) {
  const auto expect = [&](bool fine, const std::string& what) {
    if (!fine && row.fault.empty()) row.fault = c.name() + ": " + what;
  };
  const test::RunResult exact = run(c, DType::f64, runtime, "ref", 1, false);
  const test::RunResult naive = run(c, type, runtime, "ref", 1, false);
  const test::RunResult got = run(c, type, runtime, kernel, 1, false);
  expect(got.fault.empty(), got.fault);
  // DESIGN, section 5: within twice what a naive computation reaches, and a few units in the last
  // place where that is exact.
  const double floor = type == DType::bf16 ? 0x1p-9 : 4 * 0x1p-23;
  const double reached = worst_error(naive, exact), limit = 2 * reached + floor;
  const double error = worst_error(got, exact);
  expect(std::isfinite(error), "not finite");
  if (row.forward_limit == 0 || error * row.forward_limit > row.forward_error * limit) {
    row.forward_error = error, row.forward_limit = limit;
  }
  for (const int threads : {2, 3}) {
    expect(same(run(c, type, runtime, kernel, threads, false), got),
           "other bits on " + std::to_string(threads) + " threads");
  }
  const test::RunResult misaligned = run(c, type, runtime, kernel, 1, true);
  expect(misaligned.fault.empty() && same(misaligned, got), "misaligned: other bits");
}

}  // namespace

std::vector<KernelTag> projection_tags() {
  return tags_of(projection_kernels());
}

std::vector<KernelRow> check_projection(const Runtime& runtime) {
  std::vector<KernelRow> rows;
  for (const KernelTag& tag : projection_tags()) {
    for (const DType type : tag.dtypes) {
      Runtime only = runtime;
      only.kernel = tag.name;
      KernelRow row{"projection",
                    std::string(tag.name),
                    std::string(name_of(type)),
                    refusal(tag, type, only),
                    0,
                    0,
                    0,
                    0,
                    {}};
      for (const Case& c : row.refused.empty() ? cases() : std::vector<Case>{}) {
        if (type == DType::f64) {
          row.forward_limit = 1e-11;  // sums of 1000 terms around 1
          const double e = definition_error(c, runtime);
          if (!(e <= row.forward_error)) row.forward_error = e;
        } else {
          check_case(c, type, runtime, tag.name, row);
        }
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace weft
