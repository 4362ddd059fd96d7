// What the library throws becomes what the public face throws.
#pragma once

#include <exception>
#include <new>

#include "base/error.h"
#include "weft/exception.h"

namespace weft {

inline Fault fault_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return Fault::usage;
    case ErrorCode::config:
      return Fault::config;
    case ErrorCode::input:
      return Fault::input;
    case ErrorCode::runtime:
      return Fault::runtime;
  }
  return Fault::runtime;
}

/// Calls f; whatever it throws leaves as an Exception.
template <class F>
auto guarded(F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw Exception(fault_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    throw Exception(Fault::runtime, "[memory] expected enough of it, got none");
  } catch (const std::exception& error) {
    throw Exception(Fault::runtime, error.what());
  }
}

}  // namespace weft
