// weft designs: what there is to choose from, and with --all every name and argument on the axes.
#include "model/designs.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/verb.h"
#include "data/tasks/task.h"
#include "io/json.h"
#include "model/axes.h"
#include "model/config_toml.h"

namespace weft::cli {
namespace {

using nlohmann::json;

/// A mechanism, position or wiring, as a user meets it.
struct Choice {
  std::string_view name, source, summary;
  std::span<const ArgSpec> args;
  std::vector<std::string> derived;  ///< arguments whose defaults follow from the model
};

struct Axis {
  const char* name;  ///< of the section and the JSON list
  const char* key;   ///< where it is chosen
  const char* args;  ///< where its arguments go
  std::vector<Choice> choices;
};

std::string_view arxiv_id(std::string_view source) {
  constexpr std::string_view kPrefix = "arXiv ";
  return source.starts_with(kPrefix) ? source.substr(kPrefix.size()) : source;
}

std::vector<Axis> axes_of(const Axes& axes) {
  Axis mechanisms{"mechanisms", "model.mechanism", "model.mechanism_args.", {}};
  for (const MechanismInfo* m : axes.mechanisms.all()) {
    mechanisms.choices.push_back({m->name, arxiv_id(m->source), m->formula, m->args, {}});
  }
  Axis positions{"positions", "model.position", "model.position_args.", {}};
  for (const PositionInfo* p : axes.positions.all()) {
    positions.choices.push_back({p->name, arxiv_id(p->source), p->formula, p->args, {}});
  }
  Axis wirings{"wirings", "model.wiring", "model.wiring_args.NAME.", {}};
  const ModelConfig usual = design_config("transformer");
  for (const WiringInfo& w : axes.wirings.all()) {
    Choice choice{w.name, arxiv_id(w.source), w.summary, w.args, {}};
    if (w.settle != nullptr) {
      for (const auto& [name, value] : w.settle(usual, Args(w.name, w.args, {}))) {
        choice.derived.push_back(name);
      }
    }
    wirings.choices.push_back(std::move(choice));
  }
  Axis tasks{"tasks", "data.task", "data.task_args.", {}};
  const TaskRegistry registry;
  for (const TaskInfo* t : registry.all()) {
    tasks.choices.push_back({t->name, arxiv_id(t->source), t->what, t->args, {}});
  }
  return {mechanisms, positions, wirings, tasks};
}

bool is_derived(const Choice& choice, const ArgSpec& arg) {
  return std::find(choice.derived.begin(), choice.derived.end(), arg.name) != choice.derived.end();
}

json to_json(const Arg& value) {
  return std::visit([](const auto& x) { return json(x); }, value);
}

json to_json(const Choice& choice) {
  json args = json::array();
  for (const ArgSpec& a : choice.args) {
    json arg{{"name", a.name}, {"help", a.help}};
    arg["default"] = is_derived(choice, a) ? json() : to_json(a.fallback);
    if (!a.choices.empty()) arg["choices"] = a.choices;
    args.push_back(arg);
  }
  return {{"name", choice.name},
          {"source", choice.source},
          {"summary", choice.summary},
          {"arguments", args}};
}

std::string all_json(const std::vector<Axis>& axes) {
  json j{{"designs", json::array()}};
  for (const Design& d : designs()) {
    j["designs"].push_back({{"name", d.name},
                            {"family", d.family},
                            {"source", d.source},
                            {"summary", d.summary},
                            {"mechanism", d.mechanism},
                            {"position", d.position},
                            {"wiring", d.wiring}});
  }
  for (const Axis& axis : axes) {
    json& list = j[axis.name] = json::array();
    for (const Choice& choice : axis.choices) list.push_back(to_json(choice));
  }
  return io::to_json_text(j);
}

/// Families in the order of their first design, so that a design may be registered anywhere.
std::string design_list() {
  std::vector<std::string_view> families;
  for (const Design& d : designs()) {
    if (std::find(families.begin(), families.end(), d.family) == families.end()) {
      families.push_back(d.family);
    }
  }
  std::string text;
  for (const std::string_view family : families) {
    text += fmt::format("{}{}\n", text.empty() ? "" : "\n", family);
    for (const Design& d : designs()) {
      if (d.family == family) text += fmt::format("  {:<16}{} ({})\n", d.name, d.summary, d.source);
    }
  }
  return text;
}

std::string argument_line(const Choice& choice, const ArgSpec& a) {
  const std::string value =
      is_derived(choice, a) ? "by the model"
      : std::holds_alternative<std::string>(a.fallback) && std::get<std::string>(a.fallback).empty()
          ? "\"\""
          : to_string(a.fallback);
  std::string line = fmt::format("{:<34}  {}", fmt::format("      {} = {}", a.name, value), a.help);
  if (!a.choices.empty()) line += fmt::format("; one of {}", fmt::join(a.choices, ", "));
  return line + "\n";
}

std::string axis_list(const Axis& axis) {
  std::string text = fmt::format("\n{}: {}, arguments {}*\n", axis.name, axis.key, axis.args);
  for (const Choice& choice : axis.choices) {
    text += fmt::format("  {:<16}{}", choice.name, choice.summary);
    text += choice.source.empty() ? "\n" : fmt::format(" ({})\n", choice.source);
    for (const ArgSpec& a : choice.args) text += argument_line(choice, a);
  }
  return text;
}

class DesignsVerb final : public Verb {
 public:
  std::string_view name() const override { return "designs"; }
  std::string_view summary() const override {
    return "The named designs; with --all also mechanisms, positions, wirings and tasks";
  }
  std::vector<Example> examples() const override {
    return {{"weft designs", "what can be named"},
            {"weft designs --all", "and out of which parts, with their arguments"}};
  }
  void declare(Flags& flags) override {
    flags.flag("--all", all_,
               "also mechanisms, positions, wirings and tasks, with their arguments");
  }

  int run(const Invocation& invocation) override {
    const std::vector<Axis> axes = axes_of(Axes());
    if (invocation.json) {
      invocation.console.result(all_json(axes));
      return 0;
    }
    std::string text = design_list();
    for (const Axis& axis : axes) text += all_ ? axis_list(axis) : std::string();
    if (!all_)
      text += "\nmechanisms, positions, wirings, tasks and their arguments: weft designs --all\n";
    invocation.console.result(text);
    return 0;
  }

 private:
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_designs() {
  return std::make_unique<DesignsVerb>();
}

}  // namespace weft::cli
