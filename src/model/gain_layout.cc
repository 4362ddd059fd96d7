#include "model/gain_layout.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace weft {
namespace {

// The gains of one name, while it is found out which of them are read.
struct Group {
  const Gain* like = nullptr;
  int columns = 1;
  int64_t heads = 0;           // gates: of their destinations
  std::vector<bool> read;      // by row
  std::vector<int64_t> place;  // row -> row of the tensor
  int tensor = -1, companion = -1;
};

class Placer {
 public:
  Placer(const ModelConfig& config, const std::vector<Wiring>& wirings, Layout& layout)
      : config_(config), layout_(layout) {
    for (const Wiring& w : wirings) {
      for (const Gain& g : w.gains) add(g);
    }
  }

  void run(HeadRules& rules) {
    for (const auto& [tap, rule] : rules) {
      for (const Term& t : rule.terms) {
        if (t.gain >= 0) mark(static_cast<size_t>(t.gain), tap);
      }
    }
    for (Group& group : groups_) make_tensors(group);
    place();
    for (auto& [tap, rule] : rules) {
      for (Term& t : rule.terms) {
        if (t.gain >= 0) t.gain = number_[static_cast<size_t>(t.gain)];
      }
    }
  }

 private:
  void add(const Gain& g) {
    // Gains of one tensor mostly stand side by side.
    size_t index = group_of_.empty() ? 0 : group_of_.back();
    if (groups_.empty() || groups_[index].like->tensor != g.tensor) {
      const auto [at, fresh] = names_.try_emplace(g.tensor, groups_.size());
      if (fresh) groups_.push_back({.like = &g, .read = {}, .place = {}});
      index = at->second;
    }
    Group& group = groups_[index];
    group.columns = std::max(group.columns, g.column + 1);
    group.read.resize(std::max(group.read.size(), static_cast<size_t>(g.row) + 1), false);
    gains_.push_back(&g);
    group_of_.push_back(index);
  }

  void mark(size_t gain, const HeadTap& reader) {
    Group& group = groups_[group_of_[gain]];
    group.read[static_cast<size_t>(gains_[gain]->row)] = true;
    if (gains_[gain]->kind == GainKind::gate) {
      group.heads = head_count(config_, reader.port, reader.layer);
    }
  }

  int tensor(const std::string& name, Shape shape, std::vector<double> init) {
    layout_.gain_tensors.push_back({name, shape, std::move(init)});
    return static_cast<int>(layout_.gain_tensors.size()) - 1;
  }

  void make_tensors(Group& group) {
    int64_t rows = 0;
    for (const bool read : group.read) {
      group.place.push_back(rows);
      rows += read ? 1 : 0;
    }
    if (rows == 0) return;
    const std::string& name = group.like->tensor;
    const int64_t columns = group.columns;
    const std::vector<double> zeros(static_cast<size_t>(rows * columns), 0.0);
    switch (group.like->kind) {
      case GainKind::scalar:
        group.tensor = tensor(name, columns == 1 ? Shape{rows} : Shape{rows, columns}, zeros);
        break;
      case GainKind::softmax_member:
        group.tensor = tensor(name + ".logits", {rows}, zeros);
        group.companion = tensor(name + ".factor", {1}, {group.like->factor});
        break;
      case GainKind::gate:
        group.tensor = tensor(name + ".weight", {rows, group.heads, config_.dim}, {});
        group.companion = tensor(name + ".bias", {rows, group.heads}, {});
        break;
    }
  }

  // Every gain of a row that is read has a place, though some columns may have no reader.
  void place() {
    number_.assign(gains_.size(), -1);
    for (size_t i = 0; i < gains_.size(); ++i) {
      const Gain& g = *gains_[i];
      const Group& group = groups_[group_of_[i]];
      if (!group.read[static_cast<size_t>(g.row)]) continue;
      GainRef ref{g.kind, group.tensor, group.place[static_cast<size_t>(g.row)], group.companion};
      if (g.kind == GainKind::gate) {
        ref.element *= group.heads * config_.dim;
      } else {
        ref.element = ref.element * group.columns + g.column;
        std::vector<double>& init = layout_.gain_tensors[static_cast<size_t>(ref.tensor)].init;
        init[static_cast<size_t>(ref.element)] = g.init;
      }
      number_[i] = static_cast<int>(layout_.gains.size());
      layout_.gains.push_back(ref);
    }
  }

  const ModelConfig& config_;
  Layout& layout_;
  std::vector<Group> groups_;
  std::unordered_map<std::string_view, size_t> names_;
  std::vector<const Gain*> gains_;  // of all wirings
  std::vector<size_t> group_of_;    // by gain
  std::vector<int> number_;         // by gain: its index in the layout
};

}  // namespace

void place_gains(const ModelConfig& config, const std::vector<Wiring>& wirings, HeadRules& rules,
                 Layout& layout) {
  Placer(config, wirings, layout).run(rules);
}

}  // namespace weft
