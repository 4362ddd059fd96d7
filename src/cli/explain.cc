// weft explain: parameters, FLOPs, memory, KV-cache plan and wiring, without building the model.
#include "model/explain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/explain_json.h"
#include "cli/explain_weights.h"
#include "cli/model_arguments.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/atomic.h"
#include "io/json.h"
#include "model/config_json.h"
#include "model/designs.h"
#include "model/draw.h"
#include "model/gains_in_layout.h"
#include "model/picture.h"
#include "train/checkpoint_writer.h"
#include "train/programs.h"
#include "train/run_config.h"

namespace weft::cli {
namespace {

/// A configuration, and the type in which keys and values would be cached.
struct Subject {
  RunConfig config;
  DType cached = DType::f32;
};

Subject read_checkpoint_config(const std::string& folder) {
  const io::Path file = find_checkpoint(folder) / "config.json";
  const nlohmann::json json = io::read_json(file);
  Subject s{{config_from_json(json, file.string()), {}, {}}, DType::f32};
  for (const char* key : {"torch_dtype", "dtype"}) {  // transformers 5 writes the latter
    const auto type = json.find(key);
    if (type != json.end() && *type == "bfloat16") s.cached = DType::bf16;
    if (type != json.end() && *type == "float64") s.cached = DType::f64;
  }
  return s;
}

Subject read_subject(const std::string& source, const std::vector<std::string>& settings) {
  std::vector<io::Override> overrides;
  for (const std::string& text : settings) overrides.push_back(io::parse_override(text));
  std::error_code ignored;
  if (!std::filesystem::is_directory(source, ignored)) {
    Subject s{load_run_config(source, overrides)};
    s.cached = s.config.train.precision;
    return s;
  }
  const io::Path run = io::Path(source) / "config.toml";
  if (std::filesystem::is_regular_file(run, ignored)) {
    // Whatever it trains in, its checkpoints hold f32, in which generate computes then.
    return {load_run_config(run.string(), overrides), DType::f32};
  }
  if (!overrides.empty()) {
    fail(ErrorCode::usage,
         {"weft explain: --set", "a configuration, a design or a run to override", "a checkpoint"});
  }
  return read_checkpoint_config(source);
}

/// Builds the programs of a run of this configuration, and nothing else of it.
MemoryPlan plan_training(const RunConfig& config, const Layout& layout, const Runtime& runtime) {
  const double angles = 4.0 * static_cast<double>(config.model.context * config.model.head_dim);
  if (angles > usable_memory() / 4) {
    fail(ErrorCode::config, {"explain: model.context", "a context that this machine can plan for",
                             std::to_string(config.model.context),
                             "tables of positions alone would take " + human_bytes(angles)});
  }
  const auto parameters = parameter_list(config.model, layout);
  MemoryPlan plan = plan_memory(build_training(config.model, layout, config.train, runtime),
                                config.model, parameters, config.train, config.data.mask_documents);
  add_snapshot(plan, snapshot_bytes(parameters, config.train), config.train, usable_memory());
  return plan;
}

std::string memory_text(const TrainConfig& train, const MemoryPlan& m) {
  std::string out = fmt::format("\nmemory to train, {}, batch {}{}\n", name_of(train.precision),
                                train.batch, train.recompute ? ", recomputing" : "");
  const auto line = [&](const char* what, double bytes) {
    out += fmt::format("  {:<14}{:>16}\n", what, human_bytes(bytes));
  };
  line("parameters", m.parameters);
  line("gradients", m.gradients);
  line("optimizer", m.optimizer);
  line("activations", m.activations);
  line("tables", m.tables);
  line("products", m.products);
  line("batches", m.batches);
  line("snapshot", m.snapshot);
  line("together", m.total());
  return out;
}

/// What the user calls it: a file without its ending, a run or model folder, a step of a run; ""
/// for a design.
std::string name_of_subject(const std::string& source) {
  std::error_code ignored;
  if (!std::filesystem::exists(source, ignored)) return "";
  const io::Path path = std::filesystem::weakly_canonical(source, ignored);
  if (!std::filesystem::is_directory(path, ignored)) return path.stem().string();
  if (path.parent_path().filename() != "checkpoints") return path.filename().string();
  return path.parent_path().parent_path().filename().string() + ", " + path.filename().string();
}

/// The learned coefficients of a model folder in the place of the first ones. A run without a
/// checkpoint has none yet, and a configuration that `settings` changed is no longer the model's.
bool put_trained_gains(const std::string& source, const std::vector<std::string>& settings,
                       Layout& layout) {
  std::error_code ignored;
  if (!settings.empty() || !std::filesystem::is_directory(source, ignored)) return false;
  io::Path checkpoint;
  try {
    checkpoint = find_checkpoint(source);
  } catch (const Error&) {
    if (std::filesystem::exists(io::Path(source) / "config.toml", ignored)) return false;
    throw;
  }
  return set_gains(layout, io::SafeTensors::open(checkpoint / "model.safetensors"));
}

class ExplainVerb final : public Verb {
 public:
  std::string_view name() const override { return "explain"; }
  std::string_view summary() const override {
    return "Parameters, FLOPs, memory, KV-cache plan and wiring of a configuration";
  }
  std::vector<Example> examples() const override {
    return {{"weft explain resformer --set model.dim=512 --set model.layers=12",
             "a design at another size: what it costs and how it is wired"},
            {"weft explain runs/first --svg wiring.svg", "a picture of a trained model's wiring"}};
  }

  void declare(Flags& flags) override {
    flags.text("WHAT", what_, "a TOML file, a design, or a run or model folder")
        .such_as(design_names())
        .required();
    flags.settings(settings_);
    flags.integer("--context", context_, {1, int64_t{1} << 30},
                  "tokens of a window and in the cache (the model's context)");
    flags.word("--svg", svg_, "a file for a picture of the wiring");
  }

  int run(const Invocation& invocation) override {
    const Subject subject = read_subject(what_, settings_);
    const ModelConfig& model = subject.config.model;
    const Layout layout = derive_layout(model);
    const Explanation e = explain(model, layout, context_, size_of(subject.cached));
    const MemoryPlan memory = plan_training(subject.config, layout, invocation.runtime);
    if (!svg_.empty()) {
      Layout drawn = layout;
      const bool trained = put_trained_gains(what_, settings_, drawn);
      io::write_atomic(svg_, wiring_picture(model, drawn, e, {name_of_subject(what_), trained}));
    }
    const std::optional<StoredWeights> weights = stored(layout);
    if (invocation.json) {
      nlohmann::json document = explain_json(model, layout, e, memory, subject.cached);
      if (weights) add_weights(*weights, document);
      invocation.console.result(io::to_json_text(document));
      return 0;
    }
    invocation.console.result(explain_text(model, e) + memory_text(subject.config.train, memory) +
                              "\n" + draw_wiring(model, layout, invocation.console.width()) +
                              (weights ? weights_text(*weights) : ""));
    return 0;
  }

 private:
  /// Of the folder as it is: a configuration that was overridden is another than its weights have.
  std::optional<StoredWeights> stored(const Layout& layout) const {
    std::error_code ignored;
    if (!settings_.empty() || !std::filesystem::is_directory(what_, ignored)) return {};
    return read_stored_weights(what_, layout);
  }

  std::string what_, svg_;
  std::vector<std::string> settings_;
  int64_t context_ = 0;
};

}  // namespace

std::unique_ptr<Verb> make_explain() {
  return std::make_unique<ExplainVerb>();
}

}  // namespace weft::cli
