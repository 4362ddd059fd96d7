// What the public face throws.
#pragma once

#include <stdexcept>
#include <string>

namespace weft {

/// Whose mistake it was.
enum class Fault {
  usage,    ///< an argument of a call
  config,   ///< a configuration key or value, a design that cannot work
  input,    ///< a file or text from outside
  runtime,  ///< the machine: disk full, out of memory, a NaN in training
};

/// Thrown by every call of the public face that fails. what() is one line: what, where, expected,
/// got, hint. Nothing that existed before the call is lost.
class Exception : public std::runtime_error {
 public:
  Exception(Fault fault, const std::string& line) : std::runtime_error(line), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

}  // namespace weft
