// The version that `weft --version` and the files it writes name.
#pragma once

namespace weft::cli {
inline constexpr const char* kVersion = "0.1.0";
}
