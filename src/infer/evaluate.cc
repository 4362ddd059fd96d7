#include "infer/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "model/builder.h"

namespace weft {
namespace {

constexpr int64_t kTokensAtATime = 4096;

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

/// The windows of one length through a program of their own.
class LengthRun {
 public:
  LengthRun(const Model& model, const EvalWindows& windows, int64_t length,
            const EvaluateOptions& options)
      : windows_(windows),
        length_(length),
        batch_(std::min(windows.count(), options.batch > 0
                                             ? options.batch
                                             : std::max<int64_t>(1, kTokensAtATime / length))),
        built_(build(model.config, model.layout,
                     {.mode = Mode::evaluate,
                      .dtype = compute_dtype(model),
                      .batch = batch_,
                      .time = length,
                      .runtime = options.runtime},
                     options.axes)),
        tokens_(static_cast<size_t>(batch_ * length)),
        labels_(tokens_.size()) {
    Bindings bindings;
    bindings.inputs = {tokens_.data()};
    bindings.parameters = parameter_pointers(built_, model.parameters);
    built_.program.bind(bindings);
  }

  /// Mean loss; `on_batch` is told how many windows are done.
  double operator()(const std::function<void(int64_t)>& on_batch) {
    double sum = 0, count = 0;
    for (int64_t first = 0; first < windows_.count(); first += batch_) {
      windows_.fill(first, {.tokens = tokens_, .labels = labels_});
      built_.program.run({.batch = batch_, .time = length_, .labels = labels_.data()});
      const double scored = *built_.program.value(built_.count).as<double>();
      sum += *built_.program.value(built_.loss).as<double>() * scored;
      count += scored;
      on_batch(std::min(first + batch_, windows_.count()));
    }
    return sum / count;
  }

 private:
  const EvalWindows& windows_;
  int64_t length_, batch_;
  BuiltProgram built_;
  std::vector<int32_t> tokens_, labels_;  // [batch, length]
};

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
    const double loss = LengthRun(model, windows[i], lengths[i], options)([&](int64_t n) {
      if (options.on_progress) {
        options.on_progress((done + static_cast<double>(n * lengths[i])) / total);
      }
    });
    if (!std::isfinite(loss)) {
      fail(ErrorCode::runtime, {"evaluation", "a finite loss", std::to_string(loss),
                                "the weights hold a NaN or an infinity, or overflow"});
    }
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
