// Where things of a picture are across.
#pragma once

#include <algorithm>

namespace weft {

/// One column a layer. A deep model is folded: a grid is then one row of its layers.
struct PictureGrid {
  double left = 0;   ///< of the first column
  double pitch = 0;  ///< from column to column
  int layers = 0;    ///< of the model, which colours count
  int first = 0;     ///< layers of this row, half open
  int last = 0;
  double gutter = 0;  ///< before the first column, for what comes from rows above

  double centre(int layer) const { return left + pitch * (layer - first + 0.5); }
  /// Of a place in the stream: before its layer, behind the one before.
  double place(int place) const { return left + pitch * (place - first); }
  double right() const { return place(last); }
  double strip() const { return std::min(46.0, pitch * 0.6); }  ///< width of a strip of heads
  double card() const { return std::min(66.0, pitch * 0.86); }  ///< width of a layer
};

}  // namespace weft
