#include "data/tasks/recall.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/batches.h"

namespace weft {
namespace {

constexpr double kPower = 0.01 - 1;  // of the law of the gaps

[[noreturn]] void refuse(const char* arg, std::string expected, int64_t got, std::string hint) {
  fail(ErrorCode::config, {std::string("config: data.task_args.") + arg, std::move(expected),
                           std::to_string(got), std::move(hint)});
}

void check(TaskSizes sizes, const AssociativeRecall::Options& o) {
  const int64_t keys = sizes.vocab / 2 - 1, values = sizes.vocab - sizes.vocab / 2;
  if (o.pairs > keys) {
    refuse("pairs", fmt::format("at most {}, the keys of a vocabulary of {}", keys, sizes.vocab),
           o.pairs, "enlarge model.vocab");
  }
  if (o.assignments > values) {
    refuse("assignments",
           fmt::format("at most {}, the values of a vocabulary of {}", values, sizes.vocab),
           o.assignments, "enlarge model.vocab");
  }
  if (o.assignments < o.pairs * o.back) {
    refuse("assignments",
           fmt::format("at least {}, every one of {} keys {} times", o.pairs * o.back, o.pairs,
                       o.back),
           o.assignments, "");
  }
  const int64_t least = 2 * o.assignments + 2 * o.pairs;
  if (least > sizes.length) {
    refuse("pairs",
           fmt::format("sequences of at least {} tokens for {} assignments and {} queries", least,
                       o.assignments, o.pairs),
           sizes.length, "use fewer pairs or a longer model.context");
  }
}

}  // namespace

AssociativeRecall::AssociativeRecall(TaskSizes sizes, Options options)
    : sizes_(sizes), options_(options) {
  check(sizes, options);
  const int64_t places = (sizes.length - 2 * options.assignments) / 2;
  for (int64_t x = 0; x < places; ++x) {
    weights_.push_back(std::pow(static_cast<double>(x + 1), kPower));
  }
}

// Keys at even places, values at odd ones. The first `pairs` keys all differ; the next repeat them
// until each is there `back` times; any may be among the rest.
void AssociativeRecall::assign(Draws& draws, int32_t* tokens) const noexcept {
  const auto [pairs, assignments, back] = options_;
  const Strided keys{tokens, assignments, 2}, values{tokens + 1, assignments, 2};
  draw_distinct(draws, 1, sizes_.vocab / 2 - 1, keys.head(pairs));
  for (int64_t i = pairs; i < assignments; ++i) {
    keys[i] = keys[i < pairs * back ? i % pairs : draws.below(pairs)];
  }
  shuffle(draws, keys);
  draw_distinct(draws, sizes_.vocab / 2, sizes_.vocab - sizes_.vocab / 2, values);
}

// One x among those not taken. `taken` are the labels behind the pairs: a query is there already
// where one is set.
int64_t AssociativeRecall::draw_gap(Draws& draws, const int32_t* taken) const noexcept {
  const auto places = static_cast<int64_t>(weights_.size());
  double total = 0;
  for (int64_t x = 0; x < places; ++x) {
    if (taken[2 * x] == kNoLabel) total += weights_[static_cast<size_t>(x)];
  }
  double left = draws.uniform() * total;
  int64_t drawn = 0;
  for (int64_t x = 0; x < places; ++x) {
    if (taken[2 * x] != kNoLabel) continue;
    drawn = x;
    left -= weights_[static_cast<size_t>(x)];
    if (left < 0) break;
  }
  return drawn;
}

int32_t AssociativeRecall::value_of(const int32_t* tokens, int32_t key) const noexcept {
  int64_t at = 2 * options_.assignments, times = 0;
  while (times < options_.back) times += tokens[at -= 2] == key ? 1 : 0;
  return tokens[at + 1];
}

void AssociativeRecall::fill(Draws& draws, std::span<int32_t> tokens,
                             std::span<int32_t> labels) const noexcept {
  std::fill(labels.begin(), labels.end(), kNoLabel);
  assign(draws, tokens.data());
  const int64_t context = 2 * options_.assignments;
  const auto rest = static_cast<size_t>(context);
  draw_ids(draws, 0, sizes_.vocab, tokens.subspan(rest));
  int32_t* const queries = tokens.data() + context;
  int32_t* const answers = labels.data() + context;
  for (int64_t i = 0; i < context; i += 2) {
    const int32_t key = tokens[static_cast<size_t>(i)];
    bool first = true;
    for (int64_t j = 0; j < i; j += 2) first = first && tokens[static_cast<size_t>(j)] != key;
    if (!first) continue;
    const int64_t at = 2 * draw_gap(draws, answers);
    queries[at] = key;
    answers[at] = value_of(tokens.data(), key);
  }
}

}  // namespace weft
