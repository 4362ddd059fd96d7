// One row of the picture of a wiring: a port of every layer, and the curves that lead to it.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "model/layout.h"
#include "model/svg.h"

namespace weft {

/// Where things are across: one column a layer.
struct PictureGrid {
  double left = 0;   ///< of the first column
  double pitch = 0;  ///< from column to column
  int layers = 0;

  double centre(int layer) const { return left + pitch * (layer + 0.5); }
  double strip() const;  ///< width of a strip of heads
  double card() const;   ///< width of a layer
};

/// The colour of a layer, "#5b5bd6"; -1 is the embedding.
std::string layer_colour(int layer, int layers);

/// How a head looks that is another layer's.
std::string borrowed_look(const std::string& colour);

/// Something that one layer reads of another, on one port.
struct PictureLink {
  int from = 0, to = 0;  ///< layers; of x and y: places in the stream, 0 is the embedding
  double weight = 1;     ///< first coefficient
  bool learned = false;
  std::string tip = {};  ///< the formula
};

/// How a curve looks: width by weight, colour by source, broken where it is learned.
std::string link_look(const PictureLink& link, const PictureGrid& grid);

/// The links of a port, by destination, nearest sources last. `other`: those whose source is on
/// another port instead.
std::vector<PictureLink> links_of(const ModelConfig& config, const Layout& layout, Port port,
                                  bool other);

/// The curves of one row: from layer to layer, or from place to place in the stream.
class PictureArcs {
 public:
  PictureArcs(std::vector<PictureLink> links, const PictureGrid& grid, bool in_stream);
  double height() const { return height_; }  ///< that they need
  void draw(Svg& svg, double y, bool up) const;

 private:
  double rise(const PictureLink& link) const;
  double x_of(int place) const;
  void spread();

  std::vector<PictureLink> links_;
  std::vector<double> leaves_, arrives_;  // across, by link
  const PictureGrid& grid_;
  bool in_stream_;
  double height_ = 0;
};

/// A strip of heads for each layer: full where the layer computes them itself, pale where they are
/// another layer's, in parts where they are mixed.
class PictureStrip {
 public:
  PictureStrip(const ModelConfig& config, const Layout& layout, Port port, const PictureGrid& grid);
  double height() const { return height_; }
  void draw(Svg& svg, double y) const;

 private:
  void cell(Svg& svg, int layer, int head, double y, double height) const;

  const ModelConfig& config_;
  const Layout& layout_;
  Port port_;
  const PictureGrid& grid_;
  double height_ = 0;
};

}  // namespace weft
