#include "infer/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "infer/scored_run.h"

namespace weft {
namespace {

void check(std::span<const int64_t> lengths, const EvaluateOptions& o) {
  if (lengths.empty()) fail(ErrorCode::usage, {"eval: lengths", "one or more", "none"});
  const int64_t shortest = *std::min_element(lengths.begin(), lengths.end());
  if (shortest < 1) {
    fail(ErrorCode::usage, {"eval: lengths", "1 or more", std::to_string(shortest)});
  }
  if (o.stride > 0 && o.score > 0) {
    fail(ErrorCode::usage, {"eval: stride", "a stride or a score", "both",
                            "score N starts a window every N tokens by itself"});
  }
  const auto within = [&](const char* what, int64_t value) {
    if (value >= 0 && value <= shortest) return;
    fail(ErrorCode::usage,
         {std::string("eval: ") + what, fmt::format("1 to {}, the shortest length", shortest),
          std::to_string(value)});
  };
  within("stride", o.stride);
  within("score", o.score);
}

/// One text at one length.
struct Task {
  size_t text, length;  // which
  EvalWindows windows;

  double work() const {
    return static_cast<double>(windows.count()) * static_cast<double>(windows.width());
  }
};

struct Sums {
  ScoreSum score;
  int64_t bytes = 0;

  void add(const Sums& other) {
    score.add(other.score);
    bytes += other.bytes;
  }
  LengthLoss mean(int64_t length) const {
    const Score mean = score.mean();
    const double nats = mean.loss * static_cast<double>(mean.labels);
    return {.length = length,
            .targets = mean.labels,
            .loss = mean.loss,
            .bits_per_byte = nats / (std::numbers::ln2 * static_cast<double>(bytes)),
            .perplexity = std::exp(mean.loss)};
  }
};

std::vector<Task> tasks_of(std::span<const Corpus* const> texts, std::span<const Split> splits,
                           std::span<const int64_t> lengths, const EvaluateOptions& options) {
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<Task> tasks;
  for (size_t t = 0; t < texts.size(); ++t) {
    for (size_t l = 0; l < lengths.size(); ++l) {
      const EvalOptions windows{.length = lengths[l],
                                .stride = options.stride,
                                .score = options.score,
                                .longest = longest,
                                .max_labels = options.max_tokens};
      tasks.push_back({t, l, EvalWindows(*texts[t], splits[t], windows)});
    }
  }
  return tasks;
}

TextLosses evaluate_splits(const Model& model, std::span<const Corpus* const> texts,
                           std::span<const Split> splits, std::span<const int64_t> lengths,
                           const EvaluateOptions& options) {
  check(lengths, options);
  const std::vector<Task> tasks = tasks_of(texts, splits, lengths, options);
  if (options.on_start) options.on_start();
  double total = 0, done = 0;
  for (const Task& task : tasks) total += task.work();
  TextLosses losses;
  losses.each.resize(texts.size());
  std::vector<Sums> whole(lengths.size());
  for (const Task& task : tasks) {
    const int64_t width = task.windows.width();
    ScoredRun run(model, task.windows,
                  {.length = width,
                   .batch = options.batch,
                   .runtime = options.runtime,
                   .axes = options.axes});
    const Split targets = task.windows.targets();
    const Sums sums{run([&](int64_t n) {
                      if (!options.on_progress) return;
                      options.on_progress((done + static_cast<double>(n * width)) / total);
                    }),
                    texts[task.text]->bytes(targets.begin, targets.end)};
    done += task.work();
    losses.each[task.text].push_back(sums.mean(lengths[task.length]));
    whole[task.length].add(sums);
  }
  for (size_t l = 0; l < lengths.size(); ++l) losses.whole.push_back(whole[l].mean(lengths[l]));
  return losses;
}

}  // namespace

std::vector<LengthLoss> evaluate(const Model& model, const Corpus& corpus, Split split,
                                 std::span<const int64_t> lengths, const EvaluateOptions& options) {
  const Corpus* const text = &corpus;
  return evaluate_splits(model, {&text, 1}, {&split, 1}, lengths, options).whole;
}

TextLosses evaluate_texts(const Model& model, std::span<const Corpus> texts,
                          std::span<const int64_t> lengths, const EvaluateOptions& options) {
  if (texts.empty()) fail(ErrorCode::usage, {"eval: texts", "one or more", "none"});
  std::vector<const Corpus*> pointers;
  std::vector<Split> splits;
  for (const Corpus& text : texts) {
    pointers.push_back(&text);
    splits.push_back({0, text.size()});
  }
  return evaluate_splits(model, pointers, splits, lengths, options);
}

}  // namespace weft
