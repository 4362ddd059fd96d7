#include "data/text_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/random.h"

namespace weft {
namespace {

TextCheck check(std::string_view text) {
  return check_text(std::span(&text, 1));
}

std::string random_bytes(size_t size) {
  const Random random(3, "bytes");
  std::string bytes(size, ' ');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(random.bits(i));
  return bytes;
}

TEST(TextCheck, TakesText) {
  std::string documents;
  for (int i = 0; i < 50; ++i) documents += std::string("short\0", 6);
  for (const std::string& text :
       {std::string("plain\ttext\r\n\f"),
        std::string("Gr\xc3\xbc\xc3\x9f"
                    "e \xe4\xbd\xa0\xe5\xa5\xbd"),
        documents, std::string("\x1b[31mred\x1b[0m of a log"), std::string("x")}) {
    EXPECT_EQ(check(text).kind, TextKind::utf8) << text;
  }
}

TEST(TextCheck, KnowsTextOfOtherEncodings) {
  EXPECT_EQ(check("na\xefve caf\xe9").kind, TextKind::other);
  EXPECT_EQ(check("\xc4\xe3\xba\xc3\xca\xc0\xbd\xe7").kind, TextKind::other);  // GBK
}

TEST(TextCheck, ACutSequenceIsNoFault) {
  const std::string text = "\xe4\xbd\xa0\xe5\xa5\xbd";
  EXPECT_EQ(check(text.substr(0, 5)).kind, TextKind::utf8);
  const std::string_view pieces[] = {"x", std::string_view(text).substr(1)};
  EXPECT_EQ(check_text(pieces).kind, TextKind::utf8);
}

TEST(TextCheck, RefusesWhatIsNoText) {
  std::string wide;
  for (const char c : std::string("text in two bytes a letter")) wide += {c, '\0'};
  std::string floats(4000, ' ');
  for (size_t i = 0; i < 1000; ++i) {
    const auto x = static_cast<float>(Random(1, "floats").uniform(i) - 0.5);
    std::memcpy(floats.data() + 4 * i, &x, 4);
  }
  for (const std::string& bytes : {random_bytes(4096), random_bytes(300), wide, floats,
                                   "looks like text" + random_bytes(70000)}) {
    EXPECT_EQ(check(bytes).kind, TextKind::binary);
    EXPECT_EQ(check(bytes).what, "binary data");
  }
  EXPECT_EQ(check("\x1f\x8b").what, "a gzip file");
  EXPECT_EQ(check("PK\x03\x04").what, "a zip archive");
  EXPECT_EQ(check(std::string(257, 'x') + "ustar").what, "a tar archive");
  EXPECT_EQ(check(std::string_view("\xa7\r\r\n\0\0\0\0", 8)).kind, TextKind::binary);
  EXPECT_EQ(check(std::string_view("\x6f\x0d\r\n\0\0\0\0 docstring of a module, long", 36)).what,
            "compiled Python");
  EXPECT_EQ(check("\xff\xfet").what, "UTF-16 text");
}

TEST(PiecesToJudge, LieWithinTheFileAndReachItsEnd) {
  for (const size_t size : {size_t{1}, size_t{1} << 16, (size_t{1} << 17) + 1, size_t{5} << 30}) {
    size_t read = 0;
    for (const FilePiece& piece : pieces_to_judge(size)) {
      EXPECT_LE(piece.offset + piece.bytes, size);
      read += piece.bytes;
    }
    EXPECT_LE(read, size_t{1} << 17);
    EXPECT_GE(pieces_to_judge(size).back().offset + pieces_to_judge(size).back().bytes + 16, size);
  }
}

}  // namespace
}  // namespace weft
