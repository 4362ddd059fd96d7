#include "data/batches.h"

#include <gtest/gtest.h>

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
  const EvalWindows windows(corpus, {0, corpus.size()}, {8});
  Rows rows(8);
  windows.fill(0, rows.view());
  EXPECT_EQ(rows.tokens, (std::vector<int32_t>{'a', 'b', 'c', 0, 'd', 'e', 'f', 'g'}));
  EXPECT_EQ(rows.first_key, (std::vector<int32_t>{0, 0, 0, 3, 3, 3, 3, 3}));
}

// The corpus positions of all labels, in order, and how much context each has in its window.
std::map<int64_t, int64_t> targets_of(const EvalWindows& windows, int64_t length, int64_t batch) {
  std::map<int64_t, int64_t> context;
  for (int64_t first = 0; first < windows.count(); first += batch) {
    Rows rows(batch * length);
    windows.fill(first, rows.view());
    for (size_t i = 0; i < rows.labels.size(); ++i) {
      if (rows.labels[i] == kNoLabel) continue;
      EXPECT_EQ(rows.labels[i], (rows.tokens[i] + 1) % 251);
      const bool fresh =
          context.emplace(rows.labels[i], 1 + static_cast<int64_t>(i) % length).second;
      EXPECT_TRUE(fresh) << "a token is scored twice";
    }
  }
  return context;
}

TEST(EvalWindows, LieEndToEndAndScoreEveryPosition) {
  const Counting corpus(200);
  for (const int64_t length : {1, 7, 10, 99, 199}) {
    const EvalWindows windows(*corpus, corpus.all(), {length});
    EXPECT_EQ(windows.count(), 199 / length);
    EXPECT_EQ(windows.targets(), 199 / length * length);
    const auto targets = targets_of(windows, length, 3);
    EXPECT_EQ(static_cast<int64_t>(targets.size()), windows.targets());
    EXPECT_EQ(targets.begin()->first, 1);
    EXPECT_EQ(targets.rbegin()->first, windows.targets());
  }
}

TEST(EvalWindows, RowsPastTheLastWindowAreBlank) {
  const Counting corpus(41);
  const EvalWindows windows(*corpus, corpus.all(), {20});
  ASSERT_EQ(windows.count(), 2);
  Rows rows(3 * 20);
  windows.fill(0, rows.view());
  for (size_t i = 40; i < 60; ++i) {
    EXPECT_EQ(rows.tokens[i], 0);
    EXPECT_EQ(rows.labels[i], kNoLabel);
    EXPECT_EQ(rows.first_key[i], 0);
  }
  EXPECT_EQ(rows.labels[39], 40);
}

TEST(EvalWindows, LengthsShareTheirTargets) {
  const Counting corpus(230);
  const std::vector<int64_t> lengths{64, 16, 32, 17};
  const Split split{11, 229};
  const std::vector<EvalWindows> windows = eval_windows_by_length(*corpus, split, lengths, 0);
  std::set<int64_t> first;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto targets = targets_of(windows[i], lengths[i], 5);
    std::set<int64_t> positions;
    for (const auto& [position, context] : targets) {
      positions.insert(position);
      EXPECT_GT(context, lengths[i] - 4);
      EXPECT_LE(context, lengths[i]);
    }
    EXPECT_EQ(static_cast<int64_t>(positions.size()), windows[i].targets());
    if (i == 0) first = positions;
    EXPECT_EQ(positions, first) << lengths[i];
  }
  EXPECT_EQ(*first.begin(), 11 + 64 - 4 + 1);
  EXPECT_GE(*first.rbegin(), 229 - 4);  // less than a block is left out
  EXPECT_LE(*first.rbegin(), 228);
}

TEST(EvalWindows, AtMostSoManyTokens) {
  const Counting corpus(230);
  EXPECT_EQ(EvalWindows(*corpus, corpus.all(), {10, 0, 0, 55}).targets(), 50);
  EXPECT_EQ(EvalWindows(*corpus, corpus.all(), {10, 0, 0, 3}).targets(), 10);
  EXPECT_EQ(EvalWindows(*corpus, corpus.all(), {10, 0, 0, 10000}).targets(), 220);
  const auto windows =
      eval_windows_by_length(*corpus, corpus.all(), std::vector<int64_t>{64, 16}, 41);
  EXPECT_EQ(windows[0].targets(), 40);
  EXPECT_EQ(windows[1].targets(), 40);
}

TEST(EvalWindows, RefusesWhatCannotBe) {
  const Counting corpus(20);
  EXPECT_EQ(EvalWindows(*corpus, corpus.all(), {19}).count(), 1);
  EXPECT_EQ(EvalWindows(*corpus, corpus.all(), {4, 2, 19}).count(), 1);
  expect_error(ErrorCode::input,
               "more than 20 tokens, a window, got 20; use more text, or windows of at most 19",
               [&] { EvalWindows(*corpus, corpus.all(), {20}); });
  expect_error(ErrorCode::input, "more than 20 tokens", [&] {
    EvalWindows(*corpus, corpus.all(), {4, 2, 20});
  });
  expect_error(ErrorCode::input, "more than 4 tokens, a window, got 0", [&] {
    EvalWindows(*corpus, {20, 20}, {4});
  });
  expect_error(ErrorCode::config, "length 4, score 5", [&] {
    EvalWindows(*corpus, corpus.all(), {4, 5});
  });
  expect_error(ErrorCode::config, "length 0", [&] { EvalWindows(*corpus, corpus.all(), {0}); });
  expect_error(ErrorCode::config, "length -4", [&] { EvalWindows(*corpus, corpus.all(), {-4}); });
  expect_error(ErrorCode::config, "at least one length",
               [&] { eval_windows_by_length(*corpus, corpus.all(), {}, 0); });
}

}  // namespace
}  // namespace weft
