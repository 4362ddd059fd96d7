#include "infer/evaluate.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "infer/scored_run.h"

namespace weft {
namespace {

std::vector<EvalWindows> windows_of(const Corpus& corpus, Split split,
                                    std::span<const int64_t> lengths, int64_t max_tokens) {
  if (lengths.empty()) fail(ErrorCode::usage, {"eval: lengths", "one or more", "none"});
  for (const int64_t length : lengths) {
    if (length < 1) {
      fail(ErrorCode::usage, {"eval: lengths", "1 or more", std::to_string(length)});
    }
  }
  if (lengths.size() > 1) return eval_windows_by_length(corpus, split, lengths, max_tokens);
  return {EvalWindows(corpus, split, {.length = lengths[0], .max_tokens = max_tokens})};
}

}  // namespace

std::vector<LengthLoss> evaluate(const Model& model, const Corpus& corpus, Split split,
                                 std::span<const int64_t> lengths, const EvaluateOptions& options) {
  const std::vector<EvalWindows> windows = windows_of(corpus, split, lengths, options.max_tokens);
  if (options.on_start) options.on_start();
  double total = 0, done = 0;
  for (size_t i = 0; i < windows.size(); ++i) {
    total += static_cast<double>(windows[i].count() * lengths[i]);
  }
  std::vector<LengthLoss> results;
  for (size_t i = 0; i < windows.size(); ++i) {
    ScoredRun run(model, windows[i],
                  {.length = lengths[i],
                   .batch = options.batch,
                   .runtime = options.runtime,
                   .axes = options.axes});
    const double loss = run([&](int64_t n) {
                          if (!options.on_progress) return;
                          options.on_progress((done + static_cast<double>(n * lengths[i])) / total);
                        }).loss;
    done += static_cast<double>(windows[i].count() * lengths[i]);
    results.push_back({.length = lengths[i],
                       .targets = windows[i].targets(),
                       .loss = loss,
                       .bits_per_byte = loss / (std::numbers::ln2 * corpus.bytes_per_token()),
                       .perplexity = std::exp(loss)});
  }
  return results;
}

}  // namespace weft
