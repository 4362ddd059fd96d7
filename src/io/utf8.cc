#include "io/utf8.h"

#include <algorithm>

namespace weft::io {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

enum class Verdict { valid, invalid, incomplete };

struct Step {
  Verdict verdict;
  size_t length;  // of the sequence, or of its maximal ill-formed part; at least 1
};

struct Lead {
  size_t length;         // 0: no sequence begins with this byte
  unsigned low2, high2;  // what the second byte may be
};

Lead lead_of(unsigned char c) {
  if (c < 0x80) return {1, 0, 0};
  if (c >= 0xc2 && c <= 0xdf) return {2, 0x80, 0xbf};
  if (c == 0xe0) return {3, 0xa0, 0xbf};
  if (c == 0xed) return {3, 0x80, 0x9f};  // surrogates are no characters
  if (c >= 0xe1 && c <= 0xef) return {3, 0x80, 0xbf};
  if (c == 0xf0) return {4, 0x90, 0xbf};
  if (c >= 0xf1 && c <= 0xf3) return {4, 0x80, 0xbf};
  if (c == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

// The sequence that begins at text[at]; at < text.size().
Step step(std::string_view text, size_t at) {
  const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
  if (lead.length == 0) return {Verdict::invalid, 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (at + i >= text.size()) return {Verdict::incomplete, i};
    const unsigned c = static_cast<unsigned char>(text[at + i]);
    const unsigned low = i == 1 ? lead.low2 : 0x80;
    const unsigned high = i == 1 ? lead.high2 : 0xbf;
    if (c < low || c > high) return {Verdict::invalid, i};
  }
  return {Verdict::valid, lead.length};
}

bool is_control(std::string_view character) {
  const auto c = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  return c == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;  // U+0080 to U+009F
}

}  // namespace

size_t first_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Step s = step(text, at);
    if (s.verdict != Verdict::valid) return at;
    at += s.length;
  }
  return std::string_view::npos;
}

std::string Utf8Stream::push(std::string_view bytes) {
  held_ += bytes;
  std::string out;
  size_t at = 0;
  while (at < held_.size()) {
    const Step s = step(held_, at);
    if (s.verdict == Verdict::incomplete) break;
    out +=
        s.verdict == Verdict::valid ? std::string_view(held_).substr(at, s.length) : kReplacement;
    at += s.length;
  }
  held_.erase(0, at);
  return out;
}

std::string Utf8Stream::finish() {
  const bool cut = !held_.empty();
  held_.clear();
  return cut ? std::string(kReplacement) : std::string();
}

std::string to_utf8(std::string_view bytes) {
  Utf8Stream stream;
  std::string out = stream.push(bytes);
  return out + stream.finish();
}

std::string without_controls(std::string_view utf8) {
  std::string out;
  for (size_t at = 0; at < utf8.size();) {
    const size_t length = step(utf8, at).length;
    const std::string_view character = utf8.substr(at, length);
    out += is_control(character) ? kReplacement : character;
    at += length;
  }
  return out;
}

std::string in_quotes(std::string_view text, size_t most) {
  // A few bytes less than asked where the cut would fall inside a character.
  Utf8Stream stream;
  std::string out = "\"";
  out += without_controls(stream.push(text.substr(0, most)));
  if (text.size() > most) return out + "...\"";
  out += stream.finish();
  return out + "\"";
}

}  // namespace weft::io
