#include "io/utf8.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace weft::io {
namespace {

TEST(Utf8, KnowsWellFormedText) {
  for (const std::string_view good :
       {"", "plain", "é", "€", "𝄞", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, FindsTheFirstFault) {
  EXPECT_EQ(first_invalid_utf8("ab\xff"), 2u);
  EXPECT_EQ(first_invalid_utf8("\xc0\x80"), 0u);          // overlong
  EXPECT_EQ(first_invalid_utf8("a\xe0\x9f\xbf"), 1u);     // overlong
  EXPECT_EQ(first_invalid_utf8("\xf0\x8f\xbf\xbf"), 0u);  // overlong
  EXPECT_EQ(first_invalid_utf8("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(first_invalid_utf8("\xf4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(first_invalid_utf8("é\x80"), 2u);             // a stray continuation
  EXPECT_EQ(first_invalid_utf8("é\xc3"), 2u);             // cut
}

TEST(Utf8Stream, HoldsBackUntilACharacterIsComplete) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xe2"), "a");
  EXPECT_EQ(stream.push("\x82"), "");
  EXPECT_EQ(stream.push("\xac!"), "€!");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push("\xf0\x9d"), "");
  EXPECT_EQ(stream.finish(), "\ufffd");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Utf8Stream, ReplacesEachMaximalIllFormedPart) {
  EXPECT_EQ(to_utf8("a\xff\xfe"
                    "b"),
            "a\ufffd\ufffd"
            "b");
  EXPECT_EQ(to_utf8("\xe2\x82"
                    "x"),
            "\ufffd"
            "x");  // one cut character: one mark
  // The example of table 3-8 of the Unicode standard.
  EXPECT_EQ(to_utf8("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
            "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\x41");
}

TEST(Utf8Stream, PortionsDoNotMatter) {
  const Random random(5, "portions");
  uint64_t draw = 0;
  const std::string_view pieces[] = {"a", "é", "€", "𝄞", "\xff", "\xe2\x82", "\xf0\x9d", "\x80"};
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < 12; ++i) bytes += pieces[random.below(draw++, std::size(pieces))];
    Utf8Stream stream;
    std::string out;
    for (size_t at = 0; at < bytes.size();) {
      const size_t n = 1 + random.below(draw++, 3);
      out += stream.push(std::string_view(bytes).substr(at, n));
      EXPECT_TRUE(is_utf8(out));
      at += n;
    }
    out += stream.finish();
    EXPECT_EQ(out, to_utf8(bytes));
    EXPECT_TRUE(is_utf8(out));
  }
}

TEST(Utf8, ShowsNoControlCharacters) {
  EXPECT_EQ(without_controls("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(without_controls("\x1b[31m\x7f\r"), "\ufffd[31m\ufffd\ufffd");
  EXPECT_EQ(without_controls("\xc2\x9b"
                             "5n\xc2\xa0"),
            "\ufffd"
            "5n\xc2\xa0");
}

TEST(Utf8, QuotesAndCuts) {
  EXPECT_EQ(in_quotes("a\x01\xff"), "\"a\ufffd\ufffd\"");
  EXPECT_EQ(in_quotes("abcdef", 3), "\"abc...\"");
  EXPECT_EQ(in_quotes("abé", 3), "\"ab...\"");  // never half a character
}

}  // namespace
}  // namespace weft::io
