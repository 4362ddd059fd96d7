#include "infer/scored_run.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"

namespace weft {
namespace {

constexpr int64_t kPositionsAtATime = 4096;

int64_t rows_at_a_time(const EvalBatches& rows, const ScoredRun::Options& options) {
  const int64_t fit = std::max<int64_t>(1, kPositionsAtATime / options.length);
  return std::min(rows.count(), options.batch > 0 ? options.batch : fit);
}

}  // namespace

ScoredRun::ScoredRun(const Model& model, const EvalBatches& rows, const Options& options)
    : rows_(rows),
      length_(options.length),
      batch_(rows_at_a_time(rows, options)),
      built_(build(model.config, model.layout,
                   {.mode = Mode::evaluate,
                    .dtype = compute_dtype(model),
                    .batch = batch_,
                    .time = length_,
                    .runtime = options.runtime},
                   options.axes)),
      tokens_(static_cast<size_t>(batch_ * length_)),
      labels_(tokens_.size()),
      first_key_(model.config.document_separator >= 0 ? tokens_.size() : 0) {
  Bindings bindings;
  bindings.inputs = {tokens_.data()};
  bindings.parameters = parameter_pointers(built_, model.parameters);
  built_.program.bind(bindings);
}

ScoreSum ScoredRun::operator()(const std::function<void(int64_t)>& on_batch) {
  ScoreSum sum;
  for (int64_t first = 0; first < rows_.count(); first += batch_) {
    rows_.fill(first, {.tokens = tokens_, .labels = labels_, .first_key = first_key_});
    built_.program.run({.batch = batch_,
                        .time = length_,
                        .first_key = first_key_.empty() ? nullptr : first_key_.data(),
                        .labels = labels_.data()});
    sum.add(built_, labels_);
    on_batch(std::min(first + batch_, rows_.count()));
  }
  if (sum.labels() == 0 || std::isfinite(sum.mean().loss)) return sum;
  fail(ErrorCode::runtime, {"evaluation", "a finite loss", std::to_string(sum.mean().loss),
                            "the weights hold a NaN or an infinity, or overflow"});
}

}  // namespace weft
