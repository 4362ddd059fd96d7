// What lies behind the public own::Axes.
#pragma once

#include "model/axes.h"
#include "weft/own.h"

namespace weft::own {

struct Access {
  /// Lives as long as some copy of `axes`.
  static const weft::Axes& of(const Axes& axes);
};

}  // namespace weft::own
