// The learned coefficients of a wiring as rows of numbers under the columns of their layers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/layout.h"
#include "model/picture_grid.h"
#include "model/svg.h"

namespace weft {

/// A coefficient to two digits, short enough for a column: "0.5", "-0.03", "2e-4".
std::string coefficient_number(double value);

/// One row for each source of a port's mixes: "v ← v[0]". Where they are many, shades in place of
/// the numbers.
class PictureGains {
 public:
  PictureGains(const ModelConfig& config, const Layout& layout);

  bool empty() const { return groups_.empty(); }
  /// Whether some are gates: functions of the token, of which no number can be shown.
  bool has_gates() const { return gates_; }
  /// Pixels that the names of the rows take.
  double label_width() const;
  /// The rows of one row of layers; returns where they end.
  double draw(Svg& svg, const PictureGrid& grid, double y) const;

 private:
  struct Value {
    double number = 0;
    int source = 0;  ///< layer
    bool gate = false, complement = false;
  };
  struct Row {
    std::string label;
    std::map<int, Value> values;  ///< by layer of the destination
  };
  struct Group {  ///< of one port and range of heads
    bool stream = false;
    std::vector<Row> rows;
  };
  using Mixes = std::vector<const ResolvedMix*>;
  Group group_of(const ModelConfig& config, const Layout& layout, const Mixes& mixes);
  double draw_numbers(Svg& svg, const PictureGrid& grid, const Group& group, double y) const;
  double draw_shades(Svg& svg, const PictureGrid& grid, const Group& group, double y) const;

  std::vector<Group> groups_;
  bool gates_ = false;
};

}  // namespace weft
