#include "model/picture_text.h"

#include <algorithm>

namespace weft {
namespace {

// Of the character of UTF-8 that begins here.
size_t bytes_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// From three bytes on a character may be an ideogram, which is as wide as two letters. (Dashes and
// arrows are there as well: counted too wide, they only break a line early.)
int columns_of(size_t bytes) {
  return bytes > 2 ? 2 : 1;
}

int columns_of(std::string_view text) {
  int columns = 0;
  for (size_t at = 0; at < text.size(); at += bytes_of(text[at])) {
    columns += columns_of(bytes_of(text[at]));
  }
  return columns;
}

// The longest beginning of `columns` columns, one character at least.
size_t beginning(std::string_view text, int columns) {
  size_t at = bytes_of(text[0]);
  int taken = columns_of(at);
  while (at < text.size()) {
    const size_t bytes = bytes_of(text[at]);
    taken += columns_of(bytes);
    if (taken > columns) break;
    at += bytes;
  }
  return std::min(at, text.size());
}

}  // namespace

double width_of(std::string_view text, const PictureFace& face) {
  return face.character * columns_of(text);
}

std::vector<std::string> broken(std::string_view text, double width, const PictureFace& face) {
  const int most = std::max(8, static_cast<int>(width / face.character));
  std::vector<std::string> lines;
  while (columns_of(text) > most) {
    const size_t fits = beginning(text, most);
    // A space after what fits is a place as well.
    size_t end = text.rfind(' ', fits);
    const bool inside = end == text.npos || end == 0;
    if (inside) end = fits;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(inside ? end : end + 1);
  }
  lines.emplace_back(text);
  return lines;
}

double draw_paragraph(Svg& svg, double left, double right, double y, std::string_view text,
                      const PictureFace& face) {
  for (const std::string& line : broken(text, right - left, face)) {
    svg.text(left, y, line, face.look);
    y += face.line;
  }
  return y;
}

}  // namespace weft
