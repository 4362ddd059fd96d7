// The grid: every mechanism x position x wiring that is registered, at tiny size.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/compare.h"
#include "base/random.h"
#include "grid/cells.h"
#include "grid/runner.h"
#include "grid/stack.h"
#include "model/wirings/registry.h"

namespace weft::grid {
namespace {

class Grid : public testing::TestWithParam<Cell> {
 protected:
  const ModelConfig& config() const { return GetParam().config; }
  Layout layout_ = derive_layout(GetParam().config);
  std::vector<int32_t> tokens_ = random_tokens(GetParam().config, kBatch* kTime, "tokens");

  Runner runner(Parameters& p, const RunnerOptions& o) const { return {config(), layout_, p, o}; }
};

double dot(const Tensor& a, const Tensor& b) {
  double s = 0;
  for (int64_t i = 0; i < a.numel(); ++i) s += get(a.view(), i) * get(b.view(), i);
  return s;
}

Tensor direction(const ParameterSpec& spec) {
  Tensor d(DType::f64, spec.shape);
  const Random random(13, spec.name);
  for (int64_t i = 0; i < d.numel(); ++i) {
    d.as<double>()[i] = random.normal(static_cast<uint64_t>(i));
  }
  return d;
}

void shift(Parameters& p, int index, const Tensor& d, double by) {
  for (int64_t i = 0; i < d.numel(); ++i) {
    p.master(index).as<double>()[i] += by * d.as<double>()[i];
  }
}

// Along a random direction of every parameter tensor.
TEST_P(Grid, GradientsMatchFiniteDifferences) {
  Parameters p = random_parameters(config(), layout_, DType::f64);
  Runner train = runner(p, {.mode = Mode::train}), eval = runner(p, {.mode = Mode::evaluate});
  train.run(tokens_, kTime);
  eval.run(tokens_, kTime);
  ASSERT_TRUE(std::isfinite(train.loss()));
  EXPECT_NEAR(train.loss(), eval.loss(), 1e-13 * std::abs(eval.loss()));
  for (int i = 0; i < p.count(); ++i) {
    const Tensor d = direction(p.spec(i));
    const double h = 1e-5;
    shift(p, i, d, h);
    eval.run(tokens_, kTime);
    const double up = eval.loss();
    shift(p, i, d, -2 * h);
    eval.run(tokens_, kTime);
    const double down = eval.loss();
    shift(p, i, d, h);
    const double scale = std::sqrt(dot(train.gradient(i), train.gradient(i)) * dot(d, d));
    EXPECT_NEAR(dot(train.gradient(i), d), (up - down) / (2 * h), 1e-6 * scale + 1e-9)
        << p.spec(i).name;
  }
}

// The kernels against the reference, through the whole model; recomputation and threads change
// nothing.
TEST_P(Grid, KernelsAgreeWithTheReference) {
  Parameters exact = random_parameters(config(), layout_, DType::f64);
  Parameters single = random_parameters(config(), layout_, DType::f32);
  Runner reference = runner(exact, {.mode = Mode::train});
  Runner f32 = runner(single, {.mode = Mode::train, .dtype = DType::f32});
  reference.run(tokens_, kTime);
  f32.run(tokens_, kTime);
  EXPECT_NEAR(f32.loss(), reference.loss(), 1e-5 * reference.loss());
  for (int i = 0; i < exact.count(); ++i) {
    const Comparison c = compare(f32.gradient(i).view(), reference.gradient(i).view());
    EXPECT_LT(c.relative_l2, 1e-4) << exact.spec(i).name << " " << c.fault;
  }
  for (const bool recompute : {false, true}) {
    const int threads = recompute ? 3 : 2;
    Runner other = runner(
        single,
        {.mode = Mode::train, .dtype = DType::f32, .threads = threads, .recompute = recompute});
    other.run(tokens_, kTime);
    EXPECT_EQ(other.loss(), f32.loss());
    for (int i = 0; i < exact.count(); ++i) {
      EXPECT_TRUE(same_bits(other.gradient(i).view(), f32.gradient(i).view()))
          << exact.spec(i).name << " threads " << threads << " recompute " << recompute;
    }
  }
}

// How far the gradients of two runs are apart, over all parameters, relative to the second.
double distance(const Parameters& p, const Runner& a, const Runner& b) {
  double difference = 0, norm = 0;
  for (int i = 0; i < p.count(); ++i) {
    const Tensor &x = a.gradient(i), &y = b.gradient(i);
    difference += dot(x, x) - 2 * dot(x, y) + dot(y, y);
    norm += dot(y, y);
  }
  return std::sqrt(difference / norm);
}

// bf16 programs err by rounding activations where f32 programs with the same weights do not. How
// much a rounding is amplified depends on the model, so the limit is a multiple of what rounding
// the weights alone changes.
TEST_P(Grid, Bf16ErrsByItsRoundingAlone) {
  Parameters half = random_parameters(config(), layout_, DType::bf16);
  Parameters exact = random_parameters(config(), layout_, DType::f32);
  Parameters rounded = random_parameters(config(), layout_, DType::f32);
  for (int i = 0; i < half.count(); ++i) {
    if (half.has_bf16(i)) rounded.assign(i, half.bf16_copy(i));
  }
  Runner a = runner(half, {.mode = Mode::train, .dtype = DType::bf16});
  Runner b = runner(rounded, {.mode = Mode::train, .dtype = DType::f32});
  Runner c = runner(exact, {.mode = Mode::train, .dtype = DType::f32});
  for (Runner* r : {&a, &b, &c}) r->run(tokens_, kTime);
  EXPECT_NEAR(a.loss(), b.loss(), 0.03 * b.loss());
  const double sensitivity = distance(half, c, b);
  EXPECT_LT(distance(half, a, b), 5 * sensitivity + 0.01) << "sensitivity " << sensitivity;
}

TEST_P(Grid, IsCausal) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    Parameters p = random_parameters(config(), layout_, dtype);
    Runner r = runner(p, {.mode = Mode::logits, .dtype = dtype});
    r.run(tokens_, kTime);
    const Tensor before = r.logits(kBatch * kTime);
    for (const int64_t t : {int64_t{0}, int64_t{4}, kTime - 1}) {
      std::vector<int32_t> other = tokens_;
      int32_t& token = other[static_cast<size_t>(t)];  // of the first sequence
      token = static_cast<int32_t>((token + 1) % config().vocab);
      r.run(other, kTime);
      const Tensor after = r.logits(kBatch * kTime);
      const size_t row = static_cast<size_t>(config().vocab) * size_of(dtype);
      const auto same = [&](int64_t i) {
        return std::memcmp(before.as<char>() + static_cast<size_t>(i) * row,
                           after.as<char>() + static_cast<size_t>(i) * row, row) == 0;
      };
      for (int64_t i = 0; i < kBatch * kTime; ++i) {
        if (i >= t && i < kTime) continue;
        EXPECT_TRUE(same(i)) << "row " << i << " saw token " << t;
      }
      EXPECT_FALSE(same(t)) << "row " << t << " did not see its own token";
    }
  }
}

// Prefill in chunks and step-by-step decoding against the full forward. In f32 the two may differ
// by 1e-5, or by what the full forward itself loses to rounding where that is more.
TEST_P(Grid, DecodingEqualsTheFullForward) {
  Tensor exact;
  for (const DType dtype : {DType::f64, DType::f32}) {
    Parameters p = random_parameters(config(), layout_, dtype);
    Runner full = runner(p, {.mode = Mode::logits, .dtype = dtype});
    full.run(tokens_, kTime);
    const Tensor all = full.logits(kBatch * kTime);
    double limit = 1e-12;
    if (dtype == DType::f64) {
      exact = full.logits(kBatch * kTime);
    } else {
      limit = std::max(1e-5, 2 * compare(all.view(), exact.view()).error());
    }
    for (const int64_t chunk : {1, 3, 7}) {
      Runner step = runner(p, {.mode = Mode::generate, .dtype = dtype, .time = 7});
      for (int64_t past = 0; past < kTime; past += chunk) {
        const int64_t time = std::min(chunk, kTime - past);
        std::vector<int32_t> part;
        Tensor want(dtype, {kBatch, config().vocab});
        for (int64_t b = 0; b < kBatch; ++b) {
          const auto first = tokens_.begin() + b * kTime + past;
          part.insert(part.end(), first, first + time);
          for (int64_t v = 0; v < config().vocab; ++v) {
            const int64_t row = b * kTime + past + time - 1;
            set(want.view(), b * config().vocab + v, get(all.view(), row * config().vocab + v));
          }
        }
        step.run(part, time, past);
        const Comparison c = compare(step.logits(kBatch).view(), want.view());
        EXPECT_LT(c.error(), limit)
            << name_of(dtype) << " chunk " << chunk << " past " << past << " " << c.fault;
      }
      const auto planned = layout_.cache.bytes(config().head_dim, size_of(dtype), config().context);
      EXPECT_EQ(step.state_bytes(), static_cast<size_t>(kBatch * planned));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, Grid, testing::ValuesIn(all_cells()),
                         [](const auto& cell) { return cell.param.name; });

// The setting of each wiring that changes nothing. A wiring without an entry here is a failure.
const std::map<std::string, std::vector<std::map<std::string, Arg>>> kNeutral = {
    {"value-residual", {{{"variant", std::string("constant")}, {"lambda", 0.0}}}},
    {"shared-value", {{{"anchors", std::vector<int64_t>{1, 2, 3}}}}},
    {"skip-kv", {{{"distance", int64_t{0}}}, {{"heads", int64_t{0}}}}},
    {"skipv1", {{{"fraction", 0.0}}}},
    {"cla", {{{"share", int64_t{1}}}, {{"owners", std::vector<int64_t>{0, 1, 2, 3}}}}},
    {"yoco", {{{"fraction", 1.0}}}},
    {"dense", {{{"period", int64_t{5}}}}},  // beyond the depth
    {"neutreno", {{{"lambda", 0.0}}}},
    {"cross-layer", {{{"source", std::string("3")}}}},  // the last layer, which nobody follows
};

TEST(Neutral, SettingsAreBitwisePlain) {
  const WiringRegistry registry;
  for (const WiringInfo& w : registry.all()) {
    const std::string name(w.name);
    const auto entry = kNeutral.find(name);
    ASSERT_NE(entry, kNeutral.end()) << name << " has no neutral setting in this test";
    for (const auto& args : entry->second) {
      SCOPED_TRACE(name);
      expect_same_bits(with_wiring(plain_config(2), name, args), plain_config(2));
    }
  }
}

TEST(Grid, HasEveryRegisteredName) {
  std::string names;
  for (const Cell& c : all_cells()) names += c.name + "\n";
  const WiringRegistry registry;
  for (const WiringInfo& w : registry.all()) {
    std::string label(w.name);
    std::replace(label.begin(), label.end(), '-', '_');
    EXPECT_NE(names.find("__" + label + "__"), std::string::npos) << label;
  }
}

}  // namespace
}  // namespace weft::grid
