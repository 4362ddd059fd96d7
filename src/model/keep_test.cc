// Values that a built program is asked to keep.
#include <gtest/gtest.h>

#include "io/testing.h"
#include "io/toml.h"
#include "model/builder.h"
#include "model/config_toml.h"

namespace weft {
namespace {

ModelConfig tiny() {
  return read_model(io::parse_toml(
      "design = \"transformer\"\nvocab = 40\ndim = 16\nlayers = 4\nheads = 2\nffn = 24", "test"));
}

BuiltProgram built(const ModelConfig& config, std::vector<Tap> keep) {
  return build(
      config, derive_layout(config),
      {.mode = Mode::evaluate, .time = 3, .keep = std::move(keep), .runtime = Runtime::best()});
}

TEST(Keep, AnswersInTheOrderAsked) {
  const ModelConfig config = tiny();
  const BuiltProgram b = built(config, {{Port::v, 3}, {Port::q, 0}, {Port::x, 4}});
  ASSERT_EQ(b.kept.size(), 3u);
  const auto name_of = [&](size_t i) { return b.program.graph().value(b.kept[i][0].value).name; };
  EXPECT_EQ(name_of(0), "model.layers.3.self_attn.v_proj");
  EXPECT_EQ(name_of(1), "model.layers.0.self_attn.rope_q");  // as attention reads it
  EXPECT_EQ(b.kept[0].size(), 2u);
  EXPECT_EQ(b.kept[0][1].column, config.head_dim);
  EXPECT_EQ(b.kept[2].size(), 1u);
}

TEST(Keep, RefusesATapThatDoesNotExist) {
  const ModelConfig config = tiny();
  for (const Tap& tap : {Tap{Port::q, 4}, Tap{Port::k, -1}, Tap{Port::x, 5}}) {
    io::expect_error(ErrorCode::usage, "to keep", [&] { built(config, {tap}); });
  }
}

}  // namespace
}  // namespace weft
