// Fine-tuning: runs that start from the weights of a run, or of another program's folder.
#include "train/start_from.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/compare.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "model/config_json.h"
#include "train/testing.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using io::expect_error;
using io::ScratchFolder;
using testing::bytes_of;
using testing::periodic_text;
using testing::tiny_run;

std::vector<io::Override> overrides(const std::vector<std::string>& texts) {
  std::vector<io::Override> parsed;
  for (const std::string& text : texts) parsed.push_back(io::parse_override(text));
  return parsed;
}

struct Scene {
  ScratchFolder folder;
  fs::path text = folder.put("text", periodic_text());
  fs::path source = folder / "source";

  /// A source run of some steps.
  TrainOutcome pretrain(std::initializer_list<std::string_view> more = {}) const {
    TrainRequest r{.config = tiny_run(text, more), .out = source};
    r.peak_gflops = 1;
    return run_training(r);
  }
  RunConfig config(std::vector<std::string> texts, const fs::path& from) const {
    texts.push_back("data.train=\"" + text.string() + "\"");
    texts.push_back("data.holdout=0.1");
    return fresh_run_config("", overrides(texts), from.string());
  }
  TrainOutcome tune(const std::string& out, const RunConfig& config, int threads = 1,
                    bool resume = false) const {
    TrainRequest r{.config = config, .out = folder / out, .resume = resume};
    r.runtime.threads = threads;
    r.peak_gflops = 1;
    return run_training(r);
  }
};

TEST(StartFrom, TheModelIsThatOfTheWeights) {
  const Scene scene;
  scene.pretrain({"train.steps=1"});
  const RunConfig config = scene.config({"train.steps=3"}, scene.source);
  EXPECT_EQ(config.model, tiny_run(scene.text).model);
  EXPECT_EQ(config.train.steps, 3);
  EXPECT_EQ(config.train.lr, TrainConfig().lr);  // the optimiser is its own
  EXPECT_EQ(config.train.from, step_folder(scene.source, 1).string());
  // Said once more, in whatever spelling, it agrees.
  EXPECT_EQ(scene
                .config({"model.dim=32", "model.design=resformer", "model.wiring=value-residual",
                         "model.position_args.theta=10000", "model.vocab=256"},
                        scene.source)
                .model,
            config.model);
  EXPECT_EQ(scene.config({"model.context=16"}, scene.source).model.context, 16);
  const fs::path file = scene.folder.put(
      "c.toml", "[model]\nlayers = 2\n[train]\nfrom = \"" + scene.source.string() + "\"\n");
  EXPECT_EQ(fresh_run_config(file.string(), {}, "").model, config.model);
}

TEST(StartFrom, WhatDisagreesIsRefusedByName) {
  const Scene scene;
  scene.pretrain({"train.steps=0"});
  const auto refused = [&](const std::string& setting, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) {
      expect_error(ErrorCode::config, part, [&] { scene.config({setting}, scene.source); });
    }
  };
  refused("model.dim=64", {"model.dim", "expected 32", "got 64"});
  refused("model.vocab=320", {"model.vocab"});
  refused("model.heads=4", {"model.heads"});
  refused("model.mechanism=linear", {"model.mechanism", "linear"});
  refused("model.position=none", {"model.position"});
  refused("model.wiring=[]", {"model.wiring"});
  refused("model.design=transformer", {"model.design", "resformer"});
  refused("model.wiring_args.value-residual.variant=learnable", {"model.wiring_args"});
  refused("model.tie_embeddings=true", {"model.tie_embeddings", "false"});
  refused("model.dmi=32", {"dmi", "dim"});
  const fs::path file = scene.folder.put("c.toml", "[model]\nlayers = 3\n");
  expect_error(ErrorCode::config, "c.toml: model.layers",
               [&] { fresh_run_config(file.string(), {}, scene.source.string()); });
  expect_error(ErrorCode::input, "absent", [&] { scene.config({}, scene.folder / "absent"); });
}

// With a rate of nothing the weights stay what they were, and so does the loss.
TEST(StartFrom, TheFirstStepHasTheLossOfTheSource) {
  const Scene scene;
  const TrainOutcome before = scene.pretrain();
  const TrainOutcome after = scene.tune(
      "tuned",
      scene.config({"train.steps=1", "train.lr=0", "train.batch=4", "train.eval_batches=1"},
                   scene.source));
  ASSERT_TRUE(before.val_loss && after.val_loss);
  EXPECT_EQ(*after.val_loss, *before.val_loss);
  EXPECT_LT(*after.loss, 5.0);  // fresh weights begin near ln 256 = 5.5
  EXPECT_EQ(bytes_of(after.checkpoint / "model.safetensors"),
            bytes_of(before.checkpoint / "model.safetensors"));
  EXPECT_EQ(io::read_json(after.checkpoint / "state.json")["from"], before.checkpoint.string());
}

TEST(StartFrom, TheSameBitsEveryTimeAndWithAnyThreads) {
  const Scene scene;
  scene.pretrain({"train.steps=4"});
  const RunConfig config = scene.config({"train.steps=3", "train.batch=2"}, scene.source);
  const auto one = scene.tune("1", config), two = scene.tune("2", config, 2);
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    EXPECT_EQ(bytes_of(one.checkpoint / file), bytes_of(two.checkpoint / file)) << file;
  }
}

// One that was ended before its first checkpoint starts from the source again; one that has a
// checkpoint does not need the source any more.
TEST(StartFrom, ARunIsResumedFromItsOwnFolder) {
  const Scene scene;
  scene.pretrain({"train.steps=4"});
  const RunConfig config =
      scene.config({"train.steps=4", "train.batch=2", "train.checkpoint_every=2"}, scene.source);
  const TrainOutcome whole = scene.tune("whole", config);
  const std::string weights = bytes_of(whole.checkpoint / "model.safetensors");
  fs::create_directories(scene.folder / "cut");
  fs::copy(scene.folder / "whole" / "config.toml", scene.folder / "cut" / "config.toml");
  const auto stored = [&] {
    return load_run_config((scene.folder / "cut" / "config.toml").string());
  };
  EXPECT_EQ(bytes_of(scene.tune("cut", stored(), 1, true).checkpoint / "model.safetensors"),
            weights);
  fs::remove_all(step_folder(scene.folder / "cut", 4));
  fs::remove(scene.folder / "cut" / "latest");
  fs::remove_all(scene.source);
  EXPECT_EQ(bytes_of(scene.tune("cut", stored(), 1, true).checkpoint / "model.safetensors"),
            weights);
}

// A Hugging Face folder of bytes: bf16 weights, no table of ours, no tokenizer.
TEST(StartFrom, WeightsOfAnotherProgramBecomeMasters) {
  const Scene scene;
  const ModelConfig plain = tiny_run(scene.text, {"model.design=transformer"}).model;
  Model model = make_model(plain, 3);
  const fs::path folder = scene.folder / "hf";
  fs::create_directories(folder);
  nlohmann::json config = config_to_json(plain, DType::bf16);
  config.erase("weft");
  io::write_atomic(folder / "config.json", config.dump());
  std::vector<Tensor> halves;
  std::vector<io::NamedTensor> tensors;
  for (int p = 0; p < model.parameters.count(); ++p) {
    halves.push_back(convert(model.parameters.value(p), DType::bf16));
  }
  for (int p = 0; p < model.parameters.count(); ++p) {
    tensors.push_back({model.parameters.spec(p).name, halves[static_cast<size_t>(p)].view()});
  }
  io::write_safetensors(folder / "model.safetensors", tensors);
  const TrainOutcome end = scene.tune("tuned", scene.config({"train.steps=0"}, folder));
  const Model tuned = load_model(end.checkpoint);
  EXPECT_EQ(compute_dtype(tuned), DType::f32);
  for (int p = 0; p < tuned.parameters.count(); ++p) {
    const Tensor want = convert(halves[static_cast<size_t>(p)].view(), DType::f32);
    EXPECT_TRUE(same_bits(tuned.parameters.value(p), want.view())) << tuned.parameters.spec(p).name;
  }
  scene.folder.put("hf/tokenizer.json", "{\"model\": {\"type\": \"BPE\"}}");
  expect_error(ErrorCode::input, "a byte tokenizer", [&] { scene.config({}, folder); });
}

}  // namespace
}  // namespace weft
