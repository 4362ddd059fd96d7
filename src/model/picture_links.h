// What the layers read of each other, as the curves of a picture.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "model/layout.h"

namespace weft {

/// The colour of a layer, "#5b5bd6"; -1 is the embedding.
std::string layer_colour(int layer, int layers);

/// How a head looks that is another layer's.
std::string borrowed_look(const std::string& colour);

/// Something that one layer reads of another, on one port.
struct PictureLink {
  int from = 0, to = 0;  ///< layers; of x and y: places in the stream, 0 is the embedding
  double weight = 1;     ///< coefficient, a learned one as it begins or was trained
  bool learned = false;
  bool complement = false;  ///< one minus the gain of another term
  std::string tip = {};     ///< the formula
};

/// How a curve looks: width by weight, broken where it is learned, differently where it is a
/// complement. `pitch`: from layer to layer.
std::string link_look(const PictureLink& link, double pitch);

/// The links of a port, by destination, nearest sources last. `other`: those whose source is on
/// another port instead.
std::vector<PictureLink> links_of(const ModelConfig& config, const Layout& layout, Port port,
                                  bool other);

}  // namespace weft
