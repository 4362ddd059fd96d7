// Every task against an oracle that knows nothing of how it was made, and against its law.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/tasks/copy.h"
#include "data/tasks/task_batches.h"
#include "data/tasks/task_file.h"
#include "io/testing.h"

namespace weft {
namespace {

using Given = std::map<std::string, Arg>;
using io::expect_error;
using Ids = std::vector<int32_t>;

struct Sequence {
  Ids tokens, labels;
};

struct Source {
  Source(const std::string& name, const Given& given, TaskSizes of, uint64_t seed = 3,
         TaskPurpose purpose = TaskPurpose::train)
      : sizes(of), stream(configure_task(name, given), of, seed, purpose) {}

  Sequence operator()(int64_t n) const {
    Sequence s{Ids(static_cast<size_t>(sizes.length), -7), Ids(s.tokens)};
    stream.fill(n, {s.tokens, s.labels});
    return s;
  }

  TaskSizes sizes;
  TaskStream stream;
};

bool is_key(int32_t id, int64_t vocab) {
  return id >= 1 && id < vocab / 2;
}

// The values that each key is given, in order, in the first `assignments` pairs.
std::map<int32_t, Ids> dictionary(const Ids& tokens, size_t assignments) {
  std::map<int32_t, Ids> values;
  for (size_t i = 0; i < assignments; ++i) values[tokens[2 * i]].push_back(tokens[2 * i + 1]);
  return values;
}

// Checks a sequence of associative recall from its tokens alone.
void expect_recall(const Sequence& s, int64_t vocab, size_t pairs, size_t assignments,
                   size_t back) {
  const std::map<int32_t, Ids> values = dictionary(s.tokens, assignments);
  EXPECT_EQ(values.size(), pairs);
  std::set<int32_t> seen;
  for (const auto& [key, list] : values) {
    EXPECT_TRUE(is_key(key, vocab)) << key;
    EXPECT_GE(list.size(), back);
    for (const int32_t value : list) {
      EXPECT_GE(value, vocab / 2);
      EXPECT_LT(value, vocab);
      EXPECT_TRUE(seen.insert(value).second) << value << " twice";
    }
  }
  std::set<int32_t> asked;
  for (size_t t = 0; t < s.tokens.size(); ++t) {
    EXPECT_GE(s.tokens[t], 0);
    EXPECT_LT(s.tokens[t], vocab);
    if (s.labels[t] == kNoLabel) continue;
    EXPECT_GE(t, 2 * assignments);
    EXPECT_EQ(t % 2, 0u);
    EXPECT_TRUE(asked.insert(s.tokens[t]).second) << s.tokens[t] << " asked twice";
    const Ids& list = values.at(s.tokens[t]);
    EXPECT_EQ(s.labels[t], list[list.size() - back]);
  }
  EXPECT_EQ(asked.size(), pairs);
}

TEST(Tasks, MqarIsARecallOfPairs) {
  struct Case {
    int64_t vocab, length, pairs;
  };
  for (const Case c :
       {Case{4, 4, 1}, {256, 64, 4}, {256, 64, 16}, {255, 65, 16}, {8192, 512, 64}}) {
    const Source source("mqar", {{"pairs", c.pairs}}, {c.vocab, c.length});
    const auto n = static_cast<size_t>(c.pairs);
    for (int64_t s = 0; s < 50; ++s) expect_recall(source(s), c.vocab, n, n, 1);
  }
}

TEST(Tasks, MqrarAsksForTheValueSoManyTimesBack) {
  struct Case {
    int64_t length, pairs, assignments, back;
  };
  for (const Case c : {Case{24, 4, 8, 1}, {64, 4, 0, 1}, {96, 4, 16, 3}, {40, 4, 12, 3}}) {
    const Source source("mqrar",
                        {{"pairs", c.pairs}, {"assignments", c.assignments}, {"back", c.back}},
                        {128, c.length});
    const int64_t all = c.assignments == 0 ? 2 * c.pairs * c.back : c.assignments;
    for (int64_t s = 0; s < 50; ++s) {
      expect_recall(source(s), 128, static_cast<size_t>(c.pairs), static_cast<size_t>(all),
                    static_cast<size_t>(c.back));
    }
  }
}

TEST(Tasks, InductionAsksWhatFollowedTheLastTime) {
  const Source source("induction", {{"symbols", int64_t{9}}}, {64, 50});
  for (int64_t n = 0; n < 50; ++n) {
    const Sequence s = source(n);
    std::map<int32_t, int32_t> followed;  // token -> what followed it the last time
    for (size_t t = 0; t < s.tokens.size(); ++t) {
      if (t > 0) followed[s.tokens[t - 1]] = s.tokens[t];
      const auto known = followed.find(s.tokens[t]);
      EXPECT_EQ(s.labels[t], known == followed.end() ? kNoLabel : known->second) << t;
    }
    EXPECT_LE(std::set<int32_t>(s.tokens.begin(), s.tokens.end()).size(), 9u);
  }
}

TEST(Tasks, CopyRepeatsWhatStandsBetweenTheSeparators) {
  for (const int64_t given : {0, 5}) {
    const Source source("copy", {{"segment", given}}, {32, 24});
    for (int64_t n = 0; n < 50; ++n) {
      const Sequence s = source(n);
      const auto first = std::find(s.tokens.begin(), s.tokens.end(), 0);
      const auto second = std::find(first + 1, s.tokens.end(), 0);
      const Ids segment(first + 1, second);
      EXPECT_EQ(segment.size(), given == 0 ? 11u : 5u);
      EXPECT_EQ(std::count(s.tokens.begin(), s.tokens.end(), 0), 2);
      const auto separator = second - s.tokens.begin();
      for (ptrdiff_t t = 0; t < 24; ++t) {
        const auto at = static_cast<size_t>(t);
        if (t < separator) {
          EXPECT_EQ(s.labels[at], kNoLabel);
          continue;
        }
        ASSERT_LT(static_cast<size_t>(t - separator), segment.size());
        EXPECT_EQ(s.labels[at], segment[static_cast<size_t>(t - separator)]);
        if (t > separator) {
          EXPECT_EQ(s.tokens[at], s.labels[at - 1]);
        }
      }
      EXPECT_EQ(separator + static_cast<ptrdiff_t>(segment.size()), 24);
    }
  }
}

// Sum over cells of (seen - expected)^2 / expected, for `n` draws.
double chi_square(const std::vector<double>& seen, const std::vector<double>& law, double n) {
  double sum = 0;
  for (size_t i = 0; i < law.size(); ++i) {
    sum += (seen[i] - n * law[i]) * (seen[i] - n * law[i]) / (n * law[i]);
  }
  return sum;
}

// A value above which a right law lies once in a thousand (Wilson and Hilferty).
double chi_square_limit(double freedom) {
  const double v = 2 / (9 * freedom);
  return freedom * std::pow(1 - v + 3.0902 * std::sqrt(v), 3);
}

// With two keys: the first query lies at x by p(x) ~ (x+1)^(0.01-1), the second by the law of
// what is left then: p(x) * sum over y != x of p(y) / (1 - p(y)).
TEST(Tasks, QueriesKeepToTheLawOfTheGaps) {
  constexpr int kSequences = 40000, kPlaces = 18;
  const Source source("mqar", {{"pairs", int64_t{2}}}, {64, 4 + 2 * kPlaces});
  std::vector<double> first(kPlaces), second(kPlaces), p(kPlaces), q(kPlaces);
  for (int64_t n = 0; n < kSequences; ++n) {
    const Sequence s = source(n);
    for (size_t x = 0; x < kPlaces; ++x) {
      if (s.labels[4 + 2 * x] == kNoLabel) continue;
      (s.labels[4 + 2 * x] == s.tokens[1] ? first : second)[x] += 1;
    }
  }
  double sum = 0;
  for (size_t x = 0; x < kPlaces; ++x) {
    sum += p[x] = std::pow(static_cast<double>(x) + 1, 0.01 - 1);
  }
  for (double& one : p) one /= sum;
  for (size_t x = 0; x < kPlaces; ++x) {
    for (size_t y = 0; y < kPlaces; ++y) q[x] += x == y ? 0 : p[x] * p[y] / (1 - p[y]);
  }
  const double limit = chi_square_limit(kPlaces - 1);
  EXPECT_LT(chi_square(first, p, kSequences), limit);
  EXPECT_LT(chi_square(second, q, kSequences), limit);
  // The test sees a difference: the laws are not each other's, nor that of exponent -1.1.
  EXPECT_GT(chi_square(second, p, kSequences), 10 * limit);
  std::vector<double> steeper(kPlaces);
  for (size_t x = 0; x < kPlaces; ++x) steeper[x] = std::pow(static_cast<double>(x) + 1, -1.1);
  double steep = 0;
  for (const double one : steeper) steep += one;
  for (double& one : steeper) one /= steep;
  EXPECT_GT(chi_square(first, steeper, kSequences), limit);
}

TEST(Tasks, KeysValuesAndTheRestAreEven) {
  constexpr int kSequences = 4000, kVocab = 32;
  const Source source("mqar", {{"pairs", int64_t{3}}}, {kVocab, 20});
  std::vector<double> keys(15), values(16), rest(kVocab);
  double others = 0;
  for (int64_t n = 0; n < kSequences; ++n) {
    const Sequence s = source(n);
    for (size_t i = 0; i < 3; ++i) {
      keys[static_cast<size_t>(s.tokens[2 * i] - 1)] += 1;
      values[static_cast<size_t>(s.tokens[2 * i + 1] - kVocab / 2)] += 1;
    }
    for (size_t t = 6; t < 20; ++t) {
      if (s.labels[t] != kNoLabel) continue;
      rest[static_cast<size_t>(s.tokens[t])] += 1;
      others += 1;
    }
  }
  EXPECT_LT(chi_square(keys, std::vector<double>(15, 1.0 / 15), 3 * kSequences),
            chi_square_limit(14));
  EXPECT_LT(chi_square(values, std::vector<double>(16, 1.0 / 16), 3 * kSequences),
            chi_square_limit(15));
  EXPECT_LT(chi_square(rest, std::vector<double>(kVocab, 1.0 / kVocab), others),
            chi_square_limit(kVocab - 1));
}

TEST(Tasks, DistinctDrawsAreEveryArrangementEquallyOften) {
  const Random random(1, "test");
  std::map<Ids, double> seen;
  constexpr int64_t kDraws = 12000;
  for (int64_t n = 0; n < kDraws; ++n) {
    Ids ids(2);
    Draws draws(random, n);
    draw_distinct(draws, 10, 4, {ids.data(), 2});
    seen[ids] += 1;
  }
  ASSERT_EQ(seen.size(), 12u);
  std::vector<double> counts;
  for (const auto& [ids, count] : seen) counts.push_back(count);
  EXPECT_LT(chi_square(counts, std::vector<double>(12, 1.0 / 12), kDraws), chi_square_limit(11));
}

TEST(Tasks, SequencesDependOnSeedPurposeAndNumberAlone) {
  const TaskRegistry tasks;
  for (const TaskInfo* info : tasks.all()) {
    const std::string name(info->name);
    const Source source(name, {}, {64, 32});
    const Sequence seventh = source(7);
    for (int64_t n = 0; n < 7; ++n) EXPECT_NE(source(n).tokens, seventh.tokens) << name;
    EXPECT_EQ(source(7).tokens, seventh.tokens) << name;
    EXPECT_EQ(source(7).labels, seventh.labels) << name;
    EXPECT_NE(Source(name, {}, {64, 32}, 4)(7).tokens, seventh.tokens) << name;
    for (const TaskPurpose other : {TaskPurpose::validation, TaskPurpose::test}) {
      EXPECT_NE(Source(name, {}, {64, 32}, 3, other)(7).tokens, seventh.tokens) << name;
    }
  }
}

TEST(TaskBatches, EveryBatchCanBeMadeAgainHoweverItIsCut) {
  const TaskSettings task =
      configure_task("mqar", {{"length", int64_t{16}}, {"pairs", int64_t{2}}});
  const TaskStream stream(task, {64, 16}, 9, TaskPurpose::train);
  constexpr int64_t kTime = 20;
  const TaskBatches whole(stream, 4, 1, kTime), halves(stream, 2, 2, kTime);
  Ids tokens(4 * kTime), labels(tokens), half(2 * kTime), half_labels(half), first_key(half);
  whole.fill(5, 0, {tokens, labels});
  for (int64_t micro = 1; micro >= 0; --micro) {
    first_key.assign(first_key.size(), 9);
    halves.fill(5, micro, {half, half_labels, first_key});
    EXPECT_TRUE(std::equal(half.begin(), half.end(), tokens.begin() + micro * 2 * kTime));
    EXPECT_TRUE(
        std::equal(half_labels.begin(), half_labels.end(), labels.begin() + micro * 2 * kTime));
    EXPECT_EQ(first_key, Ids(first_key.size(), 0));
  }
  for (size_t row = 0; row < 4; ++row) {  // behind the sequence there is nothing
    for (size_t t = 16; t < kTime; ++t) {
      EXPECT_EQ(tokens[row * kTime + t], 0);
      EXPECT_EQ(labels[row * kTime + t], kNoLabel);
    }
  }
}

TEST(TaskSet, HoldsSoManySequencesAndBlankRowsBehind) {
  const TaskStream stream(configure_task("copy", {}), {16, 8}, 1, TaskPurpose::validation);
  const TaskSet set(stream, 5, 8);
  EXPECT_EQ(set.count(), 5);
  Ids tokens(4 * 8, -7), labels(tokens), one(8), one_labels(8);
  set.fill(4, {tokens, labels});
  stream.fill(4, {one, one_labels});
  EXPECT_TRUE(std::equal(one.begin(), one.end(), tokens.begin()));
  EXPECT_TRUE(std::all_of(tokens.begin() + 8, tokens.end(), [](int32_t id) { return id == 0; }));
  EXPECT_TRUE(
      std::all_of(labels.begin() + 8, labels.end(), [](int32_t l) { return l == kNoLabel; }));
}

TEST(Tasks, RefuseWhatCannotBeMade) {
  const auto bad = [](const std::string& name, const Given& given, TaskSizes sizes,
                      const char* part) {
    expect_error(ErrorCode::config, part, [&] { make_task(configure_task(name, given), sizes); });
  };
  bad("mqa", {}, {256, 64}, "mqar");
  bad("mqar", {{"pair", int64_t{3}}}, {256, 64}, "\"pairs\"");
  bad("mqar", {{"pairs", int64_t{0}}}, {256, 64}, "data.task_args.pairs");
  bad("mqar", {{"pairs", std::string("many")}}, {256, 64}, "an integer");
  bad("mqar", {{"pairs", int64_t{17}}}, {256, 64}, "at least 68 tokens");
  bad("mqar", {{"pairs", int64_t{4}}}, {8, 64}, "model.vocab");
  bad("mqar", {{"pairs", int64_t{1}}}, {3, 64}, "model.vocab");
  bad("mqrar", {{"back", int64_t{2}}, {"assignments", int64_t{7}}}, {256, 64}, "at least 8");
  bad("mqrar", {{"assignments", int64_t{29}}}, {256, 64}, "at least 66 tokens");
  bad("mqrar", {{"assignments", int64_t{20}}}, {32, 64}, "at most 16");
  bad("induction", {{"symbols", int64_t{65}}}, {256, 64}, "at most 64");
  bad("induction", {{"symbols", int64_t{9}}}, {8, 64}, "at most 8");
  bad("copy", {{"segment", int64_t{32}}}, {256, 64}, "at least 65 tokens");
  bad("copy", {}, {256, 2}, "at least 3 tokens");
  bad("copy", {}, {256, (int64_t{1} << 20) + 1}, "1048576");
  EXPECT_NO_THROW(make_task(configure_task("copy", {}), {2, 3}));
  expect_error(ErrorCode::config, "model.context", [] {
    TaskSet(TaskStream(configure_task("copy", {}), {16, 9}, 1, TaskPurpose::test), 1, 8);
  });
}

TEST(TaskRegistry, TakesTasksOfAProgram) {
  static const TaskInfo mine = {.name = "mine",
                                .source = "",
                                .what = "",
                                .args = {},
                                .make = [](const Args&, TaskSizes sizes) -> std::unique_ptr<Task> {
                                  return std::make_unique<Copy>(sizes, 1);
                                }};
  TaskRegistry tasks;
  tasks.add(mine);
  EXPECT_NE(make_task(configure_task("mine", {}, "args", tasks), {4, 3}, tasks), nullptr);
  expect_error(ErrorCode::usage, "new name", [&] { tasks.add(mine); });
  expect_error(ErrorCode::config, "there are mqar", [] { TaskRegistry().find("mine"); });
}

TEST(TaskFile, ComesBackAsItWas) {
  const io::ScratchFolder folder;
  const TaskSettings task = configure_task("mqrar", {{"pairs", int64_t{3}}, {"back", int64_t{2}}});
  write_task(folder / "task.json", task);
  EXPECT_EQ(read_task(folder / "task.json"), task);
  for (const char* bad :
       {"[]", "{}", R"({"task": 3, "task_args": {}})", R"({"task": "mqar", "task_args": []})",
        R"({"task": "mqar", "task_args": {"pairs": null}})",
        R"({"task": "mqar", "task_args": {"pairs": {"a": 1}}})"}) {
    expect_error(ErrorCode::input, "task_args", [&] { read_task(folder.put("bad", bad)); });
  }
  expect_error(ErrorCode::config, "bad: task_args.pairs", [&] {
    read_task(folder.put("bad", R"({"task": "mqar", "task_args": {"pairs": -1}})"));
  });
  expect_error(ErrorCode::input, "No such file", [&] { read_task(folder / "absent"); });
}

}  // namespace
}  // namespace weft
