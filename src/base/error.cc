#include "base/error.h"

namespace weft {
namespace {

// Messages are one line, whatever a hostile file name or value contains.
std::string one_line(std::string s) {
  for (char& c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) c = ' ';
  }
  return s;
}

std::string message(const ErrorParts& p) {
  std::string s = "[" + p.op + "] expected " + p.expected;
  if (!p.got.empty()) s += ", got " + p.got;
  if (!p.hint.empty()) s += "; " + p.hint;
  return one_line(s);
}

}  // namespace

Error::Error(ErrorCode code, ErrorParts parts)
    : std::runtime_error(message(parts)), code_(code), parts_(std::move(parts)) {}

void fail(ErrorCode code, ErrorParts parts) {
  throw Error(code, std::move(parts));
}

}  // namespace weft
