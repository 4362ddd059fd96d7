// UTF-8: validation, and pieces of text that are fit to be shown while bytes are still arriving.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::io {

/// Offset of the first byte that is not well-formed UTF-8 (Unicode 15, table 3-7: no overlong
/// forms, no surrogates, nothing above U+10FFFF), or npos.
size_t first_invalid_utf8(std::string_view text);
inline bool is_utf8(std::string_view text) {
  return first_invalid_utf8(text) == std::string_view::npos;
}

/// Turns bytes that arrive in any portions into well-formed UTF-8: an incomplete sequence is held
/// back until its rest comes, and each maximal ill-formed part becomes one U+FFFD. The
/// concatenation of all that is returned does not depend on how the bytes were portioned.
class Utf8Stream {
 public:
  /// The text that is certain after these bytes.
  std::string push(std::string_view bytes);
  /// The end: what was held back becomes U+FFFD.
  std::string finish();

 private:
  std::string held_;  // at most 3 bytes
};

/// All of `bytes` through a Utf8Stream.
std::string to_utf8(std::string_view bytes);

/// Well-formed UTF-8 in which no character can steer a terminal: control characters except newline
/// and tab become U+FFFD.
std::string without_controls(std::string_view utf8);

/// Text of somebody else for an error message: in double quotes, well-formed, without controls, cut
/// to about `most` bytes.
std::string in_quotes(std::string_view text, size_t most = 80);

}  // namespace weft::io
