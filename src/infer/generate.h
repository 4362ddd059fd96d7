// Continuing a prompt.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "infer/sampler.h"
#include "infer/session.h"

namespace weft {

/// Feeds exactly `prompt` to a session of one sequence, then draws and feeds tokens one by one,
/// until `count` are drawn or `on_token` returns false. Returns the new tokens. A session that
/// already holds text is continued; the penalty of the sampler sees the prompt and the new tokens.
/// Throws Error(usage) at an empty prompt on an empty session, or where prompt and count do not fit
/// into its context.
std::vector<int32_t> generate(Session& session, std::span<const int32_t> prompt, int64_t count,
                              const SamplerOptions& options,
                              const std::function<bool(int32_t)>& on_token = {});

/// The drawing alone: goes on from a session that was fed `seen`, the last of it just now.
std::vector<int32_t> draw(Session& session, std::span<const int32_t> seen, int64_t count,
                          const SamplerOptions& options,
                          const std::function<bool(int32_t)>& on_token = {});

}  // namespace weft
