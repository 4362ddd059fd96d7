#include "lab/icl/objective.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/buffer.h"
#include "lab/icl/kernels.h"
#include "lab/icl/lane_sums.h"

namespace weft::icl {
namespace {

constexpr int64_t kChunk = 8;    // packs whose gradients are summed lane by lane
constexpr int64_t kRound = 128;  // chunks whose sums are kept at once

/// Aligned numbers that a kernel works on.
template <class T>
class Array {
 public:
  explicit Array(int64_t count) : buffer_(static_cast<size_t>(count) * sizeof(T)) {}
  T* data() const { return static_cast<T*>(buffer_.data()); }

 private:
  Buffer buffer_;
};

/// What one thread needs.
template <class T>
struct Workspace {
  Workspace(int64_t entries, int64_t parameters, int64_t scratch_entries, int64_t sampling)
      : prompts(entries * kPack),
        gradient(parameters * kPack),
        scratch(scratch_entries * kPack),
        residual(kPack),
        draws(sampling) {}
  Array<T> prompts;   // [entries, kPack]
  Array<T> gradient;  // [parameters, kPack]
  Array<T> scratch;
  Array<T> residual;  // [kPack]
  Array<float> draws;
};

struct ChunkSum {
  double loss = 0;
  int64_t counted = 0, skipped = 0;
};

void run(const PackKernel& kernel, const KernelShape& shape, const PackCall<float>& call) {
  kernel.run_f32(shape, call);
}
void fold(const LaneSums& sums, const float* x, int64_t rows, double* sum) {
  sums.fold_f32(x, rows, sum);
}
void fold(const LaneSums& sums, const double* x, int64_t rows, double* sum) {
  sums.fold_f64(x, rows, sum);
}
void run(const PackKernel& kernel, const KernelShape& shape, const PackCall<double>& call) {
  kernel.run_f64(shape, call);
}

}  // namespace

struct Objective::Impl {
  Impl(const Setting& setting, const Runtime& rt)
      : runtime(rt),
        precision(setting.training.precision),
        sampler(setting.law, rt.isa),
        layout(layout_of(setting.model, setting.law.d)),
        shape(kernel_shape(setting.model, setting.law.d, setting.law.n)),
        kernel(&kernel_for(setting.model, setting.law.d, rt.isa)),
        fold_(&lane_sums(rt.isa)),
        sums(static_cast<size_t>(kRound * layout.size)),
        parts(static_cast<size_t>(kRound)),
        narrow(precision == Precision::f32 ? rt.threads : 0, *this),
        wide(precision == Precision::f64 ? rt.threads : 0, *this),
        residual_threads(rt.threads, *this) {}

  template <class T>
  struct Threads {
    Threads(int count, const Impl& impl) : theta(impl.layout.size) {
      for (int i = 0; i < count; ++i) {
        spaces.emplace_back(impl.sampler.layout().entries(), impl.layout.size,
                            impl.kernel->scratch(impl.shape), impl.sampler.scratch());
      }
    }
    std::vector<Workspace<T>> spaces;
    Array<T> theta;  // [parameters]
  };

  /// Prompts of one pack, there and back; the gradient is added to the workspace's.
  template <class T>
  void pass(const Stream& stream, int64_t pack, const T* theta, Workspace<T>& w) const {
    sampler.fill(stream, pack, w.prompts.data(), w.draws.data());
    run(*kernel, shape,
        {theta, w.prompts.data(), w.residual.data(), w.gradient.data(), w.scratch.data()});
  }
  template <class T>
  void clear(Workspace<T>& w) const {
    std::memset(w.gradient.data(), 0, static_cast<size_t>(layout.size * kPack) * sizeof(T));
  }

  /// Gradients of the lanes from `lanes` on become 0.
  template <class T>
  void drop_lanes(int64_t lanes, Workspace<T>& w) const {
    for (int64_t i = 0; i < layout.size; ++i) {
      std::fill_n(w.gradient.data() + i * kPack + lanes, kPack - lanes, T(0));
    }
  }

  /// Packs [first, last) into sum [parameters]; `lanes` of the last pack count.
  template <class T>
  ChunkSum chunk(const Stream& stream, int64_t first, int64_t last, int64_t lanes, const T* theta,
                 Workspace<T>& w, double* sum) const {
    // Lanes of a pack of which some do not count have an accumulator of their own: a chunk.
    ChunkSum part;
    clear(w);
    for (int64_t p = first; p < last; ++p) {
      pass(stream, p, theta, w);
      for (int64_t i = 0; i < lanes; ++i) {
        const auto e = static_cast<double>(w.residual.data()[i]);
        part.loss += e * e;
      }
      part.counted += lanes;
    }
    double check = part.loss;
    if (lanes < kPack) drop_lanes(lanes, w);
    fold(*fold_, w.gradient.data(), layout.size, sum);
    for (int64_t i = 0; i < layout.size; ++i) check += sum[i] * 0;  // NaN where it is not finite
    if (std::isfinite(check)) return part;
    return careful_chunk(stream, first, last, lanes, theta, w, sum);
  }

  /// The same pack by pack, without the lanes whose loss or gradient is not finite.
  template <class T>
  ChunkSum careful_chunk(const Stream& stream, int64_t first, int64_t last, int64_t lanes,
                         const T* theta, Workspace<T>& w, double* sum) const {
    ChunkSum part;
    std::fill_n(sum, layout.size, 0.0);
    for (int64_t p = first; p < last; ++p) {
      clear(w);
      pass(stream, p, theta, w);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const auto e = static_cast<double>(w.residual.data()[lane]);
        double check = e * e;
        for (int64_t i = 0; i < layout.size; ++i) {
          check += static_cast<double>(w.gradient.data()[i * kPack + lane]) * 0;
        }
        const bool finite = std::isfinite(check);
        part.skipped += !finite;
        part.counted += finite;
        if (!finite) continue;
        part.loss += e * e;
        for (int64_t i = 0; i < layout.size; ++i) {
          sum[i] += static_cast<double>(w.gradient.data()[i * kPack + lane]);
        }
      }
    }
    return part;
  }

  template <class T>
  BatchLoss gradient(const Stream& stream, int64_t count, std::span<const double> theta,
                     std::span<double> out, Threads<T>& threads) {
    for (int64_t i = 0; i < layout.size; ++i) {
      threads.theta.data()[i] = static_cast<T>(theta[static_cast<size_t>(i)]);
    }
    const int64_t whole = count / kPack, rest = count % kPack;
    const int64_t whole_chunks = (whole + kChunk - 1) / kChunk;
    const int64_t chunks = whole_chunks + (rest > 0);
    ChunkSum total;
    std::fill(out.begin(), out.end(), 0.0);
    for (int64_t start = 0; start < chunks; start += kRound) {
      const int64_t some = std::min(kRound, chunks - start);
      parallel_for(runtime, some, [&](int64_t task, int thread) {
        const int64_t c = start + task;
        const bool partial = c == whole_chunks;
        const int64_t first = partial ? whole : c * kChunk;
        const int64_t last = partial ? whole + 1 : std::min(whole, first + kChunk);
        parts[static_cast<size_t>(task)] =
            chunk(stream, first, last, partial ? rest : kPack, threads.theta.data(),
                  threads.spaces[static_cast<size_t>(thread)], sums.data() + task * layout.size);
      });
      for (int64_t c = 0; c < some; ++c) {
        const ChunkSum& part = parts[static_cast<size_t>(c)];
        total.loss += part.loss;
        total.counted += part.counted;
        total.skipped += part.skipped;
        const double* const sum = sums.data() + c * layout.size;
        for (int64_t i = 0; i < layout.size; ++i) out[static_cast<size_t>(i)] += sum[i];
      }
    }
    if (total.counted == 0) return {std::numeric_limits<double>::quiet_NaN(), total.skipped};
    const auto n = static_cast<double>(total.counted);
    for (double& g : out) g /= n;
    return {total.loss / n, total.skipped};
  }

  Runtime runtime;
  Precision precision;
  Sampler sampler;
  ParameterLayout layout;
  KernelShape shape;
  const PackKernel* kernel;
  const LaneSums* fold_;
  std::vector<double> sums;  // [kRound, parameters]
  std::vector<ChunkSum> parts;
  Threads<float> narrow;
  Threads<double> wide, residual_threads;
};

Objective::Objective(const Setting& setting, const Runtime& runtime)
    : impl_(std::make_unique<Impl>(setting, runtime)) {}
Objective::~Objective() = default;
Objective::Objective(Objective&&) noexcept = default;
Objective& Objective::operator=(Objective&&) noexcept = default;

const ParameterLayout& Objective::layout() const {
  return impl_->layout;
}

BatchLoss Objective::gradient(const Stream& stream, int64_t count, std::span<const double> theta,
                              std::span<double> gradient) noexcept {
  return impl_->precision == Precision::f32
             ? impl_->gradient(stream, count, theta, gradient, impl_->narrow)
             : impl_->gradient(stream, count, theta, gradient, impl_->wide);
}

void Objective::residuals(const PromptBatch& batch, std::span<const double> theta,
                          std::span<double> residuals) noexcept {
  parallel_for(impl_->runtime, batch.packs(), [&](int64_t p, int thread) {
    auto& w = impl_->residual_threads.spaces[static_cast<size_t>(thread)];
    impl_->kernel->run_f64(
        impl_->shape, {theta.data(), batch.pack(p), w.residual.data(), nullptr, w.scratch.data()});
    const int64_t lanes = std::min(kPack + int64_t{0}, batch.count() - p * kPack);
    std::copy_n(w.residual.data(), lanes, residuals.data() + p * kPack);
  });
}

}  // namespace weft::icl
