// Prompts of a pack: numbers from random_lanes.h, and what follows from them.
#include "lab/icl/lanes.h"
#include "lab/icl/random_lanes.h"
#include "lab/icl/sample_plan.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t kMostDimensions = 64;  // as setting.cc allows
constexpr int64_t kMostHidden = 2 * kMostDimensions;
constexpr int64_t kPack = icl::kPack;

WEFT_INLINE Philox philox(const icl::SampleKey& key, int64_t lane) {
  return Philox({static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)},
                key.pack * static_cast<uint32_t>(kPack) + static_cast<uint32_t>(lane),
                static_cast<uint32_t>(key.step),
                key.purpose << 16 | static_cast<uint32_t>(key.step >> 32));
}

/// Raw numbers of the pack: where they lie for one group of lanes.
struct Raw {
  float *prompts, *w, *radius, *level;  // [entries], [d], [n + 1], [1], kPack apart
};

/// Four numbers of every block, one after the other, put(j, x) for j in [0, count). The words of
/// the next block are made while those of the last become numbers, so that two chains of steps are
/// under way: 73.5 us for 1024 prompts of setting 1 with AVX-512 instead of 77, 116 with AVX2
/// instead of 125.
template <class Make, class Put>
WEFT_INLINE void each_of_blocks(const Philox& random, uint32_t first, int64_t count, Make&& make,
                                Put&& put) {
  Philox::Words words = random(first);
  for (int64_t j = 0; j < count; j += 4) {
    Philox::Words next = words;
    if (j + 4 < count) next = random(first + static_cast<uint32_t>(j / 4) + 1);
    Vec x[4];
    make(words, x);
    words = next;
    const int64_t some = count - j < 4 ? count - j : 4;
    if (some == 4) {
      put(j, x[0]);
      put(j + 1, x[1]);
      put(j + 2, x[2]);
      put(j + 3, x[3]);
    } else {
      for (int64_t k = 0; k < some; ++k) put(j + k, x[k]);
    }
  }
}
WEFT_INLINE void four_normals(const Philox::Words& w, Vec* x) {
  const NormalPair first = normals(w.word[0], w.word[1]), second = normals(w.word[2], w.word[3]);
  x[0] = first.a;
  x[1] = first.b;
  x[2] = second.a;
  x[3] = second.b;
}
WEFT_INLINE void four_uniforms(const Philox::Words& w, Vec* x) {
  for (int k = 0; k < 4; ++k) x[k] = uniform_signed(w.word[k]);
}

template <class T>
WEFT_INLINE void draw(const icl::SamplePlan<T>& plan, const Philox& random, const Raw& raw) {
  const int64_t d = plan.d, n = plan.n, context = n * d, covariates = context + d;
  const auto put = [&](int64_t j, Vec x) {
    // The labels lie between the examples and the query; w elsewhere.
    float* const at = j < context      ? raw.prompts + j * kPack
                      : j < covariates ? raw.prompts + (j + n) * kPack
                                       : raw.w + (j - covariates) * kPack;
    store(at, x);
  };
  const auto put_w = [&](int64_t j, Vec x) { store(raw.w + j * kPack, x); };
  if (plan.direction == icl::Direction::uniform) {
    each_of_blocks(random, icl::kBlockNormals, covariates, four_uniforms, put);
    each_of_blocks(random, icl::kBlockWeights, d, four_normals, put_w);
  } else {
    each_of_blocks(random, icl::kBlockNormals, covariates + d, four_normals, put);
  }
  if (plan.direction == icl::Direction::gamma) {
    for (int64_t t = 0; t <= n; ++t) {
      const auto block = static_cast<uint32_t>(t) * kGammaAttempts;
      store(raw.radius + t * kPack, gamma(plan.gamma, random, icl::kBlockRadius + block));
    }
  }
  if (plan.noise == icl::Noise::none) return;
  each_of_blocks(random, icl::kBlockNoise, n, four_normals,
                 [&](int64_t j, Vec x) { store(raw.prompts + (context + j) * kPack, x); });
  if (plan.noise == icl::Noise::fixed) return;
  const Vec u = uniform_scaled(random(icl::kBlockLevel).word[0]) * 0x1p-31f;
  store(raw.level, u);
}

template <class V>
struct Numbers;
template <>
struct Numbers<Vec> {
  static WEFT_INLINE Vec load_raw(const float* p) { return load(p); }
};
template <>
struct Numbers<Vec64> {
  static WEFT_INLINE Vec64 load_raw(const float* p) { return load_widened(p); }
};
template <class V>
WEFT_INLINE V load_raw(const float* p) {
  return Numbers<V>::load_raw(p);
}

/// x <- root x
template <class V, class T>
WEFT_INLINE void multiply(icl::Root root, const T* matrix, int64_t d, V* x) {
  if (root == icl::Root::identity) return;
  if (root == icl::Root::diagonal) {
    for (int64_t c = 0; c < d; ++c) x[c] = x[c] * matrix[c];
    return;
  }
  V product[kMostDimensions];
  for (int64_t r = 0; r < d; ++r) {
    V sum{};
    for (int64_t c = 0; c < d; ++c) sum += x[c] * matrix[r * d + c];
    product[r] = sum;
  }
  for (int64_t c = 0; c < d; ++c) x[c] = product[c];
}

template <class V, class T>
WEFT_INLINE V dot(const V* w, const V* x, int64_t d) {
  V sum = w[0] * x[0];
  for (int64_t c = 1; c < d; ++c) sum += w[c] * x[c];
  return sum;
}

/// w.phi(x), phi(x) = W2 max(0, W1 x + b1) + b2
template <class V, class T>
WEFT_INLINE V teach(const icl::SamplePlan<T>& plan, const V* w, const V* x) {
  if (plan.hidden == 0) return dot<V, T>(w, x, plan.d);
  V h[kMostHidden];
  for (int64_t k = 0; k < plan.hidden; ++k) {
    V sum = V{} + plan.b1[k];
    for (int64_t c = 0; c < plan.d; ++c) sum += x[c] * plan.W1[k * plan.d + c];
    h[k] = where_positive(sum, sum);
  }
  V y{};
  for (int64_t c = 0; c < plan.d; ++c) {
    V sum = V{} + plan.b2[c];
    for (int64_t k = 0; k < plan.hidden; ++k) sum += h[k] * plan.W2[c * plan.hidden + k];
    y += w[c] * sum;
  }
  return y;
}

template <class V, class T>
WEFT_INLINE V deviation(const icl::SamplePlan<T>& plan, const float* level) {
  if (plan.noise == icl::Noise::fixed) return V{} + plan.sigma;
  const V u = load_raw<V>(level);
  if (plan.noise == icl::Noise::uniform) return u * plan.sigma;
  V sigma = V{} + plan.levels[0];
  for (int64_t k = 1; k < plan.level_count; ++k) {
    // The bound is a float, so that f32 and f64 choose alike.
    const auto bound =
        static_cast<float>(static_cast<double>(k) / static_cast<double>(plan.level_count));
    sigma = u >= static_cast<T>(bound) ? V{} + plan.levels[k] : sigma;
  }
  return sigma;
}

/// The covariates of one column at `from`, kPack apart.
template <class V, class T>
WEFT_INLINE void covariates(const icl::SamplePlan<T>& plan, const float* from, const float* radius,
                            V* x) {
  const int64_t d = plan.d;
  for (int64_t c = 0; c < d; ++c) x[c] = load_raw<V>(from + c * kPack);
  if (plan.direction == icl::Direction::uniform) {
    for (int64_t c = 0; c < d; ++c) x[c] = x[c] * plan.scale;
  } else if (plan.direction != icl::Direction::normal) {
    V length = V{} + T(1);
    if (plan.direction == icl::Direction::gamma) length = load_raw<V>(radius) * plan.scale;
    const V factor = sqrt(length / dot<V, T>(x, x, d));
    for (int64_t c = 0; c < d; ++c) x[c] = x[c] * factor;
  }
  multiply(plan.x_root, plan.x_matrix, d, x);
}

/// Everything but the draws, for lanes from `lane` on.
template <class V, class T>
WEFT_INLINE void assemble(const icl::SamplePlan<T>& plan, const Raw& raw, int64_t lane,
                          T* prompts) {
  const icl::PromptLayout at{plan.d, plan.n};
  V w[kMostDimensions], x[kMostDimensions];
  for (int64_t c = 0; c < plan.d; ++c) w[c] = load_raw<V>(raw.w + c * kPack + lane);
  multiply(plan.w_root, plan.w_matrix, plan.d, w);
  V sigma{};
  if (plan.noise != icl::Noise::none) sigma = deviation<V>(plan, raw.level + lane);
  for (int64_t t = 0; t <= plan.n; ++t) {
    const bool query = t == plan.n;
    const int64_t first = query ? at.query(0) : at.x(t, 0);
    covariates(plan, raw.prompts + first * kPack + lane, raw.radius + t * kPack + lane, x);
    V y = teach(plan, w, x);
    const int64_t label = query ? at.label() : at.y(t);
    if (plan.noise != icl::Noise::none && !query) {
      y += sigma * load_raw<V>(raw.prompts + label * kPack + lane);
    }
    for (int64_t c = 0; c < plan.d; ++c) store(prompts + (first + c) * kPack + lane, x[c]);
    store(prompts + label * kPack + lane, y);
  }
}

/// x ~ N(0, I), y = w.x in floats: the numbers already lie where they belong.
template <int D>
WEFT_INLINE void label_plain(const icl::SamplePlan<float>& plan, const Raw& raw, float* prompts) {
  const int64_t d = D > 0 ? D : plan.d;
  const icl::PromptLayout at{d, plan.n};
  for (int64_t lane = 0; lane < kPack; lane += kLanes) {
    for (int64_t t = 0; t <= plan.n; ++t) {
      const int64_t first = t == plan.n ? at.query(0) : at.x(t, 0);
      const float* const x = prompts + first * kPack + lane;
      Vec y = load(raw.w + lane) * load(x);
#pragma GCC unroll 8
      for (int64_t c = 1; c < d; ++c) y += load(raw.w + c * kPack + lane) * load(x + c * kPack);
      store(prompts + (t == plan.n ? at.label() : at.y(t)) * kPack + lane, y);
    }
  }
}

template <class T>
WEFT_INLINE bool is_plain(const icl::SamplePlan<T>& p) {
  return p.direction == icl::Direction::normal && p.x_root == icl::Root::identity &&
         p.w_root == icl::Root::identity && p.noise == icl::Noise::none && p.hidden == 0;
}

template <class T>
Raw draw_pack(const icl::SamplePlan<T>& plan, const icl::SampleKey& key, float* prompts,
              float* rest) {
  Raw raw{prompts, rest, rest + plan.d * kPack, rest + (plan.d + plan.n + 1) * kPack};
  for (int64_t lane = 0; lane < kPack; lane += kLanes) {
    draw(plan, philox(key, lane),
         {raw.prompts + lane, raw.w + lane, raw.radius + lane, raw.level + lane});
  }
  return raw;
}

void fill_f32(const icl::SamplePlan<float>& plan, const icl::SampleKey& key, float* prompts,
              float* scratch) noexcept {
  const Raw raw = draw_pack(plan, key, prompts, scratch);
  if (is_plain(plan)) {
    plan.d == 5 ? label_plain<5>(plan, raw, prompts) : label_plain<0>(plan, raw, prompts);
    return;
  }
  for (int64_t lane = 0; lane < kPack; lane += kLanes) assemble<Vec>(plan, raw, lane, prompts);
}

void fill_f64(const icl::SamplePlan<double>& plan, const icl::SampleKey& key, double* prompts,
              float* scratch) noexcept {
  const int64_t entries = icl::PromptLayout{plan.d, plan.n}.entries();
  const Raw raw = draw_pack(plan, key, scratch, scratch + entries * kPack);
  for (int64_t lane = 0; lane < kPack; lane += kLanes64) assemble<Vec64>(plan, raw, lane, prompts);
}

void words(const icl::SampleKey& key, uint32_t block, uint32_t* out) noexcept {
  for (int64_t lane = 0; lane < kPack; lane += kLanes) {
    const Philox::Words w = philox(key, lane)(block);
    for (int k = 0; k < 4; ++k) std::memcpy(out + k * kPack + lane, &w.word[k], sizeof w.word[k]);
  }
}

constexpr icl::SampleKernel kKernel = {fill_f32, fill_f64, words};

}  // namespace

const icl::SampleKernel& icl_sample_kernel() noexcept {
  return kKernel;
}

}  // namespace weft::WEFT_ISA
