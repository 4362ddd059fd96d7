// The curves of one row of a picture: from layer to layer, or from place to place in the stream.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/picture_grid.h"
#include "model/picture_links.h"
#include "model/svg.h"

namespace weft {

/// What a row reads of layers in rows above it: a mark for each such layer in the gutter before the
/// first column, or one for all of them where they are many.
class PictureGuests {
 public:
  PictureGuests() = default;
  /// Keeps the links that end in this row; of several from one mark to one reader the heaviest.
  PictureGuests(std::vector<PictureLink>& links, const PictureGrid& grid, bool in_stream);

  bool has(int from) const { return marks_.contains(from); }
  double x_of(int from) const { return marks_.at(from).x; }
  std::string colour_of(int from) const { return marks_.at(from).colour; }
  void draw(Svg& svg, double y) const;

 private:
  struct Mark {
    double x = 0;
    std::string colour, text;
  };
  static void gather(std::vector<PictureLink>& links, int first);

  std::map<int, Mark> marks_;  // by source
};

class PictureArcs {
 public:
  PictureArcs(std::vector<PictureLink> links, const PictureGrid& grid, bool in_stream);
  double height() const { return height_; }  ///< that they need
  /// `up`: they rise above y. Guests stand on the other side of it.
  void draw(Svg& svg, double y, bool up) const;

 private:
  double rise(const PictureLink& link) const;
  double x_of(int place) const;
  std::string colour_of(int from) const;
  void spread();
  void fan(std::map<int, std::vector<size_t>>& at, const std::map<int, std::vector<size_t>>& other,
           bool leaving);

  std::vector<PictureLink> links_;
  PictureGuests guests_;
  std::vector<double> leaves_, arrives_;  // across, by link
  const PictureGrid& grid_;
  bool in_stream_;
  double height_ = 0;
};

}  // namespace weft
