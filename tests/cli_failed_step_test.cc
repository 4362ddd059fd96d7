// A step whose numbers are not finite ends the run; the message says what there is to go on from.
#include <gtest/gtest.h>

#include "cli_run.h"

namespace weft::system_test {
namespace {

Output train(const std::string& text, const std::string& run, std::vector<std::string> more) {
  std::vector<std::string> args = {"train", "transformer", "--out", run, "--threads", "1"};
  for (const std::string& a : tiny_settings(text)) args.push_back(a);
  args.insert(args.end(), more.begin(), more.end());
  return weft(args);
}

std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of('\n');
  return text.substr(text.rfind('\n', end) + 1, end);
}

TEST(FailedStep, SpeaksOfACheckpointOnlyWhereThereIsOne) {
  const Scratch scratch;
  const std::string text = scratch.file("text.txt", prose(60));
  const std::vector<std::string> explode = {"--set",          "train.lr=1e30", "--set",
                                            "train.warmup=0", "--set",         "train.clip=0"};
  const Output none = train(text, scratch / "none", explode);
  EXPECT_EQ(none.code, 1);
  const std::string first = last_line(none.err);
  EXPECT_NE(first.find("expected finite numbers"), std::string::npos) << none.err;
  EXPECT_NE(first.find("no checkpoint was written yet"), std::string::npos) << first;
  EXPECT_EQ(first.find("unharmed"), std::string::npos) << first;
  EXPECT_TRUE(std::filesystem::is_empty(scratch / "none/checkpoints"));

  // With a checkpoint after the first step, which is sound: its update comes from finite gradients.
  std::vector<std::string> kept = explode;
  kept.insert(kept.end(), {"--set", "train.checkpoint_every=1"});
  const Output one = train(text, scratch / "one", kept);
  EXPECT_EQ(one.code, 1);
  const std::string second = last_line(one.err);
  EXPECT_NE(second.find("the last checkpoint, step-1, is unharmed"), std::string::npos) << one.err;
  EXPECT_EQ(second.find("no checkpoint"), std::string::npos) << second;
  EXPECT_TRUE(std::filesystem::exists(scratch / "one/checkpoints/step-1/model.safetensors"));
}

}  // namespace
}  // namespace weft::system_test
