#include "infer/generate.h"

#include <fmt/format.h>

#include "base/error.h"

namespace weft {
namespace {

void check(const Session& session, std::span<const int32_t> prompt, int64_t count) {
  if (session.batch() != 1) {
    fail(ErrorCode::usage,
         {"generate", "a session of one sequence", fmt::format("one of {}", session.batch())});
  }
  if (prompt.empty()) {
    fail(ErrorCode::usage, {"generate: prompt", "at least one token", "an empty prompt",
                            "the model continues text, it needs some to begin with"});
  }
  if (count < 0) fail(ErrorCode::usage, {"generate: tokens", "0 or more", std::to_string(count)});
  const auto n = static_cast<int64_t>(prompt.size());
  // The last token is drawn, not fed.
  if (count > 0 && n + count - 1 > session.context() - session.length()) {
    fail(ErrorCode::usage,
         {"generate", fmt::format("at most {} tokens", session.context() - session.length() + 1),
          fmt::format("{} of prompt and {} new", n, count), "make a session of more context"});
  }
}

}  // namespace

std::vector<int32_t> draw(Session& session, std::span<const int32_t> fed, int64_t count,
                          const SamplerOptions& options,
                          const std::function<bool(int32_t)>& on_token) {
  Sampler sampler(options);
  std::vector<int32_t> seen(fed.begin(), fed.end()), drawn;
  std::vector<double> logits(static_cast<size_t>(session.vocab()));
  while (static_cast<int64_t>(drawn.size()) < count) {
    if (!drawn.empty()) session.feed({&drawn.back(), 1});
    session.logits(0, logits);
    const int32_t token = sampler.next(logits, seen, static_cast<uint64_t>(session.length()));
    drawn.push_back(token);
    seen.push_back(token);
    if (on_token && !on_token(token)) break;
  }
  return drawn;
}

std::vector<int32_t> generate(Session& session, std::span<const int32_t> prompt, int64_t count,
                              const SamplerOptions& options,
                              const std::function<bool(int32_t)>& on_token) {
  const Sampler checked(options);
  check(session, prompt, count);
  session.feed(prompt);
  return draw(session, prompt, count, options, on_token);
}

}  // namespace weft
