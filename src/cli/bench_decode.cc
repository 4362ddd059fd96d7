#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/compare.h"
#include "base/error.h"
#include "base/random.h"
#include "cli/bench.h"
#include "cli/bench_decode_models.h"
#include "cli/table.h"
#include "infer/session.h"
#include "model/explain.h"

namespace weft::cli {
namespace {

constexpr int64_t kPrompt = 512;  // tokens of a prefill
constexpr int64_t kShort = 32;    // tokens in the cache while decoding: the weights are the work
constexpr int64_t kBatch = 16;    // sequences of the batched rows
constexpr int64_t kLong = 16384;  // tokens in the cache of the rows on long contexts

/// Rows of batch 1 and then of a batch, to compare.
struct Rates {
  double one = 0, many = 0;  // tokens per second
};

std::vector<double> logits_of(const Session& session) {
  std::vector<double> logits(static_cast<size_t>(session.vocab()));
  session.logits(0, logits);
  return logits;
}

/// The largest difference of two rows of logits, relative to the largest logit.
double apart(const std::vector<double>& got, const std::vector<double>& want) {
  double error = 0, scale = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    error = std::max(error, std::abs(got[i] - want[i]));
    scale = std::max(scale, std::abs(want[i]));
  }
  return error / scale;
}

/// Token by token, and in a batch, must give what one feed gives.
void check_decoding(const Model& model, const Runtime& runtime) {
  constexpr int64_t kTokens = 24;
  const std::vector<int32_t> tokens = bench_tokens(kTokens, model.config.vocab);
  Session whole(model, {.context = kTokens, .runtime = runtime});
  Session single(model, {.context = kTokens, .runtime = runtime});
  Session batch(model, {.batch = kBatch, .context = kTokens, .chunk = 1, .runtime = runtime});
  whole.feed(tokens);
  for (const int32_t& token : tokens) {
    single.feed({&token, 1});
    batch.feed(std::vector<int32_t>(static_cast<size_t>(kBatch), token));
  }
  const double limit = compute_dtype(model) == DType::bf16 ? 3e-2 : 1e-4;
  for (const Session* session : {&single, &batch}) {
    const double error = apart(logits_of(*session), logits_of(whole));
    if (error <= limit) continue;
    fail(ErrorCode::runtime, {"bench decode", "token by token as in one feed",
                              fmt::format("a difference of {:.1e}", error), "see weft check"});
  }
}

/// FLOPs of a prompt: of the matrices that every token goes through, of the head once, of causal
/// attention.
double prefill_flops(const Model& model, int64_t tokens) {
  const ModelConfig& c = model.config;
  const auto n = static_cast<double>(tokens);
  double matrices = 0;
  for (const ParameterSpec& spec : model.parameters.specs()) {
    const bool per_token =
        spec.group == ParameterGroup::attention || spec.group == ParameterGroup::ffn;
    if (per_token) matrices += static_cast<double>(spec.shape.numel());
  }
  const double head = static_cast<double>(c.vocab * c.dim);
  const double attention = static_cast<double>(2 * c.layers * c.heads * c.head_dim) * n * n;
  return 2 * n * matrices + 2 * head + attention;
}

BenchResult bench_prefill(const std::string& name, const Model& model, const Runtime& runtime) {
  Session session(model, {.context = kPrompt, .runtime = runtime});
  const std::vector<int32_t> prompt = bench_tokens(kPrompt, model.config.vocab);
  const Timing timing = time_runs([&] { session.truncate(0), session.feed(prompt); }, 0.6, 3);
  BenchResult r = timed(name, timing, prefill_flops(model, kPrompt), compute_dtype(model));
  r.tokens_per_second = static_cast<double>(kPrompt) / timing.median;
  return r;
}

/// Steps of `batch` sequences that have `length` tokens each in the cache.
BenchResult bench_steps(const std::string& name, const Model& model, const Runtime& runtime,
                        int64_t batch, int64_t length, double seconds) {
  constexpr int64_t kSteps = 96;  // before the session goes back
  Session session(model, {.batch = batch,
                          .context = length + kSteps,
                          .chunk = std::max<int64_t>(1, std::min(kPrompt, length) / batch),
                          .runtime = runtime});
  session.feed(bench_tokens(batch * length, model.config.vocab));
  const std::vector<int32_t> next = bench_tokens(batch, model.config.vocab);
  MemoryBeside memory(runtime);
  const Timing timing = time_runs(
      [&] {
        if (session.length() == session.context()) session.truncate(length);
        session.feed(next);
      },
      seconds, 16);
  BenchResult r = timed_memory(name, timing, {0, weight_bytes_of_a_step(model)}, memory.around());
  r.tokens_per_second = static_cast<double>(batch) / timing.median;
  r.note = fmt::format("{:.1f} GB/s of weights; cache {}", r.rate,
                       human_bytes(static_cast<double>(session.cache_bytes())));
  return r;
}

/// The rows of one model in one precision, and which of them are wanted.
struct Rows {
  Rows(const BenchContext& context, const std::string& model)
      : prefill(fmt::format("prefill {} T={}", model, kPrompt)),
        one(fmt::format("decode {} batch 1", model)),
        many(fmt::format("decode {} batch {}", model, kBatch)),
        wants_prefill(context.wanted(prefill)),
        wants_one(context.wanted(one)),
        wants_many(context.wanted(many)) {}
  bool any() const { return wants_prefill || wants_one || wants_many; }

  std::string prefill, one, many;
  bool wants_prefill, wants_one, wants_many;
};

void bench_model(const Rows& rows, const Model& model, const Runtime& runtime,
                 std::vector<BenchResult>& results) {
  if (!rows.any()) return;
  check_decoding(model, runtime);
  if (rows.wants_prefill) results.push_back(bench_prefill(rows.prefill, model, runtime));
  if (!rows.wants_one && !rows.wants_many) return;
  BenchResult one = bench_steps(rows.one, model, runtime, 1, kShort, 1.2);
  const double tokens_of_one = *one.tokens_per_second;
  if (rows.wants_one) results.push_back(std::move(one));
  if (!rows.wants_many) return;
  BenchResult many = bench_steps(rows.many, model, runtime, kBatch, kShort, 1.2);
  many.ratio = *many.tokens_per_second / tokens_of_one;
  many.note = fmt::format("{:.1f}x the tokens/s of one; {}", *many.ratio, many.note);
  results.push_back(std::move(many));
}

/// The mean loss of a fixed text, in nats per token, each token after those before it.
double loss_of(const Model& model, const Runtime& runtime) {
  constexpr int64_t kTokens = 96;
  const std::vector<int32_t> text = bench_tokens(kTokens + 1, model.config.vocab);
  Session session(model, {.context = kTokens, .chunk = 1, .runtime = runtime});
  double loss = 0;
  for (size_t i = 0; i < static_cast<size_t>(kTokens); ++i) {
    session.feed({&text[i], 1});
    const std::vector<double> logits = logits_of(session);
    const double most = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const double x : logits) sum += std::exp(x - most);
    loss += std::log(sum) + most - logits[static_cast<size_t>(text[i + 1])];
  }
  return loss / static_cast<double>(kTokens);
}

/// The model of 124 M parameters in all three precisions, from the same values.
void bench_large(const BenchContext& context, std::vector<BenchResult>& results) {
  const Runtime& runtime = context.runtime;
  const Rows f32(context, "f32 124M tied"), bf16(context, "bf16 124M tied"),
      int8(context, "int8 124M tied");
  if (!f32.any() && !bf16.any() && !int8.any()) return;
  const Model model = large_model();
  bench_model(f32, model, runtime, results);
  const double exact = int8.wants_one ? loss_of(model, runtime) : 0;
  Model half = in_bf16(model);
  bench_model(bf16, half, runtime, results);
  half.parameters.quantise(half.config.tie_embeddings);  // activations stay bf16
  bench_model(int8, half, runtime, results);
  const double rounded = int8.wants_one ? loss_of(half, runtime) : 0;
  for (BenchResult& r : results) {
    if (r.name != int8.one) continue;
    r.note =
        fmt::format("loss {:.4f}, {:+.5f} nats beside f32; {}", rounded, rounded - exact, r.note);
  }
}

/// What shared caches save: one model size, a long context.
void bench_long(const BenchContext& context, std::vector<BenchResult>& results) {
  double first = 0;
  for (const char* design : {"transformer", "svformer", "cla"}) {
    const std::string name = fmt::format("decode {} f32 dim 384 x 6 after {}", design, kLong);
    if (!context.wanted(name)) continue;
    BenchResult r = bench_steps(name, small_model(design), context.runtime, 1, kLong, 1);
    if (first == 0) first = *r.tokens_per_second;
    r.ratio = *r.tokens_per_second / first;
    r.note = fmt::format("{:.2f}x the tokens/s of the first; {}", *r.ratio, r.note);
    r.bound = Bound::none;  // most of what is read is the cache
    results.push_back(std::move(r));
  }
}

}  // namespace

std::vector<BenchResult> bench_decode(const BenchContext& context) {
  std::vector<BenchResult> results;
  bench_large(context, results);
  if (context.all) bench_long(context, results);
  return results;
}

}  // namespace weft::cli
