// Gradients that reach a tensor through several layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "grid/stack.h"
#include "grid/wiring_loops.h"

namespace weft::grid {
namespace {

// A projection that several layers read: its port and layer, and the readers of what it computes.
struct Shared {
  std::string definition;
  char port;
  int layer;
  std::vector<int> readers;
};

// The loss of the loops where reader `reader` alone sees the projection with `step` times a
// direction added to its weights.
double loss_seen_by(const Definition& d, const Stack& stack, const Shared& shared, int reader,
                    const Tensor& direction, double step, std::span<const int32_t> labels) {
  Stack other(stack.config, stack);
  const std::string part = std::string("self_attn.") + shared.port + "_proj";
  other.edit(weight_name(shared.layer, part),
             [&](int64_t i, double w) { return w + step * direction.as<double>()[i]; });
  const auto source = static_cast<size_t>(shared.layer);
  const bool key = shared.port == 'k';
  double sum = 0, count = 0;
  const std::vector<int32_t> tokens = stack.tokens();
  for (int64_t b = 0; b < kBatch; ++b) {
    const auto ids = std::span(tokens).subspan(static_cast<size_t>(b * kTime), kTime);
    const auto marks = labels.subspan(static_cast<size_t>(b * kTime), kTime);
    PlainModel moved(other.config, other.weights, d.loops);
    moved.logits(ids);
    const LayerRows rows = (key ? moved.taps().raw_k : moved.taps().raw_v)[source];
    PlainModel loops(stack.config, stack.weights, [&](int l, KeysAndValues& t) {
      if (l < shared.layer) return d.loops.projections(l, t);
      LayerRows& raw = (key ? t.raw_k : t.raw_v)[source];
      const LayerRows usual = raw;
      if (l == reader) raw = rows;
      if (l == reader && reader == shared.layer) (key ? t.k : t.v)[source] = rows;
      d.loops.projections(l, t);
      raw = usual;
    });
    double labelled = 0;
    for (const int32_t m : marks) labelled += m >= 0 ? 1 : 0;
    sum += loops.loss(ids, marks, kTime) * labelled;
    count += labelled;
  }
  return sum / count;
}

// The gradient of a projection is the sum of what each of its readers asks for; no reader's part
// is overwritten by another's.
TEST(GradientIdentities, EveryReaderOfAProjectionIsHeard) {
  const std::vector<Shared> cases = {
      {"plain_mha", 'v', 0, {0}},
      {"value_residual_identity_gqa", 'v', 0, {0, 1, 2, 3}},
      {"value_residual_identity_mha", 'v', 2, {2}},
      {"shared_value_mha", 'v', 0, {0, 1, 2, 3}},
      {"shared_value_anchors_gqa", 'v', 2, {2, 3}},
      {"skip_kv_mha", 'k', 1, {1, 2}},
      {"skip_kv_gqa", 'v', 1, {1, 2}},
      {"skip_kv_final_mha", 'k', 0, {0, 1, 2, 3}},
      {"skipv1_gqa", 'v', 0, {0, 1, 2, 3}},
      {"cla2_mha", 'k', 2, {2, 3}},
      {"cla2_gqa", 'v', 0, {0, 1}},
      {"cla_by_three_mha", 'k', 1, {1, 2, 3}},
      {"yoco_gqa", 'v', 2, {2, 3}},
      {"value_residual_previous_mha", 'v', 1, {1, 2}},
      {"value_residual_all_gqa", 'v', 1, {1, 2, 3}},
      {"value_residual_of_k_gqa", 'k', 0, {0, 1, 2, 3}},
  };
  const std::vector<Definition> definitions = all_definitions();
  for (const Shared& s : cases) {
    SCOPED_TRACE(s.definition);
    const auto found = std::find_if(definitions.begin(), definitions.end(),
                                    [&](const Definition& d) { return d.name == s.definition; });
    ASSERT_NE(found, definitions.end());
    Definition d = *found;
    if (!d.loops.projections) d.loops = [](int, KeysAndValues&) {};
    Stack stack(d.config);
    Runner train = stack.runner(Mode::train);
    train.run(stack.tokens(), kTime);
    const int p =
        stack.weights.find(weight_name(s.layer, std::string("self_attn.") + s.port + "_proj"));
    ASSERT_GE(p, 0);
    Tensor direction(DType::f64, stack.weights.spec(p).shape);
    const Random random(13, s.definition);
    double whole = 0;
    for (int64_t i = 0; i < direction.numel(); ++i) {
      direction.as<double>()[i] = random.normal(static_cast<uint64_t>(i));
      whole += direction.as<double>()[i] * get(train.gradient(p).view(), i);
    }
    double parts = 0;
    constexpr double kStep = 1e-6;
    for (int reader = 0; reader < 4; ++reader) {
      const auto loss = [&](double step) {
        return loss_seen_by(d, stack, s, reader, direction, step, train.labels());
      };
      const double part = (loss(kStep) - loss(-kStep)) / (2 * kStep);
      const bool reads = std::find(s.readers.begin(), s.readers.end(), reader) != s.readers.end();
      if (reads) {
        EXPECT_GT(std::abs(part), 1e-4) << "reader " << reader;
      } else {
        EXPECT_EQ(part, 0) << "reader " << reader;
      }
      parts += part;
    }
    EXPECT_NEAR(whole, parts, 1e-7 * (1 + std::abs(whole)));
  }
}

// With the first layer's mixer output cut off, its values are read by later layers only. A source
// that were detached from the graph would learn nothing.
TEST(GradientIdentities, TheFirstValueLearnsFromLaterLayers) {
  const auto gradient_of_first_value = [](const ModelConfig& config) {
    Stack stack(config);
    stack.zero(weight_name(0, "self_attn.o_proj"));
    Runner train = stack.runner(Mode::train);
    train.run(stack.tokens(), kTime);
    double most = 0;
    const Tensor& g = train.gradient(stack.weights.find(weight_name(0, "self_attn.v_proj")));
    for (int64_t i = 0; i < g.numel(); ++i) most = std::max(most, std::abs(get(g.view(), i)));
    return most;
  };
  const ModelConfig plain = plain_config(2);
  EXPECT_EQ(gradient_of_first_value(plain), 0);
  for (const std::string variant : {"identity", "constant", "sparse", "learnable", "learnable-plus",
                                    "dense", "gated", "identity-mapping"}) {
    EXPECT_GT(gradient_of_first_value(with_wiring(plain, "value-residual", {{"variant", variant}})),
              1e-4)
        << variant;
  }
  EXPECT_GT(gradient_of_first_value(with_wiring(plain, "shared-value")), 1e-4);
  EXPECT_GT(gradient_of_first_value(with_wiring(plain, "skipv1")), 1e-4);
  for (const std::string wiring : {"skip-kv", "neutreno", "cla"}) {
    EXPECT_GT(gradient_of_first_value(with_wiring(plain, wiring)), 1e-4) << wiring;
  }
}

}  // namespace
}  // namespace weft::grid
