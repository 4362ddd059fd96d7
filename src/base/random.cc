#include "base/random.h"

#include <Random123/philox.h>
#include <xxhash.h>

#include <cmath>
#include <numbers>

namespace weft {
namespace {

struct Words {
  uint64_t low, high;
};

Words philox(uint64_t seed, uint64_t name, uint64_t index) noexcept {
  const r123::Philox4x32::ctr_type counter{
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
       static_cast<uint32_t>(name), static_cast<uint32_t>(name >> 32)}};
  const r123::Philox4x32::key_type key{
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}};
  const auto r = r123::Philox4x32()(counter, key);
  return {r[0] | static_cast<uint64_t>(r[1]) << 32, r[2] | static_cast<uint64_t>(r[3]) << 32};
}

// The middle of one of 2^53 equal cells: never 0, never 1.
double to_unit(uint64_t bits) noexcept {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
}

}  // namespace

Random::Random(uint64_t seed, std::string_view name) noexcept : seed_(seed), name_(hash64(name)) {}

uint64_t Random::bits(uint64_t index) const noexcept {
  return philox(seed_, name_, index).low;
}

double Random::uniform(uint64_t index) const noexcept {
  return to_unit(bits(index));
}

double Random::normal(uint64_t index) const noexcept {
  const Words w = philox(seed_, name_, index);
  // Box-Muller; the second value of the pair is not used, so that index -> value stays one to one.
  return std::sqrt(-2.0 * std::log(to_unit(w.low))) *
         std::cos(2.0 * std::numbers::pi * to_unit(w.high));
}

uint64_t Random::below(uint64_t index, uint64_t n) const noexcept {
  // Multiply-shift; the bias is at most n / 2^64.
  __extension__ using wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<wide>(bits(index)) * n) >> 64);
}

uint64_t hash64(std::string_view bytes) noexcept {
  return XXH64(bytes.data(), bytes.size(), 0);
}

}  // namespace weft
