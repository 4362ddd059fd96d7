#include "data/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "io/testing.h"

namespace weft {
namespace {

using io::expect_error;
using io::Path;
using io::ScratchFolder;

// A corpus in which token i is i % 251, so that a window shows where it lies.
class Counting {
 public:
  explicit Counting(int64_t size) : corpus_(make(folder_, size)) {}
  const Corpus& operator*() const { return corpus_; }
  const Corpus* operator->() const { return &corpus_; }
  Split all() const { return {0, corpus_.size()}; }

 private:
  static Corpus make(const ScratchFolder& folder, int64_t size) {
    std::string text;
    for (int64_t i = 0; i < size; ++i) text += static_cast<char>(i % 251);
    return Corpus::open(std::vector<Path>{folder.put("f", text)}, ByteTokenizer(),
                        {.binary = true});
  }

  ScratchFolder folder_;
  Corpus corpus_;
};

struct Rows {
  explicit Rows(int64_t size)
      : tokens(static_cast<size_t>(size), -9), labels(tokens), first_key(tokens) {}
  BatchView view() { return {tokens, labels, first_key}; }
  BatchView unmarked() { return {tokens, labels}; }
  std::vector<int32_t> tokens, labels, first_key;
};

TEST(TrainWindows, FillsTokensAndTheNextOnesAsLabels) {
  const Counting corpus(1000);
  const int64_t batch = 3, time = 17;
  const TrainWindows windows(*corpus, {100, 900}, {5, batch, 2, time});
  for (int64_t step = 0; step < 20; ++step) {
    Rows rows(batch * time);
    windows.fill(step, step % 2, rows.unmarked());
    for (int64_t r = 0; r < batch; ++r) {
      const int64_t start = windows.start(step, step % 2, r);
      EXPECT_GE(start, 100);
      EXPECT_LE(start + time, 899);  // the last label is token 899 at most
      for (int64_t t = 0; t < time; ++t) {
        const auto at = static_cast<size_t>(r * time + t);
        EXPECT_EQ(rows.tokens[at], (start + t) % 251);
        EXPECT_EQ(rows.labels[at], (start + t + 1) % 251);
        EXPECT_EQ(rows.first_key[at], -9);
      }
    }
  }
}

TEST(TrainWindows, ReachEveryPlaceAboutEquallyOften) {
  const Counting corpus(50);
  const TrainWindows windows(*corpus, {10, 30}, {1, 1, 1, 8});
  std::map<int64_t, int> seen;
  for (int64_t step = 0; step < 12000; ++step) ++seen[windows.start(step, 0, 0)];
  EXPECT_EQ(seen.size(), 12u);  // 10 to 21
  EXPECT_EQ(seen.begin()->first, 10);
  EXPECT_EQ(seen.rbegin()->first, 21);
  for (const auto& [start, count] : seen) EXPECT_NEAR(count, 1000, 150) << start;
}

TEST(TrainWindows, TheSeedAloneDecidesTheOrder) {
  const Counting corpus(5000);
  const TrainWindows a(*corpus, corpus.all(), {7, 8, 2, 16}),
      b(*corpus, corpus.all(), {7, 16, 1, 16}), c(*corpus, corpus.all(), {7, 4, 4, 16}),
      other(*corpus, corpus.all(), {8, 16, 1, 16});
  std::set<int64_t> starts;
  int same = 0;
  for (int64_t step = 0; step < 10; ++step) {
    for (int64_t row = 0; row < 16; ++row) {
      const int64_t start = b.start(step, 0, row);
      EXPECT_EQ(a.start(step, row / 8, row % 8), start);
      EXPECT_EQ(c.start(step, row / 4, row % 4), start);
      same += other.start(step, 0, row) == start;
      starts.insert(start);
    }
  }
  EXPECT_GT(starts.size(), 140u);
  EXPECT_LT(same, 5);
}

TEST(TrainWindows, NeedAWindowAndItsLastLabel) {
  const Counting corpus(20);
  EXPECT_EQ(TrainWindows(*corpus, {3, 12}, {0, 1, 1, 8}).start(0, 0, 0), 3);
  expect_error(ErrorCode::input, "more than 9 tokens", [&] {
    TrainWindows(*corpus, {3, 12}, {0, 1, 1, 9});
  });
  expect_error(ErrorCode::config, "at least 1", [&] {
    TrainWindows(*corpus, {3, 12}, {0, 0, 1, 8});
  });
}

TEST(MarkDocuments, SeparatorsOpenDocuments) {
  const std::vector<int32_t> tokens{5, 6, 0, 7, 8, 0, 0, 9};
  std::vector<int32_t> first(tokens.size(), -1);
  mark_documents(tokens, 0, first);
  EXPECT_EQ(first, (std::vector<int32_t>{0, 0, 2, 2, 2, 5, 6, 6}));
}

TEST(MarkDocuments, FollowsTheFilesOfACorpus) {
  const ScratchFolder folder;
  const std::vector<Path> paths{folder.put("a", "abc"), folder.put("b", "defgh")};
  const Corpus corpus = Corpus::open(paths, ByteTokenizer());
  const EvalWindows windows(corpus, {0, corpus.size()}, {.length = 8});
  Rows rows(8);
  windows.fill(0, rows.view());
  EXPECT_EQ(rows.tokens, (std::vector<int32_t>{'a', 'b', 'c', 0, 'd', 'e', 'f', 'g'}));
  EXPECT_EQ(rows.first_key, (std::vector<int32_t>{0, 0, 0, 3, 3, 3, 3, 3}));
}

// The corpus positions of all labels, in order, and how much context each has in its window. Of a
// corpus of at most 251 tokens.
std::map<int64_t, int64_t> targets_of(const EvalWindows& windows, int64_t batch) {
  std::map<int64_t, int64_t> context;
  const int64_t width = windows.width();
  for (int64_t first = 0; first < windows.count(); first += batch) {
    Rows rows(batch * width);
    windows.fill(first, rows.view());
    for (size_t i = 0; i < rows.labels.size(); ++i) {
      if (rows.labels[i] == kNoLabel) continue;
      EXPECT_EQ(rows.labels[i], (rows.tokens[i] + 1) % 251);
      const bool fresh =
          context.emplace(rows.labels[i], 1 + static_cast<int64_t>(i) % width).second;
      EXPECT_TRUE(fresh) << "a token is scored twice";
    }
  }
  EXPECT_EQ(static_cast<int64_t>(context.size()), windows.labels());
  if (!context.empty()) {
    EXPECT_EQ(context.begin()->first, windows.targets().begin);
    EXPECT_EQ(context.rbegin()->first, windows.targets().end - 1);
  }
  return context;
}

// Each token that has a predecessor once, whatever the length and the size of the text.
TEST(EvalWindows, LieEndToEndAndScoreEveryToken) {
  for (const int64_t size : {2, 3, 8, 20, 21, 22, 199, 200}) {
    const Counting corpus(size);
    for (const int64_t length : {1, 7, 10, 20, 99, 199, 500}) {
      const EvalWindows windows(*corpus, corpus.all(), {.length = length});
      EXPECT_EQ(windows.count(), (size - 1 + length - 1) / length);
      EXPECT_EQ(windows.labels(), size - 1);
      EXPECT_EQ(windows.width(), std::min(length, size - 1));
      for (const auto& [position, context] : targets_of(windows, 3)) {
        EXPECT_EQ(context, 1 + (position - 1) % length);
      }
    }
  }
}

TEST(EvalWindows, OverlapByAStrideAndScoreEveryTokenOnce) {
  const Split split{3, 198};  // labels 4 to 197
  const Counting corpus(200);
  for (const int64_t stride : {1, 3, 10, 16}) {
    const EvalWindows windows(*corpus, split, {.length = 16, .stride = stride});
    EXPECT_EQ(windows.labels(), 194);
    EXPECT_EQ(windows.count(), 1 + (194 - 16 + stride - 1) / stride);
    for (const auto& [position, context] : targets_of(windows, 5)) {
      const int64_t label = position - 4;  // of the split
      EXPECT_EQ(context, label < 16 ? label + 1 : 16 - stride + 1 + (label - 16) % stride);
    }
  }
  EXPECT_EQ(EvalWindows(*corpus, {0, 9}, {.length = 16, .stride = 3}).count(), 1);
}

TEST(EvalWindows, LengthsShareTheirTargetsByScore) {
  const Counting corpus(230);
  const Split split{11, 229};
  for (const int64_t length : {64, 16, 32, 17, 4}) {
    const EvalWindows windows(*corpus, split, {.length = length, .score = 4, .longest = 64});
    const auto targets = targets_of(windows, 5);
    for (const auto& [position, context] : targets) {
      EXPECT_EQ(context, length - 3 + (position - targets.begin()->first) % 4);
    }
    EXPECT_EQ(windows.targets().begin, 11 + 1 + 64 - 4);
    EXPECT_EQ(windows.targets().end, 229);  // also the rest of a block
  }
}

// A score of the whole length is the plain form.
TEST(EvalWindows, ScoreOfTheLengthLiesEndToEnd) {
  const Counting corpus(77);
  const EvalWindows plain(*corpus, corpus.all(), {.length = 10}),
      scored(*corpus, corpus.all(), {.length = 10, .score = 10}),
      apart(*corpus, corpus.all(), {.length = 10, .stride = 10});
  EXPECT_EQ(targets_of(plain, 2), targets_of(scored, 3));
  EXPECT_EQ(targets_of(plain, 2), targets_of(apart, 3));
}

TEST(EvalWindows, RowsPastTheLastWindowAreBlank) {
  const Counting corpus(38);
  const EvalWindows windows(*corpus, corpus.all(), {.length = 20});
  ASSERT_EQ(windows.count(), 2);
  Rows rows(3 * 20);
  windows.fill(0, rows.view());
  EXPECT_EQ(rows.labels[36], 37);
  for (size_t i = 37; i < 60; ++i) {
    EXPECT_EQ(rows.tokens[i], 0);
    EXPECT_EQ(rows.labels[i], kNoLabel);
    EXPECT_EQ(rows.first_key[i], 0);
  }
}

// First keys do not go back, so that tiles of keys can be skipped.
TEST(EvalWindows, ARestBelongsToTheLastDocument) {
  const ScratchFolder folder;
  const std::vector<Path> paths{folder.put("a", "abc"), folder.put("b", "de")};
  const Corpus corpus = Corpus::open(paths, ByteTokenizer());
  const EvalWindows windows(corpus, {0, corpus.size()}, {.length = 8, .width = 8});
  Rows rows(8);
  windows.fill(0, rows.view());
  EXPECT_EQ(rows.labels, (std::vector<int32_t>{'b', 'c', 0, 'd', 'e', -1, -1, -1}));
  EXPECT_EQ(rows.first_key, (std::vector<int32_t>{0, 0, 0, 3, 3, 3, 3, 3}));
}

TEST(EvalWindows, AtMostSoManyLabels) {
  const Counting corpus(230);
  for (const int64_t most : {1, 3, 10, 55, 10000}) {
    const int64_t got = std::min<int64_t>(most, 229);
    const EvalWindows plain(*corpus, corpus.all(), {.length = 10, .max_labels = most});
    EXPECT_EQ(static_cast<int64_t>(targets_of(plain, 4).size()), got);
    const EvalWindows strided(*corpus, corpus.all(),
                              {.length = 10, .stride = 3, .max_labels = most});
    EXPECT_EQ(static_cast<int64_t>(targets_of(strided, 4).size()), got);
    const EvalWindows scored(*corpus, corpus.all(),
                             {.length = 16, .score = 4, .longest = 64, .max_labels = most});
    EXPECT_EQ(static_cast<int64_t>(targets_of(scored, 4).size()), std::min<int64_t>(most, 169));
  }
}

TEST(EvalWindows, RefusesWhatCannotBe) {
  const Counting corpus(20);
  const auto refuse = [&](ErrorCode code, const char* part, Split split,
                          const EvalOptions& options) {
    expect_error(code, part, [&] { EvalWindows(*corpus, split, options); });
  };
  const Split all = corpus.all();
  refuse(ErrorCode::input, "a text of at least 2 tokens, got 1", {19, 20}, {.length = 4});
  refuse(ErrorCode::input, "a text of at least 2 tokens, got 0", {20, 20}, {.length = 4});
  EXPECT_EQ(EvalWindows(*corpus, all, {.length = 4, .score = 2, .longest = 20}).labels(), 1);
  refuse(ErrorCode::input, "a text of at least 21 tokens, got 20", all,
         {.length = 4, .score = 2, .longest = 21});
  refuse(ErrorCode::config, "length 4, stride 0, score 5", all, {.length = 4, .score = 5});
  refuse(ErrorCode::config, "length 4, stride 5, score 0", all, {.length = 4, .stride = 5});
  refuse(ErrorCode::config, "stride 2, score 2", all, {.length = 4, .stride = 2, .score = 2});
  refuse(ErrorCode::config, "length 0", all, {.length = 0});
  refuse(ErrorCode::config, "length -4", all, {.length = -4});
}

TEST(EvalSequence, TakesOneTextAfterAnother) {
  const Counting corpus(40);
  const auto part = [&](int64_t begin, int64_t end) {
    return EvalWindows(*corpus, {begin, end}, {.length = 4, .width = 4});
  };
  const EvalSequence both({part(0, 10), part(10, 12), part(20, 29)});
  ASSERT_EQ(both.count(), 3 + 1 + 2);
  for (const int64_t batch : {1, 2, 4, 7}) {
    std::vector<int32_t> labels;
    for (int64_t first = 0; first < both.count(); first += batch) {
      Rows rows(batch * 4);
      both.fill(first, rows.view());
      for (const int32_t label : rows.labels) {
        if (label != kNoLabel) labels.push_back(label);
      }
    }
    EXPECT_EQ(labels, (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 21, 22, 23, 24, 25, 26,
                                            27, 28}));
  }
}

}  // namespace
}  // namespace weft
