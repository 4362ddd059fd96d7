#include "infer/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace weft {
namespace {

// Logits of the probabilities 1/2, 1/4, 1/8, 1/8.
std::vector<double> halves() {
  return {std::log(0.5), std::log(0.25), std::log(0.125), std::log(0.125)};
}

void expect_distribution(const SamplerOptions& options, const std::vector<double>& logits,
                         const std::vector<int32_t>& seen, const std::vector<double>& want) {
  Sampler sampler(options);
  const std::vector<double> got = sampler.distribution(logits, seen);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-12) << "token " << i;
}

TEST(Sampler, PlainSoftmax) {
  expect_distribution({}, halves(), {}, {0.5, 0.25, 0.125, 0.125});
}

TEST(Sampler, Temperature) {
  // Temperature 1/2 squares the probabilities: 16 : 4 : 1 : 1 of 22.
  expect_distribution({.temperature = 0.5}, halves(), {}, {16. / 22, 4. / 22, 1. / 22, 1. / 22});
}

TEST(Sampler, TopKBreaksTiesTowardsTheSmallerId) {
  expect_distribution({.top_k = 3}, halves(), {}, {4. / 7, 2. / 7, 1. / 7, 0});
  expect_distribution({.top_k = 9}, halves(), {}, {0.5, 0.25, 0.125, 0.125});
}

TEST(Sampler, TopPKeepsTheTokenThatReachesIt) {
  expect_distribution({.top_p = 0.5}, halves(), {}, {1, 0, 0, 0});
  expect_distribution({.top_p = 0.6}, halves(), {}, {2. / 3, 1. / 3, 0, 0});
  expect_distribution({.top_p = 1e-9}, halves(), {}, {1, 0, 0, 0});
}

TEST(Sampler, MinPIsRelativeToTheLikeliest) {
  expect_distribution({.min_p = 0.3}, halves(), {}, {2. / 3, 1. / 3, 0, 0});
  expect_distribution({.min_p = 1}, halves(), {}, {1, 0, 0, 0});
}

TEST(Sampler, TopPCountsWhatTopKLeft) {
  // top-k leaves 2/3 and 1/3; the first reaches 0.6 alone. Without top-k two would be kept.
  expect_distribution({.top_k = 2, .top_p = 0.6}, halves(), {}, {1, 0, 0, 0});
}

// Ids that no tokenizer knows are never drawn, however likely; the others share what is left.
TEST(Sampler, DrawsKnownIdsOnly) {
  std::vector<double> logits = halves();
  logits.insert(logits.end(), {50, 60});
  const std::vector<double> want = {0.5, 0.25, 0.125, 0.125, 0, 0};
  expect_distribution({.known = 4}, logits, {}, want);
  expect_distribution({.top_k = 5, .known = 4}, logits, {}, want);
  expect_distribution({.repetition_penalty = 1.5, .known = 4}, {0, 0, 9, 9}, {3, 2}, [] {
    const double p = std::exp(6.) / (2 * std::exp(6.) + 2);
    return std::vector<double>{0.5 - p, 0.5 - p, p, p};
  }());
  expect_distribution({.known = 2}, {0, 0, 9}, {2, 2}, {0.5, 0.5, 0});
  EXPECT_EQ(Sampler({.temperature = 0, .known = 4}).next(logits, {}, 0), 0);
  EXPECT_EQ(Sampler({.temperature = 0, .known = 9}).next(logits, {}, 0), 5);  // more than there are
  for (uint64_t i = 0; i < 200; ++i) {
    EXPECT_LT(Sampler({.seed = i, .known = 4}).next(logits, {}, i), 4);
  }
  const double none = -std::numeric_limits<double>::infinity();
  EXPECT_THROW(Sampler({.known = 1}).next(std::vector<double>{none, 1}, {}, 0), Error);
  EXPECT_THROW(Sampler({.known = -1}), Error);
}

TEST(Sampler, RepetitionPenaltyShrinksEverySignOnce) {
  // 2 -> 1, -1 -> -2, however often they were seen.
  const double a = std::exp(1.), b = std::exp(-2.), c = std::exp(0.5), sum = a + b + c;
  expect_distribution({.repetition_penalty = 2}, {2, -1, 0.5}, {0, 1, 0, 0},
                      {a / sum, b / sum, c / sum});
}

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.next(std::vector<double>{-3, 5, 5, 1}, {}, 7), 1);
  Sampler penalised({.temperature = 0, .repetition_penalty = 10});
  EXPECT_EQ(penalised.next(std::vector<double>{-3, 5, 4, 1}, std::vector<int32_t>{1}, 7), 2);
}

TEST(Sampler, DrawsAreAFunctionOfSeedAndIndex) {
  Sampler a({.seed = 3}), b({.seed = 3}), other({.seed = 4});
  int differ = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    const int32_t token = a.next(halves(), {}, i);
    EXPECT_EQ(token, b.next(halves(), {}, i));
    differ += token != other.next(halves(), {}, i);
  }
  EXPECT_EQ(a.next(halves(), {}, 0), b.next(halves(), {}, 0)) << "order of draws matters";
  EXPECT_GT(differ, 50);
}

TEST(Sampler, FrequenciesFollowTheDistribution) {
  Sampler sampler({.top_k = 3, .seed = 11});
  std::vector<double> count(4, 0);
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    count[static_cast<size_t>(sampler.next(halves(), {}, static_cast<uint64_t>(i)))] += 1;
  }
  const std::vector<double> want = {4. / 7, 2. / 7, 1. / 7, 0};
  for (size_t t = 0; t < 4; ++t) {
    const double deviation = std::sqrt(want[t] * (1 - want[t]) / n);
    EXPECT_NEAR(count[t] / n, want[t], 4 * deviation) << "token " << t;
  }
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(Sampler({.temperature = -1}), Error);
  EXPECT_THROW(Sampler({.temperature = nan}), Error);
  EXPECT_THROW(Sampler({.top_k = -1}), Error);
  EXPECT_THROW(Sampler({.top_p = 0}), Error);
  EXPECT_THROW(Sampler({.top_p = nan}), Error);
  EXPECT_THROW(Sampler({.min_p = 1.5}), Error);
  EXPECT_THROW(Sampler({.repetition_penalty = 0}), Error);
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  const double inf = std::numeric_limits<double>::infinity();
  Sampler sampler({});
  EXPECT_THROW(sampler.next(std::vector<double>{0, std::nan("")}, {}, 0), Error);
  EXPECT_THROW(sampler.next(std::vector<double>{-inf, -inf}, {}, 0), Error);
  EXPECT_EQ(sampler.next(std::vector<double>{-inf, 0}, {}, 0), 1);
}

}  // namespace
}  // namespace weft
