#include "train/config_keys.h"

#include <gtest/gtest.h>

#include <set>

#include "io/testing.h"
#include "io/toml.h"
#include "train/run_config.h"

namespace weft {
namespace {

TEST(ConfigKeys, AreThoseOfAResolvedConfiguration) {
  const std::vector<std::string>& keys = config_keys();
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
  for (const char* key :
       {"model.dim", "model.heads", "model.kv_heads", "model.window", "model.wiring",
        "model.loop.repeats", "data.train", "data.task", "data.tokenizer", "data.binary",
        "train.lr", "train.from", "train.steps", "train.precision"}) {
    EXPECT_EQ(std::count(keys.begin(), keys.end(), key), 1) << key;
  }
}

TEST(ConfigKeys, AreFoundByTheirLastPart) {
  EXPECT_EQ(key_called("lr"), "train.lr");
  EXPECT_EQ(key_called("model.lr"), "train.lr");
  EXPECT_EQ(key_called("train.lr"), "train.lr");
  EXPECT_EQ(key_called("dim"), "model.dim");
  EXPECT_EQ(key_called("head-dim"), "model.head_dim");
  EXPECT_EQ(key_called("learning-rate"), "train.lr");
  EXPECT_EQ(key_called("batch_size"), "train.batch");
  EXPECT_EQ(key_called("checkpoint-every"), "train.checkpoint_every");
  EXPECT_EQ(key_called("lrr"), "");
  EXPECT_EQ(key_called(""), "");
}

TEST(ConfigKeys, AKeyInTheWrongTableIsPointedAt) {
  const auto refused = [](const char* text, const char* part) {
    io::expect_error(ErrorCode::config, part,
                     [&] { read_run_config(io::parse_toml(text, "c.toml"), "c.toml"); });
  };
  refused("lr = 0.1", "c.toml:1: lr] expected a known key, got \"lr\"; did you mean \"train.lr\"?");
  refused("[model]\nlr = 0.1",
          "c.toml:2: model.lr] expected a known key, got \"lr\"; did you mean");
  refused("[train]\ndim = 64", "did you mean \"model.dim\"?");
  refused("[data]\nbatch_size = 64", "did you mean \"train.batch\"?");
  refused("[train]\nbatch_size = 64", "did you mean \"batch\"?");
  refused("[train]\nlrr = 1", "did you mean \"lr\"?");
  refused("steps = 3", "did you mean \"train.steps\"?");
}

}  // namespace
}  // namespace weft
