#include "model/loop.h"

namespace weft {

Wiring loop_injection(const ModelConfig& config) {
  Wiring w{"loop", {}, {}};
  const int first = static_cast<int>(config.loop.first);
  for (int64_t pass = 1; pass < config.loop.repeats; ++pass) {
    const int start = first + static_cast<int>(pass * config.loop.length());
    w.mixes.push_back({{Port::x, start}, {{{Port::x, first}}, {{Port::x, start}}}, {}});
  }
  return w;
}

}  // namespace weft
