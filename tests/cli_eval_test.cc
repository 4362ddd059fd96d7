// What `weft eval` scores, and that its numbers are those of training.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace weft::system_test {
namespace {

nlohmann::json eval(const std::string& model, std::vector<std::string> args) {
  args.insert(args.begin(), {"eval", model, "--json", "--threads", "1"});
  const Output got = weft(args);
  EXPECT_EQ(got.code, 0) << got.err;
  return io::parse_json(got.out, "eval");
}

nlohmann::json last_metrics(const std::string& run) {
  const std::string lines = content(run + "/metrics.jsonl");
  const size_t begin = lines.rfind('\n', lines.size() - 2);
  return io::parse_json(lines.substr(begin == std::string::npos ? 0 : begin + 1), "metrics");
}

class CliEval : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    run_ = train_tiny(*scratch_, "resformer");
    text_ = *scratch_ / "text.txt";
  }
  static void TearDownTestSuite() { delete scratch_; }

  static std::string short_text(size_t size) {
    return scratch_->file("text-" + std::to_string(size), prose(60).substr(0, size));
  }

  static inline Scratch* scratch_ = nullptr;
  static inline std::string run_, text_;
};

TEST_F(CliEval, ScoresEveryTokenThatHasAPredecessor) {
  for (const size_t size : {2, 20, 32, 33, 34, 127, 128, 129}) {
    const nlohmann::json json = eval(run_, {"--data", short_text(size), "--lengths", "32,200,7"});
    for (const auto& r : json["results"]) EXPECT_EQ(r["tokens"], size - 1) << size;
  }
  // One window is one window, whichever length is asked for.
  const std::string text = short_text(30);
  const auto loss = [&](const char* lengths) {
    return eval(run_, {"--data", text, "--lengths", lengths})["results"][0]["loss"].get<double>();
  };
  EXPECT_NEAR(loss("29"), loss("32"), 1e-9);
  expect_refused(weft({"eval", run_, "--data", short_text(1)}), "at least 2 tokens");
}

TEST_F(CliEval, ALengthDoesNotDependOnTheOthers) {
  const nlohmann::json both = eval(run_, {"--data", text_, "--lengths", "16,32"});
  for (size_t i = 0; i < 2; ++i) {
    const nlohmann::json one = eval(run_, {"--data", text_, "--lengths", i == 0 ? "16" : "32"});
    EXPECT_EQ(both["results"][i], one["results"][0]);
  }
}

TEST_F(CliEval, StrideScoreAndLimitCountLabels) {
  const auto tokens = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"--data", short_text(300), "--lengths", "16,32"};
    args.insert(args.end(), more.begin(), more.end());
    const nlohmann::json json = eval(run_, args);
    EXPECT_EQ(json["results"][0]["tokens"], json["results"][1]["tokens"]);
    return json["results"][0]["tokens"].get<int64_t>();
  };
  EXPECT_EQ(tokens({"--stride", "5"}), 299);
  EXPECT_EQ(tokens({"--score", "5"}), 299 - (32 - 5));
  EXPECT_EQ(tokens({"--max-tokens", "77"}), 77);
  EXPECT_EQ(tokens({"--max-tokens", "77", "--stride", "3"}), 77);
  EXPECT_EQ(tokens({"--max-tokens", "77", "--score", "3"}), 77);
  EXPECT_EQ(tokens({"--max-tokens", "0"}), 299);
  const auto refused = [&](std::vector<std::string> args, const char* part) {
    args.insert(args.begin(), {"eval", run_, "--data", text_, "--lengths", "16,32"});
    expect_refused(weft(args), part);
  };
  refused({"--stride", "17"}, "--stride");
  refused({"--score", "17"}, "--score");
  refused({"--stride", "0"}, "--stride");
  refused({"--stride", "4", "--score", "4"}, "--score");
}

// A stride gives more context: a stride of one token sees a whole window for each label.
TEST_F(CliEval, AStrideOfOneSeesMost) {
  const std::string text = short_text(300);
  const auto loss = [&](const char* stride) {
    return eval(run_, {"--data", text, "--lengths", "16", "--stride", stride})["results"][0]["loss"]
        .get<double>();
  };
  EXPECT_NE(loss("1"), loss("16"));
  EXPECT_EQ(loss("16"),
            eval(run_, {"--data", text, "--lengths", "16"})["results"][0]["loss"].get<double>());
}

TEST_F(CliEval, SeveralFilesGiveARowEachAndTheWhole) {
  const std::string a = short_text(50), b = short_text(200);
  const nlohmann::json json = eval(run_, {"--data", a, b, "--lengths", "16,32"});
  EXPECT_EQ(json["model"], run_);
  EXPECT_EQ(json["data"], nlohmann::json({a, b}));
  ASSERT_EQ(json["results"].size(), 6u);
  for (size_t l = 0; l < 2; ++l) {
    const nlohmann::json &whole = json["results"][l], &one = json["results"][2 + l],
                         &other = json["results"][4 + l];
    EXPECT_EQ(whole["whole"], true);
    EXPECT_EQ(one["data"], a);
    EXPECT_EQ(other["data"], b);
    EXPECT_EQ(one["length"], whole["length"]);
    EXPECT_EQ(one["tokens"], 49);
    EXPECT_EQ(whole["tokens"], 49 + 199);
    const double sum = 49 * one["loss"].get<double>() + 199 * other["loss"].get<double>();
    EXPECT_NEAR(whole["loss"].get<double>(), sum / 248, 1e-12);
    EXPECT_NEAR(whole["bits_per_byte"].get<double>(), sum / 248 / std::log(2.), 1e-12);
    nlohmann::json alone =
        eval(run_, {"--data", b, "--lengths", l == 0 ? "16" : "32"})["results"][0];
    EXPECT_EQ(alone, other);
  }
  const Output table = weft({"eval", run_, "--data", a, b});
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 4) << table.out;
  const nlohmann::json one = eval(run_, {"--data", a});
  ASSERT_EQ(one["results"].size(), 1u);
  EXPECT_EQ(one["results"][0]["data"], a);
  EXPECT_EQ(one["results"][0]["whole"], false);
}

// Documents that do not see each other, of which some are shorter than a window and some longer.
class CliMask : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 20; ++i) {
      scratch_.file("docs-" + std::to_string(i),
                    prose(9).substr(static_cast<size_t>(7 * i), 20 + 9 * static_cast<size_t>(i)));
    }
    std::filesystem::create_directory(scratch_ / "docs");
    for (int i = 0; i < 20; ++i) {
      std::filesystem::rename(scratch_ / ("docs-" + std::to_string(i)),
                              scratch_ / ("docs/" + std::to_string(i)));
    }
  }
  std::string train(const std::string& name, const std::string& validation,
                    const std::vector<std::string>& more) {
    std::vector<std::string> args = {"train", "transformer", "--threads",
                                     "1",     "--out",       scratch_ / name};
    for (const std::string& a : tiny_settings(scratch_ / "docs")) args.push_back(a);
    args.insert(args.end(), {"--set", "data.validation=" + validation, "--set",
                             "train.eval_batches=0", "--set", "train.lr=0.01"});
    args.insert(args.end(), more.begin(), more.end());
    const Output got = weft(args);
    EXPECT_EQ(got.code, 0) << got.err;
    return scratch_ / name;
  }
  static double loss(const std::string& model, const std::vector<std::string>& data) {
    std::vector<std::string> args = {"--data"};
    args.insert(args.end(), data.begin(), data.end());
    return eval(model, args)["results"][0]["loss"].get<double>();
  }

  Scratch scratch_;
};

TEST_F(CliMask, EvalIsTheLastValidationLoss) {
  const std::string docs = scratch_ / "docs", one = scratch_ / "docs/3",
                    other = scratch_ / "docs/9";
  for (const char* mask : {"data.mask_documents=false", "data.mask_documents=true"}) {
    for (const char* context : {"model.context=32", "model.context=64", "model.context=2000"}) {
      const std::string name = std::string(mask) + context;
      const bool fits = std::string(context) != "model.context=2000";
      const std::string run =
          train(name, "\"" + docs + "\"",
                {"--set", mask, "--set", fits ? context : "model.context=1500"});
      const double want = last_metrics(run)["val_loss"];
      EXPECT_NEAR(loss(run, {docs}), want, 1e-6 * want) << name;
    }
    const std::string run =
        train(std::string(mask) + "list", "[\"" + one + "\",\"" + other + "\"]", {"--set", mask});
    const double want = last_metrics(run)["val_loss"];
    EXPECT_NEAR(loss(run, {one, other}), want, 1e-6 * want);
  }
}

TEST_F(CliMask, IsKeptWithTheModel) {
  namespace fs = std::filesystem;
  const std::string docs = scratch_ / "docs", quoted = "\"" + docs + "\"";
  const std::string run = train("run", quoted, {"--set", "data.mask_documents=true"});
  const double want = loss(run, {docs});
  // A checkpoint that was taken out of its run.
  const std::string away = scratch_ / "away";
  fs::copy(run + "/checkpoints/step-20", away);
  EXPECT_EQ(loss(away, {docs}), want);
  // One that says nothing of it: what its run says counts, and outside of one nothing is masked.
  const auto forget = [](const std::string& folder) {
    nlohmann::json config = io::parse_json(content(folder + "/config.json"), "config");
    EXPECT_EQ(config["weft"]["mask_documents"], true);
    config["weft"].erase("mask_documents");
    config["weft"].erase("document_separator");
    std::ofstream(folder + "/config.json") << config;
  };
  forget(run + "/checkpoints/step-20");
  forget(away);
  EXPECT_EQ(loss(run, {docs}), want);
  EXPECT_NE(loss(away, {docs}), want);
}

// The logits of a text behind a separator are those of the text from the separator on.
TEST_F(CliMask, ForwardKeepsDocumentsApart) {
  const std::string quoted = "\"" + (scratch_ / "docs") + "\"";
  const std::string masked = train("masked", quoted, {"--set", "data.mask_documents=true"}),
                    open = train("open", quoted, {});
  const auto last_logit = [&](const std::string& run, const std::vector<int32_t>& ids) {
    Tensor tokens(DType::i32, {1, static_cast<int64_t>(ids.size())});
    std::copy(ids.begin(), ids.end(), tokens.as<int32_t>());
    const io::NamedTensor in[] = {{"tokens", tokens.view()}};
    const std::string from = scratch_ / "ids.safetensors", to = scratch_ / "logits.safetensors";
    io::write_safetensors(from, in);
    const Output got = weft({"forward", run, "--tokens", from, "--out", to});
    EXPECT_EQ(got.code, 0) << got.err;
    const Tensor logits = io::SafeTensors::open(to).load("logits");
    return get(logits.view(), logits.numel() - 1);
  };
  const std::vector<int32_t> text = {'I', 't', 0, 'w', 'a', 's'}, document = {0, 'w', 'a', 's'};
  EXPECT_NEAR(last_logit(masked, text), last_logit(masked, document), 1e-5);
  EXPECT_GT(std::abs(last_logit(open, text) - last_logit(open, document)), 1e-4);
}

// The same weights on the same text, whatever the batch of training.
TEST_F(CliEval, ValidationDoesNotDependOnTheBatch) {
  std::map<std::string, double> losses;
  for (const std::string batch : {"1", "2", "8", "32"}) {
    const std::string run = *scratch_ / ("batch-" + batch);
    std::vector<std::string> args = {"train", "transformer", "--threads", "1", "--out", run};
    for (const std::string& a : tiny_settings(text_)) args.push_back(a);
    args.insert(args.end(), {"--set", "train.batch=" + batch, "--set", "train.lr=0", "--set",
                             "train.steps=1", "--set", "data.holdout=0.3"});
    ASSERT_EQ(weft(args).code, 0);
    losses[batch] = last_metrics(run)["val_loss"];
    EXPECT_EQ(losses[batch], losses["1"]) << batch;
  }
}

TEST(CliAccumulate, MicroBatchesWithUnequalLabelsAreOneBatch) {
  const Scratch scratch;
  const auto step = [&](const std::string& batch, const std::string& accumulate) {
    const std::string run = scratch / batch;
    std::vector<std::string> args = {"train", "transformer", "--threads", "1", "--out", run};
    for (const std::string& s :
         {std::string("model.dim=32"), std::string("model.layers=1"), std::string("model.heads=2"),
          std::string("model.kv_heads=2"), std::string("model.head_dim=16"),
          std::string("model.ffn=32"), std::string("model.vocab=32"),
          std::string("model.context=8"), std::string("data.task=induction"),
          std::string("data.task_args.length=4"), std::string("data.task_args.symbols=4"),
          "train.batch=" + batch, "train.accumulate=" + accumulate, std::string("train.steps=1"),
          std::string("train.lr=0"), std::string("train.warmup=0")}) {
      args.insert(args.end(), {"--set", s});
    }
    EXPECT_EQ(weft(args).code, 0);
    return last_metrics(run);
  };
  const nlohmann::json whole = step("16", "1");
  for (const char* batch : {"4", "1"}) {
    const nlohmann::json cut = step(batch, std::string(batch) == "4" ? "4" : "16");
    for (const char* key : {"loss", "grad_norm"}) {
      EXPECT_NEAR(cut[key].get<double>() / whole[key].get<double>(), 1, 1e-6) << batch << key;
    }
  }
  // No label at all, in one way of saying it.
  int refused = 0;
  for (int seed = 0; seed < 12; ++seed) {
    const Output got = weft({"eval", scratch / "16", "--sequences", "1", "--seed",
                             std::to_string(seed), "--threads", "1"});
    if (got.code == 0) continue;
    expect_refused(got, "no label in 1 sequence");
    EXPECT_EQ(got.err.find("weights"), std::string::npos) << got.err;
    ++refused;
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace weft::system_test
