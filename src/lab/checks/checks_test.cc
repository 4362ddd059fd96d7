// The checks themselves: each must see the mistake that it is there for, and pass what is right.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "attention/attention.h"
#include "base/buffer.h"
#include "base/error.h"
#include "io/testing.h"
#include "lab/checks/check.h"
#include "lab/checks/shrink.h"
#include "model/config_toml.h"

namespace weft::checks {
namespace {

/// One way to be wrong.
enum class Mistake {
  none,
  sees_the_future,
  sees_other_documents,
  wrong_backward,
  unwritten_gradient,
  wrong_decode,
  wrong_f32,
  wrong_bf16,
  counts_threads,
  remembers_runs,
};

void scale(const TensorDesc& desc, void* data, int64_t rows, double by) {
  const TensorView view{data, desc};
  for (int64_t i = 0; i < rows * desc.shape[1]; ++i) set(view, i, get(view, i) * by);
}

/// The softmax op with a mistake.
class Mistaken final : public Op {
 public:
  Mistaken(const AttentionSpec& spec, Mistake mistake, int& runs)
      : op_(make_attention(spec)), mistake_(mistake), runs_(runs) {}

  std::string_view name() const override { return "attention"; }
  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    OpPlan plan = op_->plan(in, context);
    in_.assign(in.begin(), in.end());
    o_ = plan.outputs[0];
    return plan;
  }
  void forward(const Frame& f) const noexcept override {
    RunArgs run = f.run;
    if (mistake_ == Mistake::sees_other_documents) run.first_key = nullptr;
    op_->forward({f.runtime, run, f.in, f.out, f.saved, f.d_in, f.d_out, f.add, f.scratch});
    const int64_t rows = f.run.rows();
    if (mistake_ == Mistake::sees_the_future) {
      const TensorView o{f.out[0], o_};
      const int64_t width = o_.shape[1];
      for (int64_t i = 0; i + 1 < f.run.time; ++i) {
        set(o, i * width, get(o, i * width) + 0.1 * get(o, (i + 1) * width));
      }
    }
    scale(o_, f.out[0], rows, forward_factor(f));
  }
  void backward(const Frame& f) const noexcept override {
    op_->backward(f);
    if (f.d_in[0] == nullptr) return;
    if (mistake_ == Mistake::wrong_backward) scale(in_[0], f.d_in[0], f.run.rows(), 1.001);
    if (mistake_ == Mistake::unwritten_gradient) weft::poison(f.d_in[0], size_of(in_[0].dtype));
  }

 private:
  double forward_factor(const Frame& f) const {
    switch (mistake_) {
      case Mistake::wrong_decode:
        return f.run.past > 0 ? 1.001 : 1;
      case Mistake::wrong_f32:
        return o_.dtype == DType::f32 ? 1.01 : 1;
      case Mistake::wrong_bf16:
        return o_.dtype == DType::bf16 ? 1.2 : 1;
      case Mistake::counts_threads:
        return 1 + 1e-3 * f.runtime.threads;
      case Mistake::remembers_runs:
        return 1 + 1e-3 * ++runs_;
      default:
        return 1;
    }
  }

  std::unique_ptr<Op> op_;
  Mistake mistake_;
  int& runs_;
  std::vector<TensorDesc> in_;
  TensorDesc o_;
};

template <Mistake mistake>
const MechanismInfo& mistaken() {
  static const MechanismInfo info = [] {
    MechanismInfo copy = MechanismRegistry().find("softmax");
    copy.name = "mistaken";
    copy.make = [](const MechanismInfo&, const AttentionSpec& spec) -> std::unique_ptr<Op> {
      static int runs = 0;
      AttentionSpec right = spec;
      right.mechanism = "softmax";
      right.args = {};
      return std::make_unique<Mistaken>(right, mistake, runs);
    };
    return copy;
  }();
  return info;
}

ModelConfig small_model(const std::string& mechanism, const Axes& axes) {
  ModelConfig c = design_config("transformer");
  c.layers = 3;
  c.heads = 4;
  LayerConfig layer = c.layer[0];
  layer.kv_heads = 2;
  layer.mechanism = mechanism;
  c.layer.assign(3, layer);
  return shrink(c, axes);
}

template <Mistake mistake>
std::set<std::string> failing() {
  Axes axes;
  axes.mechanisms.add(mistaken<mistake>());
  const io::ScratchFolder scratch;
  const Subject subject(small_model("mistaken", axes), axes, scratch.path().string());
  std::set<std::string> names;
  for (const Check& check : all()) {
    const Result result = run(check, subject);
    if (result.ok) continue;
    names.emplace(check.name);
    EXPECT_FALSE(result.message.empty()) << check.name;
  }
  return names;
}

using Names = std::set<std::string>;

// Exactly the checks that are concerned: one that failed whatever is wrong would say little.
TEST(Checks, SeeTheMistakeThatTheyAreFor) {
  EXPECT_EQ(failing<Mistake::none>(), Names{});
  EXPECT_EQ(failing<Mistake::sees_other_documents>(), Names{"documents"});
  EXPECT_EQ(failing<Mistake::wrong_decode>(), (Names{"decoding-f64", "decoding-f32"}));
  EXPECT_EQ(failing<Mistake::wrong_f32>(), Names{"kernels-f32"});
  EXPECT_EQ(failing<Mistake::wrong_bf16>(), Names{"kernels-bf16"});
}

// These mistakes are seen by others too: a wrong gradient is wrong in every type.
TEST(Checks, SeeMistakesOfTheBackward) {
  EXPECT_TRUE(failing<Mistake::wrong_backward>().contains("gradients"));
  EXPECT_TRUE(failing<Mistake::unwritten_gradient>().contains("poison"));
}

TEST(Checks, SeeWhatDependsOnTimesAndThreads) {
  EXPECT_TRUE(failing<Mistake::sees_the_future>().contains("causality"));
  EXPECT_TRUE(failing<Mistake::counts_threads>().contains("threads"));
  const Names names = failing<Mistake::remembers_runs>();
  for (const char* name : {"recompute", "rollback", "resume"}) EXPECT_TRUE(names.contains(name));
}

TEST(Checks, SeeACacheThatNobodyReads) {
  Subject subject(small_model("softmax", {}), {});
  ASSERT_TRUE(cache(subject).ok);
  subject.layout.cache.slots.push_back(subject.layout.cache.slots.front());
  const Result result = cache(subject);
  EXPECT_FALSE(result.ok);
  EXPECT_NE(result.message.find("nobody reads"), std::string::npos) << result.message;
}

TEST(Checks, SeeAWeightThatNobodyReads) {
  Subject subject(small_model("softmax", {}), {});
  // A projection that a wiring has made unnecessary and that is there all the same.
  subject.config.wiring.push_back(
      configure_wiring(subject.config, "shared-value", {}, WiringRegistry()));
  const Layout wired = derive_layout(subject.config);
  const auto keep = subject.layout.v_heads;
  subject.layout = wired;
  ASSERT_TRUE(poison(subject).ok) << poison(subject).message;
  subject.layout.v_heads = keep;
  const Result result = poison(subject);
  EXPECT_FALSE(result.ok);
  EXPECT_NE(result.message.find("v_proj"), std::string::npos) << result.message;
}

TEST(Checks, SeeASettingThatIsNotNeutral) {
  Axes axes;
  WiringInfo info = axes.wirings.find("value-residual");
  info.name = "mistaken";
  info.neutral = [](const ModelConfig&) {
    return std::vector<std::map<std::string, Arg>>{
        {{"variant", std::string("constant")}, {"lambda", 1e-3}}};
  };
  axes.wirings.add(info);
  ModelConfig config = small_model("softmax", axes);
  EXPECT_TRUE(neutral(Subject(config, axes)).skipped);
  config.wiring.push_back(configure_wiring(config, "mistaken", {}, axes.wirings));
  const Result result = neutral(Subject(config, axes));
  EXPECT_FALSE(result.ok);
  EXPECT_NE(result.message.find("mistaken with lambda = 0.001"), std::string::npos)
      << result.message;
}

TEST(Checks, AnExceptionIsAFailure) {
  const Check throwing{"throwing", "", [](const Subject&) -> Result {
                         fail(ErrorCode::config, {"here", "this", "that", ""});
                       }};
  const Result result = run(throwing, Subject(small_model("softmax", {}), {}));
  EXPECT_FALSE(result.ok);
  EXPECT_NE(result.message.find("[here] expected this"), std::string::npos);
  io::expect_error(ErrorCode::usage, "causality", [] { find("causalty"); });
}

TEST(Checks, NaNIsNeverWithinALimit) {
  EXPECT_FALSE(within(std::nan(""), 1).ok);
  EXPECT_TRUE(within(1, 1).ok);
}

TEST(Shrink, KeepsWhatMatters) {
  ModelConfig c = design_config("gqa");
  c.heads = 32;
  c.layers = 40;
  c.layer.assign(40, c.layer[0]);
  for (size_t l = 0; l < 40; ++l) {
    c.layer[l].kv_heads = 8;
    c.layer[l].window = l < 20 ? 4096 : l % 2 == 0 ? 0 : 128;
  }
  const ModelConfig s = shrink(c);
  EXPECT_EQ(s.layers, kMostLayers);
  EXPECT_EQ(s.heads / s.layer[0].kv_heads, 4);
  EXPECT_GE(s.layer[0].kv_heads, 2);
  EXPECT_EQ(s.layer.front().window, 4);
  EXPECT_EQ(s.layer.back().window, 3);
  EXPECT_TRUE(std::any_of(s.layer.begin(), s.layer.end(),
                          [](const LayerConfig& l) { return l.window == 0; }));
}

// Arguments that count heads or layers, and would not fit the small model.
TEST(Shrink, KeepsSizesThatArgumentsCount) {
  ModelConfig c = design_config("transformer");
  c.wiring.push_back(configure_wiring(c, "skip-kv", {{"heads", int64_t{5}}}, WiringRegistry()));
  EXPECT_EQ(shrink(c).heads, c.heads);
  c = design_config("transformer");
  c.layers = 12;
  c.layer.assign(12, c.layer[0]);
  c.wiring.push_back(configure_wiring(c, "shared-value", {{"anchors", std::vector<int64_t>{10}}},
                                      WiringRegistry()));
  EXPECT_EQ(shrink(c).layers, 12);
  c.wiring = {configure_wiring(c, "shared-value", {}, WiringRegistry()),
              configure_wiring(c, "value-residual", {}, WiringRegistry())};
  EXPECT_THROW(shrink(c), Error);
}

}  // namespace
}  // namespace weft::checks
