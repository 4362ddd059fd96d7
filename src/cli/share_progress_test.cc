#include "cli/share_progress.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

TEST(ShareProgress, SaysTheTimeThatIsLeft) {
  EXPECT_EQ(share_line("training", 0.25, "loss 0.5", 15), "training  25%  loss 0.5  45 s left");
  EXPECT_EQ(share_line("measuring", 1, "", 15), "measuring  100%");
}

TEST(ShareProgress, DoesNotGuessFromNothing) {
  EXPECT_EQ(share_line("training", 0, "", 15), "training  0%");
  EXPECT_EQ(share_line("training", 0.1, "", 0.2), "training  10%");
}

}  // namespace
}  // namespace weft::cli
