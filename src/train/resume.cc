#include "train/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace weft {
namespace {

constexpr const char* kSteps = "steps";
constexpr const char* kRates[] = {kSteps,   "schedule",      "lr", "min_lr", "warmup_lr",
                                  "warmup", "decay_fraction"};
constexpr std::string_view kRecord = "# after step ";

std::string text_of(const char* key, const io::Value& value) {
  io::Value line;
  line.at(key) = value;
  std::string text = io::to_toml(line);  // "lr = 0.001\n"
  text.pop_back();
  return text.substr(text.find('=') + 2);
}

bool is_asked(const std::vector<std::string>& asked, const std::string& key) {
  return std::find(asked.begin(), asked.end(), key) != asked.end();
}

// True where the file says that a tenth of the rate was meant, or nothing at all.
bool follows_lr(const io::Value& train) {
  const io::Value *lr = train.find("lr"), *least = train.find("min_lr");
  if (lr == nullptr || least == nullptr) return false;
  const double *rate = lr->as<double>(), *min = least->as<double>();
  return rate != nullptr && min != nullptr && *min == *rate / 10;
}

}  // namespace

std::vector<ConfigChange> check_resumed(const RunConfig& stored, const RunConfig& config,
                                        const std::vector<std::string>& asked,
                                        const io::Path& file) {
  const io::Value before = write_run_config(stored);
  io::Value now = write_run_config(config);
  std::vector<ConfigChange> changes;
  for (const char* key : kRates) {
    const io::Value& old = *before.find("train")->find(key);
    io::Value& other = now.at("train").at(key);
    if (old == other) continue;
    const std::string path = std::string("train.") + key;
    const bool follows = path == "train.min_lr" && is_asked(asked, "train.lr");
    if (key != kSteps && !follows && !is_asked(asked, path)) {
      fail(ErrorCode::config,
           {"config: " + path, text_of(key, old) + ", as in " + file.string(), text_of(key, other),
            fmt::format("--set {}={} changes it from here on", path, text_of(key, other))});
    }
    changes.push_back({path, text_of(key, old), text_of(key, other)});
    other = old;
  }
  const std::string key = first_difference(before, now);
  if (!key.empty()) {
    fail(ErrorCode::config,
         {"config: " + key, "the value in " + file.string(), "another",
          "when a run is resumed, only train.steps, learning rate and schedule may change"});
  }
  if (config.train.steps < stored.train.steps) {
    fail(ErrorCode::config, {"config: train.steps", fmt::format("at least {}", stored.train.steps),
                             std::to_string(config.train.steps), "it may only grow"});
  }
  return changes;
}

RunConfig load_resumed_config(const std::string& file, const std::vector<io::Override>& overrides,
                              const Axes& axes, const TaskRegistry& tasks) {
  io::Value root = io::read_toml(file);
  const auto sets = [&](const char* key) {
    return std::any_of(overrides.begin(), overrides.end(), [&](const io::Override& o) {
      return o.path == io::KeyPath{"train", key};
    });
  };
  io::Value* train = root.find("train") == nullptr ? nullptr : &root.at("train");
  if (train != nullptr && train->is<io::Value::Table>() && sets("lr") && !sets("min_lr") &&
      follows_lr(*train)) {
    std::erase_if(*train->as<io::Value::Table>(),
                  [](const io::Field& field) { return field.key == "min_lr"; });
  }
  for (const io::Override& o : overrides) io::set_path(root, o.path, o.value);
  return read_run_config(root, file, axes, tasks);
}

std::string config_text(const RunConfig& config, std::string_view before,
                        const std::vector<ConfigChange>& changes, int64_t step) {
  std::string record;
  for (size_t at = 0; at < before.size();) {
    const size_t end = std::min(before.find('\n', at), before.size());
    const std::string_view line = before.substr(at, end - at);
    if (line.starts_with(kRecord)) record += std::string(line) + "\n";
    at = end + 1;
  }
  for (const ConfigChange& c : changes) {
    record += fmt::format("{}{}: {} = {}, was {}\n", kRecord, step, c.key, c.now, c.before);
  }
  if (!record.empty()) record = "# Changed when the run was resumed:\n" + record + "\n";
  return record + io::to_toml(write_run_config(config));
}

std::vector<std::string> rate_notes(const TrainConfig& config, const TrainConfig* stored,
                                    int64_t step) {
  std::vector<std::string> notes;
  if (step >= config.steps) return notes;
  if (config.warmup >= config.steps && config.steps > 1 && config.warmup_lr != config.lr) {
    notes.push_back(fmt::format(
        "the warm-up of {} steps takes the whole run of {}: the learning rate climbs to the last "
        "step; --set train.warmup={} leaves time at {:.3g}",
        config.warmup, config.steps, config.steps / 10, config.lr));
  }
  if (stored == nullptr || step == 0) return notes;
  const double now = config.rates().rate(step + 1), was = stored->rates().rate(step + 1);
  if (std::abs(now - was) <= 1e-3 * std::max(now, was)) return notes;
  std::string note = fmt::format("the learning rate is {:.3g} from step {} on", now, step + 1);
  note += fmt::format(", after {:.3g} at step {}", stored->rates().rate(step), step);
  const bool stretched = config.schedule == stored->schedule && config.lr == stored->lr &&
                         config.min_lr == stored->min_lr && config.steps != stored->steps;
  if (stretched) {
    note += fmt::format(
        ": {} steps in the place of {} stretch the {} schedule; --set train.schedule=constant "
        "--set train.lr={:.3g} keeps the rate",
        config.steps, stored->steps, name_of(config.schedule), stored->rates().rate(step));
  }
  notes.push_back(std::move(note));
  return notes;
}

}  // namespace weft
