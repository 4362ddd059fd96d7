#include "infer/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace weft {
namespace {

void expect(bool holds, const char* option, const char* expected, double got) {
  if (!holds) {
    fail(ErrorCode::usage, {std::string("generate: ") + option, expected, fmt::format("{}", got)});
  }
}

}  // namespace

Sampler::Sampler(const SamplerOptions& options)
    : options_(options), random_(options.seed, "generate") {
  const auto finite = [](double x) { return std::isfinite(x); };
  expect(finite(options.temperature) && options.temperature >= 0, "temperature", "0 or more",
         options.temperature);
  expect(options.top_k >= 0, "top_k", "0 (all) or more", static_cast<double>(options.top_k));
  expect(options.known >= 0, "known", "0 (all) or more", static_cast<double>(options.known));
  expect(options.top_p > 0 && options.top_p <= 1, "top_p", "a number in (0, 1]", options.top_p);
  expect(options.min_p >= 0 && options.min_p <= 1, "min_p", "a number in [0, 1]", options.min_p);
  expect(finite(options.repetition_penalty) && options.repetition_penalty > 0, "repetition_penalty",
         "more than 0", options.repetition_penalty);
}

int32_t Sampler::next(std::span<const double> logits, std::span<const int32_t> seen,
                      uint64_t index) {
  gather(logits, seen);
  if (options_.temperature == 0) {
    return std::max_element(
               candidates_.begin(), candidates_.end(),
               [](const Candidate& a, const Candidate& b) { return a.weight < b.weight; })
        ->token;
  }
  filter();
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  double rest = random_.uniform(index) * total;
  for (const Candidate& c : candidates_) {
    rest -= c.weight;
    if (rest < 0) return c.token;
  }
  return candidates_.back().token;  // rounding used up the last of the sum
}

std::vector<double> Sampler::distribution(std::span<const double> logits,
                                          std::span<const int32_t> seen) {
  std::vector<double> p(logits.size(), 0.0);
  if (options_.temperature == 0) {
    p[static_cast<size_t>(next(logits, seen, 0))] = 1;
    return p;
  }
  gather(logits, seen);
  filter();
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  for (const Candidate& c : candidates_) p[static_cast<size_t>(c.token)] = c.weight / total;
  return p;
}

void Sampler::gather(std::span<const double> logits, std::span<const int32_t> seen) {
  const auto known = static_cast<size_t>(options_.known);
  const size_t count = known > 0 ? std::min(known, logits.size()) : logits.size();
  candidates_.resize(count);
  bool any = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == HUGE_VAL) {
      fail(ErrorCode::runtime,
           {"generate", "finite logits", fmt::format("{} for token {}", logits[i], i),
            "the weights are damaged, or training diverged"});
    }
    if (i >= count) continue;
    any |= std::isfinite(logits[i]);
    candidates_[i] = {static_cast<int32_t>(i), logits[i]};
  }
  if (!any) fail(ErrorCode::runtime, {"generate", "a finite logit", "none"});
  if (options_.repetition_penalty != 1) penalise(seen);
}

void Sampler::penalise(std::span<const int32_t> seen) {
  std::vector<bool> done(candidates_.size(), false);
  for (const int32_t token : seen) {
    const auto i = static_cast<size_t>(token);
    if (i >= done.size() || done[i]) continue;  // once, however often it was seen
    done[i] = true;
    double& z = candidates_[i].weight;
    z = z > 0 ? z / options_.repetition_penalty : z * options_.repetition_penalty;
  }
}

void Sampler::filter() {
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
  };
  const auto k = static_cast<size_t>(options_.top_k);
  if (k > 0 && k < candidates_.size()) {
    const auto middle = candidates_.begin() + options_.top_k;
    std::nth_element(candidates_.begin(), middle, candidates_.end(), likelier);
    candidates_.resize(k);
  }
  std::sort(candidates_.begin(), candidates_.end(), likelier);
  const double top = candidates_.front().weight;
  for (Candidate& c : candidates_) c.weight = std::exp((c.weight - top) / options_.temperature);
  keep_top_p();
  while (candidates_.back().weight < options_.min_p) candidates_.pop_back();
}

void Sampler::keep_top_p() {
  if (options_.top_p >= 1) return;
  double total = 0, sum = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  size_t kept = 0;
  while (kept < candidates_.size() && sum < options_.top_p * total) {
    sum += candidates_[kept++].weight;
  }
  candidates_.resize(kept);
}

}  // namespace weft
