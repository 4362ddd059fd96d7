#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/compare.h"
#include "base/error.h"
#include "base/random.h"
#include "cli/bench.h"
#include "cli/table.h"
#include "infer/session.h"
#include "model/config_toml.h"

namespace weft::cli {
namespace {

constexpr int64_t kPrompt = 512;

std::vector<int32_t> random_tokens(int64_t n, int64_t vocab) {
  const Random random(9, "bench.prompt");
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < n; ++i) {
    tokens.push_back(
        static_cast<int32_t>(random.below(static_cast<uint64_t>(i), static_cast<uint64_t>(vocab))));
  }
  return tokens;
}

std::vector<double> logits_of(const Session& session) {
  std::vector<double> logits(static_cast<size_t>(session.vocab()));
  session.logits(0, logits);
  return logits;
}

/// Token by token must give what one feed gives.
void check_decoding(const Model& model, const Runtime& runtime) {
  const std::vector<int32_t> tokens = random_tokens(48, model.config.vocab);
  Session whole(model, {.context = 48, .runtime = runtime});
  Session single(model, {.context = 48, .runtime = runtime});
  whole.feed(tokens);
  for (const int32_t& token : tokens) single.feed({&token, 1});
  const std::vector<double> want = logits_of(whole), got = logits_of(single);
  double error = 0, scale = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    error = std::max(error, std::abs(got[i] - want[i]));
    scale = std::max(scale, std::abs(want[i]));
  }
  const double limit = compute_dtype(model) == DType::bf16 ? 3e-2 : 1e-4;
  if (error <= limit * scale) return;
  fail(ErrorCode::runtime,
       {"bench decode", "token by token as in one feed",
        fmt::format("a difference of {:.1e}", error / scale), "see weft check"});
}

void bench_model(const BenchContext& context, const std::string& design, DType type,
                 std::vector<BenchResult>& results) {
  const std::string name = fmt::format("{} {} dim 384 x 6", design, name_of(type));
  const std::string prefill_row = fmt::format("prefill {} T={}", name, kPrompt);
  const std::string decode_row = fmt::format("decode {} after {}", name, kPrompt);
  const bool prefills = context.wanted(prefill_row), decodes = context.wanted(decode_row);
  if (!prefills && !decodes) return;
  const WeightCopies copies = type == DType::bf16 ? WeightCopies::bf16 : WeightCopies::master;
  const Model model = make_model(design_config(design), 1, DType::f32, copies);
  check_decoding(model, context.runtime);
  Session session(model, {.context = 4 * kPrompt, .runtime = context.runtime});
  const std::vector<int32_t> prompt = random_tokens(kPrompt, model.config.vocab);
  const Timing prefill = time_runs([&] { session.truncate(0), session.feed(prompt); }, 0.5, 3);
  results.push_back(timed(prefill_row, prefill));
  results.back().tokens_per_second = static_cast<double>(kPrompt) / prefill.median;
  const int32_t token = 1;
  const Timing decode = time_runs(
      [&] {
        if (session.length() == session.context()) session.truncate(kPrompt);
        session.feed({&token, 1});
      },
      1, 64);
  // Every weight is read once a token; what the cache adds is little beside it at this length.
  const double bytes = static_cast<double>(model.parameters.bytes());
  BenchResult r = timed_memory(decode_row, decode, {0, bytes});
  r.tokens_per_second = 1 / decode.median;
  r.note =
      "of the memory bandwidth; cache " + human_bytes(static_cast<double>(session.cache_bytes()));
  results.push_back(std::move(r));
}

}  // namespace

std::vector<BenchResult> bench_decode(const BenchContext& context) {
  std::vector<std::string> names = {"transformer"};
  if (context.all) {
    for (const char* more : {"resformer", "svformer", "sla", "stick-breaking"}) {
      names.emplace_back(more);
    }
  }
  std::vector<BenchResult> results;
  for (const std::string& design : names) {
    for (const DType type : {DType::f32, DType::bf16}) {
      bench_model(context, design, type, results);
    }
  }
  return results;
}

}  // namespace weft::cli
