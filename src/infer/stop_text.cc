#include "infer/stop_text.h"

#include <algorithm>

#include "base/error.h"

namespace weft {
namespace {

bool begins_with(std::string_view text, std::string_view word) {
  return text.substr(0, word.size()) == word;
}

}  // namespace

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) {
    if (stop.empty()) fail(ErrorCode::usage, {"generate: stop", "a text", "an empty one"});
  }
}

std::string StopText::give(size_t bytes) {
  std::string out = held_.substr(0, bytes);
  held_.erase(0, bytes);
  length_ += out.size();
  return out;
}

bool StopText::meets(size_t at) {
  for (const std::string& stop : stops_) {
    if (begins_with(std::string_view(held_).substr(at), stop) && stop.size() > met_.size()) {
      met_ = stop;
    }
  }
  return !met_.empty();
}

std::string StopText::push(std::string_view bytes) {
  std::string out;
  // One byte after the other: which stop is complete first does not depend on the portions then.
  for (const char byte : bytes) {
    if (!met_.empty()) break;
    held_ += byte;
    size_t at = 0;
    while (at < held_.size() && !meets(at) && !may_begin(at)) ++at;
    out += give(at);
  }
  return out;
}

bool StopText::may_begin(size_t at) const {
  const std::string_view rest = std::string_view(held_).substr(at);
  return std::any_of(stops_.begin(), stops_.end(),
                     [&](const std::string& stop) { return begins_with(stop, rest); });
}

std::string StopText::finish() {
  if (!met_.empty()) return {};
  size_t at = 0;
  while (at < held_.size() && !meets(at)) ++at;
  return give(at);
}

}  // namespace weft
