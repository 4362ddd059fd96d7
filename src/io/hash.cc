#include "io/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <new>

namespace weft::io {

struct ContentHash::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() {
    if (xxh == nullptr) throw std::bad_alloc();
    XXH3_64bits_reset(xxh);
  }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

void ContentHash::Free::operator()(State* state) const {
  delete state;
}

ContentHash::ContentHash() : state_(new State) {}

void ContentHash::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_->xxh, bytes.data(), bytes.size());
}

std::string ContentHash::hex() const {
  return fmt::format("{:016x}", XXH3_64bits_digest(state_->xxh));
}

}  // namespace weft::io
