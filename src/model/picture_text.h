// Lines of text in a picture: as long as the page is wide, then broken, never cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/svg.h"

namespace weft {

/// How a text is set. `character`: width of one in pixels, on the generous side, for nobody knows
/// the reader's font.
struct PictureFace {
  double character, line;
  const char* look;  ///< attributes of the text
};
inline constexpr PictureFace kTitleFace{15.5, 30, "class=\"ink title\""},
    kLabelFace{7, 19, "class=\"soft label\""}, kSmallFace{6.4, 18, "class=\"soft small\""},
    kMonoFace{7.6, 20, "class=\"ink mono\""};

/// Pixels that a text takes at most, wide characters counted twice.
double width_of(std::string_view text, const PictureFace& face);

/// The text in lines of at most `width` pixels: broken at spaces, and within a word where it alone
/// is longer.
std::vector<std::string> broken(std::string_view text, double width, const PictureFace& face);

/// Sets a paragraph between `left` and `right`, its first line at `y`; returns where the line after
/// it would stand.
double draw_paragraph(Svg& svg, double left, double right, double y, std::string_view text,
                      const PictureFace& face);

}  // namespace weft
