// A short name for the content of a file.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace weft::io {

/// xxHash3 (64 bits) of bytes that come in any portions: tells changed content from the same, at
/// the speed of memory. No protection against somebody who wants to be mistaken.
class ContentHash {
 public:
  ContentHash();
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Of all that was added: 16 hexadecimal digits.
  std::string hex() const;

 private:
  struct State;
  struct Free {
    void operator()(State* state) const;
  };
  std::unique_ptr<State, Free> state_;
};

}  // namespace weft::io
