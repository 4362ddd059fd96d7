#include "lab/icl/loss_surface.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "base/buffer.h"
#include "base/error.h"
#include "lab/icl/kernels.h"

namespace weft::icl {
namespace {

// Packs whose lanes are summed before they are joined with those of other groups: few enough for
// all threads to have some, and the same whatever their number.
constexpr int64_t kGroup = 8;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
size_t bytes_of(int64_t doubles) {
  return sizeof(double) * static_cast<size_t>(doubles);
}

// Lanes folded onto each other, halves first; `sums` is used up.
double fold(double* sums) {
  for (int n = kPack / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) sums[i] += sums[i + n];
  }
  return sums[0];
}

constexpr uint32_t kAllLanes = (1u << kPack) - 1;

// to [entries, kPack] += from, of some lanes.
void add_lanes(const double* from, int64_t entries, uint32_t lanes, double* to) {
  if (lanes == kAllLanes) {
    for (int64_t i = 0; i < entries * kPack; ++i) to[i] += from[i];
    return;
  }
  for (int64_t i = 0; i < entries; ++i) {
    for (int lane = 0; lane < kPack; ++lane) {
      if ((lanes >> lane & 1u) != 0) to[i * kPack + lane] += from[i * kPack + lane];
    }
  }
}

}  // namespace

// What a thread works with.
struct LossSurface::Worker {
  Buffer scratch, sums, once;  // of the kernel; [parameters, kPack]; the same, of one pack

  Worker(int64_t scratch_doubles, int64_t parameters)
      : scratch(bytes_of(scratch_doubles)),
        sums(bytes_of(parameters * kPack)),
        once(bytes_of(parameters * kPack)) {}
  static double* cleared(const Buffer& b) {
    auto* p = static_cast<double*>(b.data());
    std::fill_n(p, b.size() / sizeof(double), 0.);
    return p;
  }
  double* kernel_scratch() const { return static_cast<double*>(scratch.data()); }
};

LossSurface::LossSurface(const ModelShape& shape, const PromptSet& prompts, const Runtime& runtime)
    : shape_(shape),
      prompts_(prompts),
      runtime_(runtime),
      layout_(layout_of(shape, prompts.layout.d)),
      sizes_(kernel_shape(shape, prompts.layout.d, prompts.layout.n)),
      kernel_(&kernel_for(shape, prompts.layout.d, runtime.isa)),
      wide_(&wide_kernel_for(shape, prompts.layout.d, runtime.isa)) {
  const int64_t numbers = prompts.packs() * prompts.layout.entries() * kPack;
  if (prompts.count < 1 || static_cast<int64_t>(prompts.numbers.size()) != numbers) {
    fail(ErrorCode::usage,
         {.op = "loss surface",
          .expected =
              fmt::format("at least one prompt and {} numbers", std::max<int64_t>(numbers, 1)),
          .got = fmt::format("{} prompts and {} numbers", prompts.count, prompts.numbers.size())});
  }
}

void LossSurface::check(std::span<const double> vector) const {
  if (static_cast<int64_t>(vector.size()) == layout_.size) return;
  fail(ErrorCode::usage, {.op = "loss surface",
                          .expected = fmt::format("{} parameters", layout_.size),
                          .got = fmt::format("{}", vector.size())});
}

const double* LossSurface::pack(int64_t p) const {
  return prompts_.numbers.data() + p * prompts_.layout.entries() * kPack;
}

int64_t LossSurface::packs_of(int64_t group) const {
  return std::min(kGroup, prompts_.packs() - group * kGroup);
}

LossSurface::LaneMask LossSurface::usable(int64_t p, const double* residual) const {
  LaneMask lanes = 0;
  for (int lane = 0; lane < kPack && p * kPack + lane < prompts_.count; ++lane) {
    if (std::isfinite(residual[lane] * residual[lane])) lanes |= 1u << lane;
  }
  return lanes;
}

std::vector<LossSurface::Worker> LossSurface::workers(int64_t scratch_times) const {
  const int64_t entries = std::max(kernel_->scratch(sizes_), wide_->scratch(sizes_));
  std::vector<Worker> all;
  for (int t = 0; t < runtime_.threads; ++t) {
    all.emplace_back(scratch_times * entries * kPack, layout_.size);
  }
  return all;
}

std::vector<double> LossSurface::residuals(std::span<const double> theta) const {
  check(theta);
  std::vector<double> e(static_cast<size_t>(prompts_.packs() * kPack));
  std::vector<Worker> all = workers(1);
  parallel_for(runtime_, prompts_.packs(), [&](int64_t p, int thread) {
    kernel_->run_f64(sizes_, {.theta = theta.data(),
                              .prompts = pack(p),
                              .residual = e.data() + p * kPack,
                              .scratch = all[static_cast<size_t>(thread)].kernel_scratch()});
  });
  e.resize(static_cast<size_t>(prompts_.count));
  return e;
}

LossPoint LossSurface::at(std::span<const double> theta) const {
  check(theta);
  const int64_t groups = ceil_div(prompts_.packs(), kGroup), P = layout_.size;
  std::vector<double> gradients(static_cast<size_t>(groups * P));  // [groups, parameters]
  std::vector<double> losses(static_cast<size_t>(groups));
  std::vector<int64_t> used(static_cast<size_t>(groups));
  std::vector<Worker> all = workers(1);
  parallel_for(runtime_, groups, [&](int64_t group, int thread) {
    Worker& worker = all[static_cast<size_t>(thread)];
    double* sums = Worker::cleared(worker.sums);
    double squares[kPack] = {}, e[kPack];
    for (int64_t p = group * kGroup; p < group * kGroup + packs_of(group); ++p) {
      double* once = Worker::cleared(worker.once);
      kernel_->run_f64(sizes_, {.theta = theta.data(),
                                .prompts = pack(p),
                                .residual = e,
                                .gradient = once,
                                .scratch = worker.kernel_scratch()});
      const LaneMask lanes = usable(p, e);
      add_lanes(once, P, lanes, sums);
      for (double& x : e) x *= x;
      add_lanes(e, 1, lanes, squares);
      used[static_cast<size_t>(group)] += __builtin_popcount(lanes);
    }
    for (int64_t i = 0; i < P; ++i) {
      gradients[static_cast<size_t>(group * P + i)] = fold(sums + i * kPack);
    }
    losses[static_cast<size_t>(group)] = fold(squares);
  });
  LossPoint point{.gradient = std::vector<double>(static_cast<size_t>(P))};
  int64_t count = 0;
  for (size_t g = 0; g < used.size(); ++g) {
    count += used[g];
    point.loss += losses[g];
    for (size_t i = 0; i < point.gradient.size(); ++i) {
      point.gradient[i] += gradients[g * point.gradient.size() + i];
    }
  }
  point.skipped = prompts_.count - count;
  point.loss /= static_cast<double>(count);
  for (double& g : point.gradient) g /= static_cast<double>(count);
  return point;
}

std::vector<LossSurface::LaneMask> LossSurface::usable_lanes(const double* theta,
                                                             int64_t* prompts) const {
  const std::vector<double> e = residuals({theta, static_cast<size_t>(layout_.size)});
  std::vector<LaneMask> lanes(static_cast<size_t>(prompts_.packs()));
  *prompts = 0;
  for (int64_t p = 0; p < prompts_.packs(); ++p) {
    double of_pack[kPack] = {};
    std::copy_n(e.data() + p * kPack, std::min<int64_t>(kPack, prompts_.count - p * kPack),
                of_pack);
    lanes[static_cast<size_t>(p)] = usable(p, of_pack);
    *prompts += __builtin_popcount(lanes[static_cast<size_t>(p)]);
  }
  return lanes;
}

// Adds the curvature of a group of packs along a direction to sum [parameters].
void LossSurface::add_curvature(const double* theta, const double* direction,
                                std::span<const LaneMask> lanes, int64_t group, Worker& worker,
                                double* sum) const noexcept {
  double* sums = Worker::cleared(worker.sums);
  double e[kPack];
  for (int64_t p = group * kGroup; p < group * kGroup + packs_of(group); ++p) {
    const LaneMask mask = lanes[static_cast<size_t>(p)];
    double* to = mask == kAllLanes ? sums : Worker::cleared(worker.once);
    kernel_->tangent(sizes_, {.call = {.theta = theta,
                                       .prompts = pack(p),
                                       .residual = e,
                                       .scratch = worker.kernel_scratch()},
                              .direction = direction,
                              .curvature = to});
    if (to != sums) add_lanes(to, layout_.size, mask, sums);
  }
  for (int64_t i = 0; i < layout_.size; ++i) sum[i] += fold(sums + i * kPack);
}

std::vector<double> LossSurface::hessian_times(std::span<const double> theta,
                                               std::span<const double> v) const {
  check(theta);
  check(v);
  const int64_t groups = ceil_div(prompts_.packs(), kGroup), P = layout_.size;
  int64_t count = 0;
  const std::vector<LaneMask> lanes = usable_lanes(theta.data(), &count);
  std::vector<double> parts(static_cast<size_t>(groups * P));  // [groups, parameters]
  std::vector<Worker> all = workers(2);
  parallel_for(runtime_, groups, [&](int64_t group, int thread) {
    add_curvature(theta.data(), v.data(), lanes, group, all[static_cast<size_t>(thread)],
                  parts.data() + group * P);
  });
  std::vector<double> product(static_cast<size_t>(P));
  for (size_t k = 0; k < parts.size(); ++k) product[k % product.size()] += parts[k];
  for (double& x : product) x /= static_cast<double>(count);
  return product;
}

Eigen::MatrixXd LossSurface::hessian(std::span<const double> theta) const {
  check(theta);
  const int64_t groups = ceil_div(prompts_.packs(), kGroup), P = layout_.size;
  int64_t count = 0;
  const std::vector<LaneMask> lanes = usable_lanes(theta.data(), &count);
  const std::vector<int64_t> live = layout_.live();
  Eigen::MatrixXd columns = Eigen::MatrixXd::Zero(P, P), axes = Eigen::MatrixXd::Identity(P, P);
  std::vector<Worker> all = workers(2);
  parallel_for(runtime_, static_cast<int64_t>(live.size()), [&](int64_t k, int thread) {
    const int64_t column = live[static_cast<size_t>(k)];
    for (int64_t group = 0; group < groups; ++group) {
      add_curvature(theta.data(), axes.data() + column * P, lanes, group,
                    all[static_cast<size_t>(thread)], columns.data() + column * P);
    }
  });
  return (columns + columns.transpose()) / (2 * static_cast<double>(count));
}

LossAlong LossSurface::along(std::span<const double> theta,
                             std::span<const double> direction) const {
  check(theta);
  check(direction);
  struct Part {
    double loss, first, second;
    int64_t used;
  };
  const int64_t groups = ceil_div(prompts_.packs(), kGroup);
  std::vector<Part> parts(static_cast<size_t>(groups));
  std::vector<Worker> all = workers(3);
  parallel_for(runtime_, groups, [&](int64_t group, int thread) {
    double sums[3][kPack] = {}, e[kPack], e1[kPack], e2[kPack];
    int64_t used = 0;
    for (int64_t p = group * kGroup; p < group * kGroup + packs_of(group); ++p) {
      wide_->jet(sizes_, {.theta = theta.data(),
                          .direction = direction.data(),
                          .prompts = pack(p),
                          .residual = e,
                          .first = e1,
                          .second = e2,
                          .scratch = all[static_cast<size_t>(thread)].kernel_scratch()});
      const LaneMask lanes = usable(p, e);
      used += __builtin_popcount(lanes);
      for (int lane = 0; lane < kPack; ++lane) {
        if ((lanes >> lane & 1u) == 0) continue;
        sums[0][lane] += e[lane] * e[lane];
        sums[1][lane] += 2 * e[lane] * e1[lane];
        sums[2][lane] += 2 * (e1[lane] * e1[lane] + e[lane] * e2[lane]);
      }
    }
    parts[static_cast<size_t>(group)] = {fold(sums[0]), fold(sums[1]), fold(sums[2]), used};
  });
  LossAlong result;
  int64_t count = 0;
  for (const Part& part : parts) {
    result.loss += part.loss;
    result.first += part.first;
    result.second += part.second;
    count += part.used;
  }
  result.loss /= static_cast<double>(count);
  result.first /= static_cast<double>(count);
  result.second /= static_cast<double>(count);
  result.skipped = prompts_.count - count;
  return result;
}

std::vector<double> LossSurface::data_gradient(std::span<const double> theta) const {
  check(theta);
  std::vector<double> gradient(prompts_.numbers.size());
  std::vector<Worker> all = workers(1);
  parallel_for(runtime_, prompts_.packs(), [&](int64_t p, int thread) {
    double e[kPack];
    wide_->data(sizes_, {.theta = theta.data(),
                         .prompts = pack(p),
                         .residual = e,
                         .gradient = gradient.data() + (pack(p) - prompts_.numbers.data()),
                         .scratch = all[static_cast<size_t>(thread)].kernel_scratch()});
  });
  return gradient;
}

Eigen::VectorXd live_eigenvalues(const Eigen::MatrixXd& hessian, std::span<const int64_t> live) {
  const auto n = static_cast<Eigen::Index>(live.size());
  Eigen::MatrixXd block(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      block(i, j) = hessian(live[static_cast<size_t>(i)], live[static_cast<size_t>(j)]);
    }
  }
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(block, Eigen::EigenvaluesOnly)
      .eigenvalues();
}

}  // namespace weft::icl
