#include "model/builder_taps.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/head_rules.h"

namespace weft {

std::vector<HeadPlace> Taps::of(ValueId value, int count, int64_t width) {
  std::vector<HeadPlace> heads;
  for (int h = 0; h < count; ++h) heads.push_back({value, h * width});
  return heads;
}

std::vector<std::vector<HeadPlace>> Taps::keep(const std::vector<Tap>& taps, Graph& graph) const {
  std::vector<std::vector<HeadPlace>> kept;
  for (const Tap& tap : taps) {
    const auto at = heads_.find(tap);
    if (at == heads_.end()) {
      fail(ErrorCode::usage, {"program", "a tap of the model to keep",
                              fmt::format("{}[{}]", weft::name_of(tap.port), tap.layer), ""});
    }
    for (const HeadPlace& head : kept.emplace_back(at->second)) {
      if (head.value >= 0) graph.keep(head.value);
    }
  }
  return kept;
}

int InputList::index_of(ValueId value) {
  for (size_t i = 0; i < values_.size(); ++i) {
    if (values_[i] == value) return static_cast<int>(i);
  }
  values_.push_back(value);
  columns_.emplace_back();
  return static_cast<int>(values_.size()) - 1;
}

HeadRef InputList::head(const HeadPlace& place, int64_t width) {
  const int i = index_of(place.value);
  columns_[static_cast<size_t>(i)].insert({place.column, place.column + width});
  return {i, place.column};
}

int InputList::whole(ValueId value) {
  return index_of(value);
}

std::vector<Use> InputList::uses(const Graph& graph) const {
  std::vector<Use> out;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& v = graph.value(values_[i]);
    const int64_t width =
        v.role == Role::parameter ? v.desc.numel() : v.desc.shape[v.desc.shape.rank() - 1];
    const std::vector<Columns> gaps = columns_[i].gaps({0, width});
    if (columns_[i].empty() || gaps.empty() || v.role == Role::state) {
      out.emplace_back(values_[i]);
    } else {
      out.emplace_back(values_[i], columns_[i].ranges());
    }
  }
  return out;
}

}  // namespace weft
