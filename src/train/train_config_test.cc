#include "train/train_config.h"

#include <gtest/gtest.h>

#include "io/testing.h"
#include "io/toml.h"

namespace weft {
namespace {

using io::expect_error;

io::Value toml(std::string_view text) {
  return io::parse_toml(text, "test.toml");
}

TEST(TrainConfig, DefaultsAreThoseOfTheStruct) {
  const TrainConfig read = read_train_config(io::Value{});
  EXPECT_EQ(write_train_config(read), write_train_config(TrainConfig{}));
  EXPECT_EQ(read_data_config(io::Value{}), DataConfig{});
}

TEST(TrainConfig, SmallestRateFollowsTheLargest) {
  EXPECT_DOUBLE_EQ(read_train_config(toml("lr = 0.5")).min_lr, 0.05);
  EXPECT_DOUBLE_EQ(read_train_config(toml("lr = 0.5\nmin_lr = 0")).min_lr, 0);
}

TEST(TrainConfig, EveryKeySurvivesWritingAndReading) {
  const TrainConfig t = read_train_config(toml(R"(
    steps = 7
    batch = 3
    accumulate = 2
    seed = 99
    precision = "bf16"
    recompute = true
    schedule = "wsd"
    lr = 1
    min_lr = 0.3333333333333333
    warmup_lr = 1e-7
    warmup = 4
    decay_fraction = 0.7
    optimizer = "sgd"
    beta1 = 0.8
    beta2 = 0.99
    eps = 1e-6
    momentum = 0.1
    weight_decay = 0
    clip = 0.25
    log_every = 5
    eval_every = 6
    eval_batches = 8
    checkpoint_every = 9
    keep_checkpoints = 11
  )"));
  const io::Value written = write_train_config(t);
  const io::Value plain = write_train_config(TrainConfig{});
  for (const io::Field& field : *written.as<io::Value::Table>()) {
    EXPECT_NE(field.value, *plain.find(field.key)) << field.key << " was not read";
  }
  const io::Value again = toml(io::to_toml(written));
  EXPECT_EQ(again, written);
  EXPECT_EQ(write_train_config(read_train_config(again)), written);
}

TEST(TrainConfig, DataIsAPathOrAList) {
  const DataConfig one = read_data_config(toml("train = \"a.txt\""));
  EXPECT_EQ(one.train, std::vector<std::string>{"a.txt"});
  const DataConfig two =
      read_data_config(toml("train = [\"a\", \"b\"]\nvalidation = \"c\"\nholdout = 0.1\n"
                            "mask_documents = true"));
  EXPECT_EQ(two.train.size(), 2u);
  EXPECT_EQ(two, read_data_config(toml(io::to_toml(write_data_config(two)))));
}

TEST(TrainConfig, SaysWhatIsWrong) {
  const auto bad = [](const char* text, const char* part) {
    expect_error(ErrorCode::config, part, [&] { read_train_config(toml(text)); });
  };
  bad("stepps = 3", "\"steps\"");
  bad("steps = -1", "train.steps");
  bad("steps = 1.5", "integer");
  bad("lr = \"big\"", "train.lr");
  bad("lr = nan", "train.lr");
  bad("schedule = \"cosinus\"", "cosine");
  bad("precision = \"f16\"", "bf16");
  bad("beta1 = 1", "train.beta1");
  bad("lr = 1e-3\nmin_lr = 1e-2", "train.min_lr");
  bad("batch = 0", "train.batch");
  bad("clip = [1]", "train.clip");
  expect_error(ErrorCode::config, "\"validation\"",
               [&] { read_data_config(toml("validaton = \"x\"")); });
  expect_error(ErrorCode::config, "data.train", [&] { read_data_config(toml("train = 3")); });
  expect_error(ErrorCode::config, "data.train", [&] { read_data_config(toml("train = \"\"")); });
  expect_error(ErrorCode::config, "data.holdout", [&] { read_data_config(toml("holdout = 1")); });
}

}  // namespace
}  // namespace weft
