// Whether the bytes of a file are text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

enum class TextKind : uint8_t {
  utf8,   ///< well-formed UTF-8, but for what NULs separate
  other,  ///< text by its bytes, in another encoding (Latin-1, GBK, ...)
  binary
};

struct TextCheck {
  TextKind kind = TextKind::utf8;
  /// Of binary ones: "a PNG image", "UTF-16 text", "binary data".
  std::string what = {};
};

/// Judges pieces of a file, the first of which is its beginning. Binary is what begins as a known
/// format does; what is NULs for more than two fifths; or what has more than 2 in 100 bytes of
/// control characters that no text has while more than 2 in 100 are no UTF-8. A single NUL between
/// documents is text.
TextCheck check_text(std::span<const std::string_view> pieces);

/// The pieces to judge a file of `size` bytes by, [offset, bytes]: all of a small one, else 64 KiB
/// of the beginning, 4 KiB at 15 places, and the end.
struct FilePiece {
  size_t offset = 0, bytes = 0;
};
std::vector<FilePiece> pieces_to_judge(size_t size);

}  // namespace weft
