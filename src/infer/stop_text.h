// Ends a text before the first of some words that it comes to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft {

/// Takes bytes in any portions and gives back those that are certain to lie before every stop: what
/// may still become one is held back. What comes out does not depend on the portions.
class StopText {
 public:
  /// Throws Error(usage) at an empty stop.
  explicit StopText(std::vector<std::string> stops);

  /// Nothing once a stop was met.
  std::string push(std::string_view bytes);
  /// The end: what was held back, unless a stop was met.
  std::string finish();

  /// The stop that was met: the one that begins first, of several there the longest that was
  /// complete; "" so far.
  const std::string& met() const { return met_; }
  /// Bytes given back so far.
  size_t length() const { return length_; }

 private:
  std::string give(size_t bytes);
  bool meets(size_t at);            // a stop, in what is held, there
  bool may_begin(size_t at) const;  // one whose end has not come yet

  std::vector<std::string> stops_;
  std::string held_, met_;
  size_t length_ = 0;
};

}  // namespace weft
