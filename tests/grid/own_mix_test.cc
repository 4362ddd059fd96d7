// Registered wirings written as [[model.mix]] tables: the same bits, step for step of a training.
#include <gtest/gtest.h>

#include <cmath>

#include "base/compare.h"
#include "grid/stack.h"
#include "io/toml.h"
#include "model/own_mix_toml.h"
#include "train/trainer.h"

namespace weft::grid {
namespace {

// Averages of all earlier block outputs before every block and the final norm (2402.02622, 3.4).
Wiring dense_by_hand(const ModelConfig& config, const Args&) {
  Wiring w{"by-hand", {}, {}};
  for (int i = 1; i <= static_cast<int>(config.depth()); ++i) {
    Mix mix{{Port::x, i}, {}, {}};
    for (int j = 0; j <= i; ++j) {
      mix.terms.push_back({{Port::y, j - 1, true}, 1, static_cast<int>(w.gains.size())});
      w.gains.push_back({GainKind::scalar, "by-hand." + std::to_string(i), j, 0, j == i ? 1. : 0.});
    }
    w.mixes.push_back(mix);
  }
  return w;
}

// o[l] + 0.4 v[0] - 0.4 v[l] (2312.00751, 3.3).
Wiring neutreno_by_hand(const ModelConfig& config, const Args&) {
  Wiring w{"by-hand", {}, {}};
  for (int l = 1; l < static_cast<int>(config.depth()); ++l) {
    w.mixes.push_back(
        {{Port::o, l}, {{{Port::o, l}}, {{Port::v, 0}, 0.4}, {{Port::v, l}, -0.4}}, {}});
  }
  return w;
}

struct Twin {
  std::string name, tables;
  std::string wiring;
  std::map<std::string, Arg> args = {};
  Wiring (*by_hand)(const ModelConfig&, const Args&) = nullptr;
};
void PrintTo(const Twin& twin, std::ostream* out) {
  *out << twin.name;
}

const Twin kTwins[] = {
    {"identity", R"([[mix]]
to = "v[1..]"
terms = [{ from = "v[0]", scale = 0.5 }, { from = "v[l]", scale = 0.5 }])",
     "value-residual"},
    {"constant",
     R"([[mix]]
to = "v[1..]"
terms = [{ from = "v[0]", scale = 2 }, { from = "v[l]" }])",
     "value-residual",
     {{"variant", std::string("constant")}}},
    {"learnable",
     R"([[mix]]
to = "v[1..]"
terms = [{ from = "v[0]", gain = 0.5, learn = true }, { from = "v[l]", gain = 0.5, learn = true }])",
     "value-residual",
     {{"variant", std::string("learnable")}}},
    {"shared_value", R"([[mix]]
to = "v[1..]"
terms = [{ from = "v[0]" }])",
     "shared-value"},
    {"skip_kv", R"([[mix]]
to = "k[1..]"
heads = [1, 2]
terms = [{ from = "k[l-1]", raw = true }]
[[mix]]
to = "v[1..]"
heads = [1, 2]
terms = [{ from = "v[l-1]", raw = true }])",
     "skip-kv"},
    {"dense",
     R"([[mix]]
to = "x[1..]"
terms = [{ from = "y[-1..l-2]", gain = 0, learn = true, raw = true },
         { from = "y[l-1]", learn = true, raw = true }])",
     "by-hand",
     {},
     dense_by_hand},
    {"neutreno",
     R"([[mix]]
to = "o[1..]"
terms = [{ from = "o[l]" }, { from = "v[0]", scale = 0.4 }, { from = "v[l]", scale = -0.4 }])",
     "by-hand",
     {},
     neutreno_by_hand},
};

struct Training {
  Training(const ModelConfig& config, const Axes& axes, DType precision)
      : corpus(Corpus::of_text(text(config), ByteTokenizer())),
        model(make_model(config, 5, DType::f32, Trainer::weight_copies(precision), axes)),
        trainer(model, options(precision, axes)),
        windows(corpus, {0, corpus.size()}, {3, kBatch, 1, config.context}) {}

  static std::string text(const ModelConfig& config) {
    std::string bytes;
    for (const int32_t t : random_tokens(config, 400, "corpus")) bytes += static_cast<char>(t);
    return bytes;
  }
  static Trainer::Options options(DType precision, const Axes& axes) {
    Trainer::Options o;
    o.train.batch = kBatch;
    o.train.precision = precision;
    o.train.lr = 1e-2;
    o.train.warmup = 1;
    o.runtime.threads = 1;
    o.axes = axes;
    return o;
  }

  Corpus corpus;
  Model model;
  Trainer trainer;
  TrainWindows windows;
};

class OwnMix : public testing::TestWithParam<Twin> {
 protected:
  Axes axes_;
  ModelConfig own_ = plain_config(2), registered_ = plain_config(2);

  void SetUp() override {
    const Twin& twin = GetParam();
    own_.mixes = read_mixes(*io::parse_toml(twin.tables, "twin").find("mix"), "twin");
    if (twin.by_hand != nullptr) axes_.wirings.add({"by-hand", "", "", {}, twin.by_hand});
    registered_.wiring.push_back(
        configure_wiring(registered_, twin.wiring, twin.args, axes_.wirings));
  }
};

// Losses, and through the moments of the optimiser every gradient.
TEST_P(OwnMix, TrainsToTheBitsOfTheRegisteredWiring) {
  for (const DType precision : {DType::f32, DType::bf16}) {
    SCOPED_TRACE(name_of(precision));
    Training a(own_, axes_, precision), b(registered_, axes_, precision);
    const auto expect_same_weights = [&] {
      ASSERT_EQ(a.model.parameters.count(), b.model.parameters.count());
      for (int p = 0; p < b.model.parameters.count(); ++p) {
        EXPECT_TRUE(same_bits(a.model.parameters.master(p), b.model.parameters.master(p)))
            << b.model.parameters.spec(p).name;
      }
    };
    expect_same_weights();
    for (int64_t step = 1; step <= 4; ++step) {
      const StepResult x = a.trainer.step(step, a.windows), y = b.trainer.step(step, b.windows);
      EXPECT_EQ(x.loss, y.loss) << step;
      EXPECT_EQ(x.grad_norm, y.grad_norm) << step;
    }
    expect_same_weights();
    const auto m = a.trainer.optimizer().state(), n = b.trainer.optimizer().state();
    ASSERT_EQ(m.size(), n.size());
    for (size_t i = 0; i < n.size(); ++i) {
      EXPECT_TRUE(same_bits(m[i].tensor, n[i].tensor)) << n[i].name;
    }
  }
}

TEST_P(OwnMix, DecodesToTheBitsOfTheRegisteredWiring) {
  Stack a(own_, DType::f32, axes_), b(registered_, DType::f32, axes_);
  ASSERT_EQ(a.weights.count(), b.weights.count());
  for (int p = 0; p < a.weights.count(); ++p) a.weights.assign(p, b.weights.value(p));
  const std::vector<int32_t> tokens = a.tokens();
  Runner x = a.runner(Mode::generate), y = b.runner(Mode::generate);
  EXPECT_EQ(x.state_bytes(), y.state_bytes());
  int64_t past = 0;
  for (const int64_t time : {4, 1, 3}) {
    const std::vector<int32_t> part(tokens.begin() + kBatch * past,
                                    tokens.begin() + kBatch * (past + time));
    x.run(part, time, past);
    y.run(part, time, past);
    EXPECT_TRUE(same_bits(x.logits(kBatch).view(), y.logits(kBatch).view())) << past;
    past += time;
  }
}

// A block whose output nobody reads has weights all the same; nothing asks them to change.
TEST(OwnMixes, ABlockThatIsPassedByHasZeroGradients) {
  ModelConfig c = plain_config();
  c.mixes = {{"", "x[2]", {}, {{"x[1]"}}}};
  Stack stack(c);
  Runner r = stack.runner(Mode::train);  // on poisoned gradients
  r.run(stack.tokens(), kTime);
  for (int p = 0; p < stack.weights.count(); ++p) {
    const std::string& name = stack.weights.spec(p).name;
    double largest = 0;
    for (const double g : r.gradient(p).view().span<double>()) {
      EXPECT_TRUE(std::isfinite(g)) << name;
      largest = std::max(largest, std::abs(g));
    }
    EXPECT_EQ(largest == 0, name.starts_with("model.layers.1.")) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Twins, OwnMix, testing::ValuesIn(kTwins),
                         [](const auto& twin) { return twin.param.name; });

}  // namespace
}  // namespace weft::grid
