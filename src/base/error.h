// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

namespace weft {

/// What kind of mistake it was; decides the exit code of the command line (2, except `runtime`: 1).
enum class ErrorCode {
  usage,    ///< a command, flag or argument of a call
  config,   ///< a configuration key or value, a design that cannot work
  input,    ///< a file or text from outside
  runtime,  ///< the machine: disk full, out of memory, a NaN in training
};

/// The parts of a message; every one but `op` and `expected` may be empty.
struct ErrorParts {
  std::string op;  ///< what was being done or where: "rmsnorm", "config: model.heads", a path
  std::string expected = {};  ///< what would have been right
  std::string got = {};       ///< what was there instead
  std::string hint = {};      ///< what to do about it
};

/// Thrown while planning, building and loading; kernels never throw. `what()` is one line:
/// "[op] expected ..., got ...; hint".
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, ErrorParts parts);

  ErrorCode code() const { return code_; }
  const ErrorParts& parts() const { return parts_; }

 private:
  ErrorCode code_;
  ErrorParts parts_;
};

[[noreturn]] void fail(ErrorCode code, ErrorParts parts);

}  // namespace weft
