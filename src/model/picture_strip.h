// A strip of heads for each layer of a row of a picture.
#pragma once

#include <vector>

#include "model/config.h"
#include "model/layout.h"
#include "model/picture_grid.h"
#include "model/svg.h"

namespace weft {

/// Full where the layer computes a head itself, pale where it is another layer's, in parts where it
/// is mixed. A learned part that begins at 0 is there, pale and narrow.
class PictureStrip {
 public:
  PictureStrip(const ModelConfig& config, const Layout& layout, Port port, const PictureGrid& grid);
  double height() const { return height_; }
  void draw(Svg& svg, double y) const;

 private:
  struct Box {
    double x, y, width, height;
  };
  void cell(Svg& svg, int layer, int head, double y, double height) const;
  void parts(Svg& svg, const ResolvedMix& mix, const Box& box) const;
  std::vector<double> shares(const ResolvedMix& mix) const;

  const ModelConfig& config_;
  const Layout& layout_;
  Port port_;
  const PictureGrid& grid_;
  double height_ = 0;
};

}  // namespace weft
