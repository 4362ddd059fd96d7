#include "cli/console.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

TEST(Console, EscapesAreForTerminalsThatUnderstandThem) {
  EXPECT_TRUE(understands_escapes("xterm-256color", nullptr));
  EXPECT_TRUE(understands_escapes("linux", ""));
  EXPECT_FALSE(understands_escapes("dumb", nullptr));
  EXPECT_FALSE(understands_escapes(nullptr, nullptr));
  EXPECT_FALSE(understands_escapes("", nullptr));
  EXPECT_FALSE(understands_escapes("xterm", "1"));
}

}  // namespace
}  // namespace weft::cli
