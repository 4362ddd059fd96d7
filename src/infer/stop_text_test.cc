#include "infer/stop_text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace weft {
namespace {

struct Cut {
  std::string text, met;
  bool operator==(const Cut&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Cut& c) {
  return out << "\"" << c.text << "\", met \"" << c.met << "\"";
}

Cut cut(const std::string& text, const std::vector<std::string>& stops, size_t portion) {
  StopText stop(stops);
  std::string out;
  for (size_t at = 0; at < text.size(); at += portion) out += stop.push(text.substr(at, portion));
  out += stop.finish();
  EXPECT_EQ(stop.length(), out.size());
  return {out, stop.met()};
}

TEST(StopText, EndsBeforeTheFirstStop) {
  for (const size_t portion : {1, 2, 3, 100}) {
    EXPECT_EQ(cut("one two three", {" t"}, portion), (Cut{"one", " t"})) << portion;
    EXPECT_EQ(cut("one two three", {"three", "two"}, portion), (Cut{"one ", "two"})) << portion;
    EXPECT_EQ(cut("aaab", {"aab"}, portion), (Cut{"a", "aab"})) << portion;
    EXPECT_EQ(cut("one", {"one"}, portion), (Cut{"", "one"})) << portion;
    EXPECT_EQ(cut("one tw", {"two"}, portion), (Cut{"one tw", ""})) << portion;
    EXPECT_EQ(cut("xabcab", {"abd", "cab"}, portion), (Cut{"xab", "cab"})) << portion;
    EXPECT_EQ(cut("h\xc3\xa9!", {"\xa9"}, portion), (Cut{"h\xc3", "\xa9"})) << portion;
    EXPECT_EQ(cut("abd", {"abc", "b"}, portion), (Cut{"a", "b"})) << portion;
    EXPECT_EQ(cut("ab", {"abc", "b"}, portion), (Cut{"a", "b"})) << portion;
    EXPECT_EQ(cut("abc", {"abc", "b"}, portion), (Cut{"", "abc"})) << portion;
    EXPECT_EQ(cut("text", {}, portion), (Cut{"text", ""})) << portion;
  }
}

TEST(StopText, HoldsBackWhatMayBecomeAStop) {
  StopText stop({"\n\n"});
  EXPECT_EQ(stop.push("a\n"), "a");
  EXPECT_EQ(stop.push("b"), "\nb");
  EXPECT_EQ(stop.push("\n"), "");
  EXPECT_EQ(stop.push("\nc"), "");
  EXPECT_EQ(stop.met(), "\n\n");
  EXPECT_EQ(stop.push("d"), "");
  EXPECT_EQ(stop.finish(), "");
}

TEST(StopText, AnEmptyStopIsRefused) {
  EXPECT_THROW(StopText({"a", ""}), Error);
}

// Against a search in the whole text; by portions of every size.
TEST(StopText, IsASearchInTheWholeText) {
  const Random random(3, "stop");
  uint64_t draw = 0;
  const auto word = [&](uint64_t most) {
    std::string w;
    for (uint64_t n = 1 + random.below(draw++, most); n > 0; --n) {
      w += static_cast<char>('a' + random.below(draw++, 2));
    }
    return w;
  };
  int met = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::string text = word(20), one = word(4);
    const size_t at = text.find(one);
    const Cut want{text.substr(0, at), at == std::string::npos ? "" : one};
    for (const size_t portion : {1, 3, 50}) EXPECT_EQ(cut(text, {one}, portion), want);
    met += at != std::string::npos;
  }
  EXPECT_GT(met, 200);
}

}  // namespace
}  // namespace weft
