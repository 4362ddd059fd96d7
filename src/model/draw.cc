#include "model/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "model/formula.h"
#include "model/head_rules.h"

namespace weft {
namespace {

constexpr int kLabel = 10;     // columns before the first layer
constexpr size_t kLines = 16;  // of formulas
constexpr const char* kOwn = "●";
constexpr const char* kBlend = "◆";
constexpr const char* kAlias = "○";
constexpr const char* kFurther = "⊕";

// The output of layer l is the input of layer l + 1: one column for both.
int column_of(const Tap& tap) {
  return tap.port == Port::y ? tap.layer + 1 : tap.layer;
}

struct Line {
  int source;
  std::set<int> readers;  // columns, right of the source
};

struct Row {
  Port port;
  Heads heads;
  std::string from;                // the port that is read, where it is another
  std::vector<const char*> marks;  // a column each; null where there are no such heads
  std::vector<Line> lines;         // by source
};

// The columns of one row of layers; deep models and narrow terminals have several rows.
class Canvas {
 public:
  Canvas(int first, int last, int width)
      : first_(first), last_(last), cell_(std::clamp((width - kLabel) / (last - first), 1, 6)) {}

  // Numbers of the layers. `norm`: the last column is the final norm, which is no layer.
  std::string header(const std::string& label, bool norm, int width) const {
    std::string line = fmt::format("{:<{}}", label, kLabel);
    const int digits = static_cast<int>(std::to_string(last_ - 1).size());
    int step = 1;
    for (const int s : {1, 2, 5, 10}) {
      step = s;
      if (s * cell_ > digits) break;
    }
    for (int c = first_; c < last_; c += step) {
      const int room = std::min(step, last_ - c) * cell_;
      const std::string number = std::to_string(c);
      if (static_cast<int>(number.size()) <= room) {
        line += fmt::format("{:<{}}", number, room);
      } else {
        line += std::string(static_cast<size_t>(room), ' ');
      }
    }
    const int last = kLabel + (last_ - first_ - 1) * cell_;
    if (norm && last + 4 <= width) {
      line.resize(static_cast<size_t>(last), ' ');
      line += "norm";
    }
    return trimmed(line);
  }

  std::string marks(const std::string& label, const std::vector<const char*>& marks) const {
    std::string line = fmt::format("{:<{}}", label, kLabel);
    for (int c = first_; c < last_; ++c) {
      const char* mark = marks[static_cast<size_t>(c)];
      line += (mark == nullptr ? " " : mark) + std::string(static_cast<size_t>(cell_ - 1), ' ');
    }
    return trimmed(line);
  }

  // What of a line is in this row; nothing where no reader is.
  std::optional<Line> clipped(const Line& line) const {
    Line part{std::max(line.source, first_ - 1), {}};
    for (const int reader : line.readers) {
      if (first_ <= reader && reader < last_) part.readers.insert(reader);
    }
    if (part.readers.empty()) return {};
    return part;
  }

  // One lane: lines that do not touch. `above`: the column in which the first of them begins, where
  // that is in a row above.
  std::string lane(const std::vector<Line>& lines, int above) const {
    std::vector<const char*> glyphs(static_cast<size_t>((last_ - first_) * cell_), " ");
    const auto at = [&](int column) { return static_cast<size_t>((column - first_) * cell_); };
    for (const Line& line : lines) {
      const size_t last = at(*line.readers.rbegin());
      for (size_t i = line.source < first_ ? 0 : at(line.source); i <= last; ++i) glyphs[i] = "─";
      for (const int reader : line.readers) glyphs[at(reader)] = "┴";
      if (line.source >= first_) glyphs[at(line.source)] = "└";
      glyphs[last] = "┘";
    }
    std::string text(kLabel, ' ');
    if (lines.front().source < first_) text = fmt::format("{:>{}}─", above, kLabel - 1);
    for (const char* g : glyphs) text += g;
    return trimmed(text);
  }

 private:
  static std::string trimmed(std::string s) {
    s.erase(s.find_last_not_of(' ') + 1);
    return s + "\n";
  }

  int first_, last_, cell_;
};

// Intervals of heads within which every mix on the port is uniform.
std::vector<Heads> intervals(const ModelConfig& config, const Layout& layout, Port port) {
  std::set<int> edges = {0};
  for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
    edges.insert(head_count(config, port, l));
  }
  for (const ResolvedMix& m : layout.mixes) {
    if (m.destination.port == port) edges.insert({m.heads.first, m.heads.last});
  }
  std::vector<Heads> list;
  for (auto e = edges.begin(); std::next(e) != edges.end(); ++e)
    list.push_back({*e, *std::next(e)});
  return list;
}

void connect(Row& row, int from, int to) {
  if (from >= to) return;  // a tap of the same layer
  const auto line = std::find_if(row.lines.begin(), row.lines.end(),
                                 [&](const Line& l) { return l.source == from; });
  if (line == row.lines.end()) {
    row.lines.push_back({from, {to}});
  } else {
    line->readers.insert(to);
  }
}

Row make_row(const ModelConfig& config, const Layout& layout, Port port, const Heads& heads,
             int columns) {
  Row row{port, heads, {}, {}, {}};
  for (int c = 0; c < columns; ++c) {
    const int layer = port == Port::y ? c - 1 : c;
    const bool inside = layer < static_cast<int>(config.layer.size());
    const bool exists = port == Port::x || port == Port::y ||
                        (inside && heads.last <= head_count(config, port, layer));
    row.marks.push_back(exists ? kOwn : nullptr);
  }
  for (const ResolvedMix& m : layout.mixes) {
    if (m.destination.port != port || m.heads.first > heads.first || m.heads.last < heads.last)
      continue;
    const int to = column_of(m.destination);
    row.marks[static_cast<size_t>(to)] = m.alias ? kAlias : kBlend;
    for (const Term& t : m.terms) {
      connect(row, column_of(t.source), to);
      if (port == Port::o && t.source.port == Port::v) row.from = "←v";
    }
  }
  std::sort(row.lines.begin(), row.lines.end(),
            [](const Line& a, const Line& b) { return a.source < b.source; });
  return row;
}

// Layers that attend to other layers' keys and values beside their own.
std::optional<Row> further_sets(const Layout& layout, int columns) {
  Row row{Port::k, {}, {}, std::vector<const char*>(static_cast<size_t>(columns), nullptr), {}};
  for (size_t l = 0; l < layout.extra_kv.size(); ++l) {
    row.marks[l] = layout.extra_kv[l].empty() ? kOwn : kFurther;
    for (const int source : layout.extra_kv[l]) connect(row, source, static_cast<int>(l));
  }
  if (row.lines.empty()) return {};
  std::sort(row.lines.begin(), row.lines.end(),
            [](const Line& a, const Line& b) { return a.source < b.source; });
  return row;
}

std::string label(const Row& row, size_t rows) {
  const char* port = name_of(row.port);
  const auto [first, last] = row.heads;
  if (rows == 1) return port + row.from;
  if (last - first == 1) return fmt::format("{} {}{}", port, first, row.from);
  return fmt::format("{} {}-{}{}", port, first, last - 1, row.from);
}

// Each line goes to the first lane where it touches no other.
// Beyond `most` lanes sources are counted, not drawn.
std::string lanes(const Canvas& canvas, const std::vector<Line>& lines, size_t most) {
  struct Lane {
    std::vector<Line> lines;
    int begins;  // column, perhaps of a row above
  };
  std::vector<Lane> lanes;
  size_t left_out = 0;
  for (const Line& whole : lines) {
    const std::optional<Line> line = canvas.clipped(whole);
    if (!line) continue;
    const auto free = std::find_if(lanes.begin(), lanes.end(), [&](const Lane& lane) {
      return *lane.lines.back().readers.rbegin() < line->source;
    });
    if (free != lanes.end()) {
      free->lines.push_back(*line);
    } else if (lanes.size() < most) {
      lanes.push_back({{*line}, whole.source});
    } else {
      ++left_out;
    }
  }
  std::string text;
  for (const Lane& lane : lanes) text += canvas.lane(lane.lines, lane.begins);
  if (left_out > 0) text += fmt::format("{:<{}}and {} more sources\n", "", kLabel, left_out);
  return text;
}

// In lines of at most `width` columns, broken at spaces; those after the first are indented. A word
// that is longer stands alone.
std::string folded(std::string_view text, size_t width) {
  std::string out, indent;
  while (indent.size() + text.size() > width) {
    const size_t room = std::max<size_t>(width - std::min(width, indent.size()), 1);
    size_t space = text.rfind(' ', room);
    if (space == text.npos || space == 0) space = text.find(' ', 1);
    if (space == text.npos) break;
    out += indent + std::string(text.substr(0, space)) + "\n";
    text.remove_prefix(std::min(text.find_first_not_of(' ', space), text.size()));
    indent = "    ";
  }
  return out + indent + std::string(text) + "\n";
}

// What the rows say, in formulas.
std::string formula_lines(const ModelConfig& config, const Layout& layout, size_t width) {
  const std::vector<FormulaLine> all = formulas(config, layout);
  std::string text;
  for (size_t i = 0; i < all.size() && i < kLines; ++i) {
    std::string line = all[i].text;
    if (all[i].layers.size() > 1) line += "   for l = " + ranges(all[i].layers);
    text += folded(line, width);
  }
  if (all.size() > kLines) text += fmt::format("and {} more\n", all.size() - kLines);
  return text;
}

// What the marks mean, side by side as far as the width goes.
std::string legend(bool mixes, bool further, int width) {
  struct Entry {
    const char *mark, *meaning;
  };
  std::vector<Entry> entries = {{kOwn, "own"}};
  if (mixes) {
    entries.push_back({kBlend, "mixed with other layers'"});
    entries.push_back({kAlias, "another layer's"});
  }
  if (further) entries.push_back({kFurther, "and another layer's"});
  std::string text;
  int column = 0;
  for (const Entry& e : entries) {
    const int wide = 2 + static_cast<int>(std::string_view(e.meaning).size());
    if (column > 0 && column + 3 + wide > width) {
      text += "\n";
      column = 0;
    }
    text += fmt::format("{}{} {}", column > 0 ? "   " : "", e.mark, e.meaning);
    column += (column > 0 ? 3 : 0) + wide;
  }
  return text + "\n";
}

}  // namespace

std::string draw_wiring(const ModelConfig& config, const Layout& layout, int width) {
  std::set<Port> ports;
  for (const ResolvedMix& m : layout.mixes) ports.insert(m.destination.port);
  const bool depth = ports.contains(Port::x) || ports.contains(Port::y);
  const int columns = static_cast<int>(config.layer.size()) + (depth ? 1 : 0);
  const std::optional<Row> further = further_sets(layout, columns);
  if (ports.empty() && !further) return "every layer reads its own keys and values\n";

  // Rows of equal length, as many as the layers need.
  const int most_columns = std::max(width - kLabel, 8);
  const int bands = (columns + most_columns - 1) / most_columns;
  const int each = (columns + bands - 1) / bands;
  const size_t most = columns <= 16 ? 16 : 8;
  std::string text;
  for (int first = 0; first < columns; first += each) {
    const int last = std::min(first + each, columns);
    const Canvas canvas(first, last, width);
    text += first > 0 ? "\n" : "";
    text += canvas.header("layer", depth && last == columns, width);
    for (const Port port : ports) {
      const std::vector<Heads> heads = intervals(config, layout, port);
      for (const Heads& h : heads) {
        const Row row = make_row(config, layout, port, h, columns);
        text += canvas.marks(label(row, heads.size()), row.marks) + lanes(canvas, row.lines, most);
      }
    }
    if (further) {
      text += canvas.marks("k, v", further->marks) + lanes(canvas, further->lines, most);
    }
  }
  text += legend(!ports.empty(), further.has_value(), width);
  return text + "\n" + formula_lines(config, layout, static_cast<size_t>(width));
}

}  // namespace weft
