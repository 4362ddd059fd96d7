// The command line: help, versions, mistakes in the call.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

TEST(Cli, VersionAndHelpGoToStdout) {
  const Output version = weft({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out.rfind("weft 0.", 0), 0u) << version.out;
  EXPECT_EQ(version.err, "");
  const Output help = weft({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* verb : {"train", "eval", "generate", "explain", "op", "forward", "check",
                           "designs", "kernels", "icl", "reproduce", "bench"}) {
    EXPECT_NE(help.out.find(verb), std::string::npos) << verb;
    const Output one = weft({verb, "--help"});
    EXPECT_EQ(one.code, 0) << verb;
    EXPECT_NE(one.out.find("--threads"), std::string::npos) << verb;
  }
}

TEST(Cli, HelpIsWhereverItIsLookedFor) {
  const Output bare = weft({});
  EXPECT_EQ(bare.code, 0);
  EXPECT_EQ(bare.err, "");
  EXPECT_NE(bare.out.find("first steps"), std::string::npos) << bare.out;
  EXPECT_EQ(weft({"help"}).out, bare.out);
  EXPECT_EQ(weft({"--help"}).out, bare.out);
  const Output train = weft({"help", "train"});
  EXPECT_EQ(train.code, 0);
  EXPECT_NE(train.out.find("weft train [CONFIG] --out NAME [flags]"), std::string::npos);
  EXPECT_NE(train.out.find("examples\n"), std::string::npos) << train.out;
  EXPECT_EQ(weft({"train", "--help"}).out, train.out);
  expect_refused(weft({"help", "trian"}), "did you mean \"train\"?");
  const Output man = weft({"help", "--man"});
  EXPECT_EQ(man.out.rfind(".TH WEFT 1 ", 0), 0u);
  EXPECT_EQ(man.code, 0);
}

TEST(Cli, KeysGivenAsFlagsAreNamed) {
  const auto refused = [](std::vector<std::string> more, const std::string& part) {
    more.insert(more.begin(), {"train", "transformer", "--out", "x"});
    expect_refused(weft(more), part);
  };
  refused({"--lr", "0.001"}, "did you mean --set train.lr=0.001?");
  refused({"--lr=0.001"}, "did you mean --set train.lr=0.001?");
  refused({"--learning-rate", "1e-3"}, "did you mean --set train.lr=1e-3?");
  refused({"--steps", "100"}, "did you mean --set train.steps=100?");
  refused({"--batch-size=8"}, "did you mean --set train.batch=8?");
  refused({"--dim", "--resume"}, "did you mean --set model.dim=...?");
  refused({"lr=0.1"}, "did you mean --set train.lr=0.1?");
  refused({"train.lr=0.1"}, "did you mean --set train.lr=0.1?");
  expect_refused(weft({"train", "lr=0.1", "--out", "x"}), "did you mean --set train.lr=0.1?");
  refused({"--set", "lr=0.1"}, "did you mean \"train.lr\"?");
  refused({"--set", "model.lr=0.1"}, "did you mean \"train.lr\"?");
  refused({"--set", "learning_rate=0.1"}, "did you mean \"train.lr\"?");
  refused({"--ot", "y"}, "did you mean \"--out\"?");
  refused({"surplus"}, "see weft train --help");
  expect_refused(weft({"explain", "transformer", "--heads=2"}), "--set model.heads=2");
  // generate takes no configuration.
  EXPECT_EQ(weft({"generate", "x", "--lr", "1"}).err.find("train.lr"), std::string::npos);
}

TEST(Cli, AnIntegerMayHaveAnExponent) {
  const auto context = [](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"explain", "transformer", "--json"};
    args.insert(args.end(), more.begin(), more.end());
    const Output got = weft(args);
    EXPECT_EQ(got.code, 0) << got.err;
    return got.code == 0 ? io::parse_json(got.out, "explain")["context"].get<int64_t>() : -1;
  };
  EXPECT_EQ(context({"--set", "model.context=1e3"}), 1000);
  EXPECT_EQ(context({"--set", "model.context=1.5e3"}), 1500);
  EXPECT_EQ(context({"--context", "1e3"}), 1000);
  EXPECT_EQ(context({"--context", "2.5E2"}), 250);
  for (const char* bad : {"1.5", "1e-1", "1.55e1", "1000.0", "1e30", "e3"}) {
    expect_refused(weft({"explain", "transformer", "--context", bad}), bad);
    expect_refused(weft({"explain", "transformer", "--set", std::string("model.context=") + bad}),
                   "model.context");
  }
}

TEST(Cli, CompletionsAreReadByTheirShells) {
  const Scratch scratch;
  const std::string script = scratch.file("weft.bash", weft({"completion", "bash"}).out);
  const auto complete = [&](const std::string& words, int at) {
    const std::string command = "bash -c '. \"" + script + "\"; compopt() { :; }; COMP_WORDS=(" +
                                words + "); COMP_CWORD=" + std::to_string(at) +
                                "; _weft; printf \"%s \" \"${COMPREPLY[@]}\"' > '" +
                                (scratch / "out") + "' 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return content(scratch / "out");
  };
  EXPECT_EQ(complete("weft tr", 1), "train ");
  EXPECT_EQ(complete("weft train --re", 2), "--resume ");
  EXPECT_EQ(complete("weft train resf", 2), "resformer ");
  EXPECT_EQ(complete("weft train --set train.warmup_", 3), "train.warmup_lr= ");
  EXPECT_EQ(complete("weft op attention --in x --layout bh", 6), "bhtd ");
  EXPECT_EQ(complete("weft reproduce --scale sm", 3), "smoke ");
  EXPECT_EQ(complete("weft eval " + script.substr(0, script.size() - 3), 2), script + " ");
  expect_refused(weft({"completion", "tcsh"}), "one of bash, zsh, fish");
}

TEST(Cli, UnknownVerbsAreRefusedWithTheNearest) {
  expect_refused(weft({"trian"}), "\"train\"");
  expect_refused(weft({"generat", "x"}), "\"generate\"");
  for (const char* later : {"import", "export", "serve", "tokenizer", "analyze", "compare"}) {
    expect_refused(weft({later}), "a verb");
  }
  expect_refused(weft({"--frobnicate"}));
}

TEST(Cli, UnknownFlagsAreRefusedWithTheNearest) {
  expect_refused(weft({"generate", "x", "--promt", "y"}), "\"--prompt\"");
  expect_refused(weft({"eval", "x", "--data", "y", "--length=3"}), "\"--lengths\"");
  expect_refused(weft({"designs", "surplus"}), "surplus");
  expect_refused(weft({"train", "transformer", "--jason", "--out", "x"}), "\"--json\"");
}

TEST(Cli, RequiredArgumentsAndValues) {
  expect_refused(weft({"eval"}), "MODEL");
  expect_refused(weft({"eval", "x"}), "--data");
  expect_refused(weft({"generate", "x"}), "--prompt");
  expect_refused(weft({"generate", "x", "--prompt"}));
  expect_refused(weft({"train", "--out", "x"}), "--resume");
  expect_refused(weft({"train", "transformer"}), "--out");
  expect_refused(weft({"op", "--in", "a", "--out", "b"}), "OP");
  expect_refused(weft({"op", "softmax"}), "one of attention, got \"softmax\"");
  expect_refused(weft({"op", "attention", "--in", "a", "--out", "b", "--kernel", ""}), "--kernel");
  expect_refused(weft({"bench", "gem"}), "\"gemm\"");
}

TEST(Cli, AnArgumentMayBeCalledLikeAVerb) {
  expect_refused(weft({"explain", "train"}), "[train]");
  expect_refused(weft({"eval", "bench", "--data", "train", "eval"}), "bench");
}

TEST(Cli, ThreadsAreChecked) {
  for (const char* bad : {"0", "-1", "100000", "two", "1.5", ""}) {
    expect_refused(weft({"designs", "--threads", bad}), "--threads");
  }
  EXPECT_EQ(weft({"designs", "--threads", "1"}).code, 0);
}

TEST(Cli, DesignsAreOneLineEach) {
  const Output text = weft({"designs"});
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(text.err, "");
  const nlohmann::json json = io::parse_json(weft({"designs", "--json"}).out, "designs");
  for (const nlohmann::json& design : json["designs"]) {
    const std::string line = "\n  " + design["name"].get<std::string>() + " ";
    EXPECT_NE(text.out.find(line), std::string::npos) << line;
    EXPECT_NE(text.out.find(design["source"].get<std::string>()), std::string::npos);
    EXPECT_NE(text.out.find(design["family"].get<std::string>() + "\n  "), std::string::npos);
  }
  for (const char* name : {"transformer", "gqa", "mqa", "resformer", "svformer", "neutreno",
                           "denseformer", "cla", "sla", "skipv1", "yoco", "cross-layer",
                           "stick-breaking", "alibi", "nope", "relu", "sigmoid", "linear"}) {
    EXPECT_NE(text.out.find("\n  " + std::string(name) + " "), std::string::npos) << name;
  }
}

TEST(Cli, EveryArgumentOfTheAxesIsListed) {
  const Output text = weft({"designs", "--all"});
  EXPECT_EQ(text.code, 0);
  const nlohmann::json json = io::parse_json(weft({"designs", "--json"}).out, "designs");
  size_t arguments = 0;
  for (const char* axis : {"mechanisms", "positions", "wirings", "tasks"}) {
    ASSERT_GE(json[axis].size(), 2u) << axis;
    for (const nlohmann::json& choice : json[axis]) {
      const std::string name = choice["name"];
      EXPECT_NE(text.out.find("\n  " + name + " "), std::string::npos) << name;
      for (const nlohmann::json& arg : choice["arguments"]) {
        const std::string line = "\n      " + arg["name"].get<std::string>() + " = ";
        EXPECT_NE(text.out.find(line), std::string::npos) << name << line;
        EXPECT_FALSE(arg["help"].get<std::string>().empty()) << name << line;
        ++arguments;
      }
    }
  }
  EXPECT_GE(arguments, 10u);
  EXPECT_NE(text.out.find("heads = by the model"), std::string::npos) << text.out;
}

// A listing runs no kernel: the checks take many seconds, the listing no more than a start.
TEST(Cli, KernelsAreListedAtOnce) {
  const auto start = std::chrono::steady_clock::now();
  const Output got = weft({"kernels", "--json"});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_LT(took.count(), 2);
  const nlohmann::json json = io::parse_json(got.out, "kernels");
  std::map<std::string, std::map<std::string, int>> chosen;
  for (const nlohmann::json& op : json["ops"]) {
    for (const nlohmann::json& kernel : op["kernels"]) {
      chosen[op["name"]][kernel["dtype"]] += kernel["chosen"].get<bool>() ? 1 : 0;
      EXPECT_FALSE(kernel["chosen"].get<bool>() && kernel.contains("refused"));
    }
  }
  const std::map<std::string, int> one_each{{"bf16", 1}, {"f32", 1}, {"f64", 1}};
  for (const char* op : {"linear", "mix", "attention softmax", "attention stick-breaking"}) {
    EXPECT_EQ(chosen[op], one_each) << op;
  }
  EXPECT_NE(weft({"kernels"}).out.find("chosen"), std::string::npos);
}

std::string softmax_kernel(const std::string& isa) {
  const Output got = weft({"kernels", "--json", "--isa", isa});
  EXPECT_EQ(got.code, 0) << got.err;
  const nlohmann::json listed = io::parse_json(got.out, "kernels");
  for (const nlohmann::json& op : listed.at("ops")) {
    for (const nlohmann::json& kernel : op.at("kernels")) {
      if (op.at("name") == "attention softmax" && kernel.at("dtype") == "bf16" &&
          kernel.at("chosen")) {
        return kernel.at("name");
      }
    }
  }
  return "none";
}

TEST(Cli, AnInstructionSetIsTheStrongestToUse) {
  const nlohmann::json all = io::parse_json(weft({"kernels", "--json"}).out, "kernels").at("isas");
  int here = 0;
  for (const nlohmann::json& isa : all) {
    const std::string name = isa.at("name");
    if (isa.contains("refused")) {
      const Output got = weft({"kernels", "--isa", name});
      expect_refused(got, "--isa");
      EXPECT_NE(got.err.find(isa.at("refused").get<std::string>()), std::string::npos) << got.err;
    } else {
      EXPECT_EQ(softmax_kernel(name), name);
      ++here;
    }
  }
  EXPECT_GE(here, 1);
  EXPECT_LT(here, int(all.size())) << "no machine has all of them";
  EXPECT_NE(weft({"designs", "--isa", "genericc"}).err.find("generic"), std::string::npos);
  for (const char* bad : {"genericc", "", "AVX2", "ref"}) {
    expect_refused(weft({"designs", "--isa", bad}), "--isa");
  }
}

TEST(Cli, ExplainEveryDesign) {
  const nlohmann::json list = io::parse_json(weft({"designs", "--json"}).out, "designs");
  for (const nlohmann::json& design : list["designs"]) {
    const std::string name = design["name"];
    const Output got = weft({"explain", name, "--json", "--set", "model.context=64"});
    ASSERT_EQ(got.code, 0) << name << got.err;
    const nlohmann::json json = io::parse_json(got.out, name);
    EXPECT_GT(json["parameters"]["total"].get<int64_t>(), 1'000'000) << name;
    EXPECT_GT(json["kv_cache"]["bytes_per_token"].get<int64_t>() +
                  json["kv_cache"]["fixed_bytes"].get<int64_t>(),
              0)
        << name;
    EXPECT_GT(json["flops_per_token"].get<double>(), 1e7) << name;
    EXPECT_GT(json["memory"]["peak_bytes"].get<int64_t>(), 1 << 20) << name;
  }
}

TEST(Cli, SizesFollowEachOther) {
  const auto explained = [](const std::vector<std::string>& settings) {
    std::vector<std::string> args = {"explain", "transformer", "--json"};
    for (const std::string& s : settings) args.insert(args.end(), {"--set", s});
    const Output got = weft(args);
    EXPECT_EQ(got.code, 0) << got.err;
    return got.code == 0 ? io::parse_json(got.out, "explain") : nlohmann::json();
  };
  const nlohmann::json small = explained({"model.dim=128"});
  const int64_t layer = 4 * 128 * 128 + 3 * 128 * 384 + 2 * 128;
  EXPECT_EQ(small["parameters"]["total"], 6 * layer + 128 + 2 * 256 * 128);
  EXPECT_EQ(small["kv_cache"]["bytes_per_token"], 2 * 6 * 128 * 4);
  EXPECT_EQ(small["sizes"]["heads"], 2);
  EXPECT_EQ(small["sizes"]["ffn"], 384);
  EXPECT_TRUE(small["notes"].empty()) << small["notes"];
  const nlohmann::json wide = explained({"model.dim=128", "model.heads=6", "model.head_dim=64"});
  EXPECT_EQ(wide["sizes"]["attention_width"], 384);
  EXPECT_EQ(wide["notes"].size(), 1u);
  const Output text = weft({"explain", "transformer", "--set", "model.head_dim=32"});
  EXPECT_NE(text.out.find("6 heads of 32 are 192 channels of attention in a model of dim 384"),
            std::string::npos)
      << text.out;
  expect_refused(weft({"explain", "transformer", "--set", "model.dim=100"}), "model.heads");
  expect_refused(weft({"explain", "transformer", "--set", "model.heads=5"}),
                 "model.dim = 384 and model.heads = 5");
}

TEST(Cli, ExplainCountsTheTransformer) {
  const nlohmann::json json =
      io::parse_json(weft({"explain", "transformer", "--json"}).out, "json");
  const int64_t layer = 4 * 384 * 384 + 3 * 384 * 1024 + 2 * 384;
  EXPECT_EQ(json["parameters"]["total"], 6 * layer + 384 + 2 * 256 * 384);
  EXPECT_EQ(json["kv_cache"]["bytes_per_token"], 2 * 6 * 384 * 4);
  EXPECT_EQ(json["kv_cache"]["fixed_bytes"], 0);
  EXPECT_EQ(json["flops_per_token"], 6. * (6 * layer + 384 + 256 * 384) + 6. * 6 * 384 * 512);
  const Output half = weft({"explain", "transformer", "--json", "--set", "train.precision=bf16"});
  EXPECT_EQ(io::parse_json(half.out, "json")["kv_cache"]["bytes_per_token"], 2 * 6 * 384 * 2);
  const Output text = weft({"explain", "resformer"});
  EXPECT_NE(text.out.find("KV cache in f32"), std::string::npos);
  EXPECT_EQ(text.code, 0);
  EXPECT_NE(text.out.find("parameters"), std::string::npos);
}

TEST(Cli, AReaderThatHasGoneIsNoFailure) {
  const Scratch scratch;
  const std::string command = std::string("bash -c '{ \"") + WEFT_BINARY +
                              "\" help --man; echo $? > \"" + (scratch / "code") + "\"; } 2> \"" +
                              (scratch / "err") + "\" | true'";
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(content(scratch / "err"), "");
    EXPECT_EQ(content(scratch / "code"), "0\n");
  }
}

TEST(Cli, AClosedStdoutIsOneLineAndExitOne) {
  const Scratch scratch;
  const std::string command =
      std::string("'") + WEFT_BINARY + "' designs > /dev/full 2> '" + (scratch / "err") + "'";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const std::string err = content(scratch / "err");
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
}

}  // namespace
}  // namespace weft::system_test
