#include "cli/table.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

TEST(Table, PadsToTheWidestAndDropsTrailingBlanks) {
  Table table({"name", "<source", "n"});
  table.row({"a", "somewhere", "7"});
  table.row({"longer", "x", ""});
  EXPECT_EQ(table.str(),
            "name    source     n\n"
            "a       somewhere  7\n"
            "longer  x\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({"a", "b"});
  table.row({"é", "1"});
  EXPECT_EQ(table.str(), "a  b\né  1\n");
}

TEST(Table, ColumnsCanBeTakenOut) {
  Table table({"a", "middle", "<c"});
  table.row({"1", "2", "é"});
  EXPECT_EQ(table.width(), 12u);
  table.drop(1);
  EXPECT_EQ(table.width(), 4u);
  EXPECT_EQ(table.str(), "a  c\n1  é\n");
}

TEST(Human, Counts) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1240), "1.24 k");
  EXPECT_EQ(human_count(12345678), "12.3 M");
}

TEST(Human, Bytes) {
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.50 KiB");
  EXPECT_EQ(human_bytes(3.0 * 1024 * 1024 * 1024), "3.00 GiB");
}

TEST(Human, Seconds) {
  EXPECT_EQ(human_seconds(0.0123), "12.3 ms");
  EXPECT_EQ(human_seconds(4.26), "4.3 s");
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_seconds(7500), "2 h 05 min");
}

}  // namespace
}  // namespace weft::cli
