// Counter-based random numbers: a value depends on (seed, name, index) alone, never on what else
// was drawn before, so removing one tensor or changing the thread count leaves all the others as
// they were.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft {

/// The random function of one name under one seed. Philox4x32-10 (Random123): the key is the seed,
/// the counter is (index, hash of the name). Copyable, stateless, thread-safe.
class Random {
 public:
  Random(uint64_t seed, std::string_view name) noexcept;

  uint64_t bits(uint64_t index) const noexcept;
  double uniform(uint64_t index) const noexcept;              ///< in (0, 1)
  double normal(uint64_t index) const noexcept;               ///< mean 0, variance 1
  uint64_t below(uint64_t index, uint64_t n) const noexcept;  ///< in [0, n), n > 0

 private:
  uint64_t seed_;
  uint64_t name_;
};

/// The 64-bit hash (xxHash) that names are turned into; also used for contents of files.
uint64_t hash64(std::string_view bytes) noexcept;

}  // namespace weft
