// What may change when a run is resumed, what is written down of it, and what a run's rates will
// do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/toml.h"
#include "train/run_config.h"

namespace weft {

/// A key whose value is another since the run was resumed, values as TOML spells them.
struct ConfigChange {
  std::string key, before, now;
};

/// The keys in which `config` differs from what the run was trained with so far. train.steps may
/// grow; of learning rate and schedule what is in `asked` ("train.lr"), and with train.lr also
/// train.min_lr. Throws Error(config) at any other. `file`: of `stored`, for messages.
std::vector<ConfigChange> check_resumed(const RunConfig& stored, const RunConfig& config,
                                        const std::vector<std::string>& asked,
                                        const io::Path& file);

/// The configuration that the run of `file` (its config.toml) is resumed with. A train.min_lr that
/// was a tenth of train.lr follows it, unless it is overridden itself. Throws as load_run_config.
RunConfig load_resumed_config(const std::string& file, const std::vector<io::Override>& overrides,
                              const Axes& axes = Axes(), const TaskRegistry& tasks = {});

/// config.toml: the resolved configuration, and above it, as comments, what was changed after which
/// step. `before`: the text so far, whose comments are kept.
std::string config_text(const RunConfig& config, std::string_view before,
                        const std::vector<ConfigChange>& changes, int64_t step);

/// What a user may not expect of the learning rate, one line each, with what to set: a warm-up that
/// takes the whole run, a rate that jumps because the run was resumed. `step`: updates done so far;
/// `stored`: the configuration of these, null where there are none.
std::vector<std::string> rate_notes(const TrainConfig& config, const TrainConfig* stored,
                                    int64_t step);

}  // namespace weft
