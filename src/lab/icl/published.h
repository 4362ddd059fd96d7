// What others measured: the values beside which a reproduction is held.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace weft::icl {

enum class Evidence : uint8_t {
  published,  ///< [P] text or table of the paper, or output stored with its code
  read_off,   ///< [F] read off a published figure: two digits at best
  rerun       ///< [O] an independent re-run with other random numbers, 6 seeds
};
std::string_view label_of(Evidence evidence);  ///< "P", "F", "O"

struct Reference {
  std::string_view id;  ///< of the quantity: "ratio/default/r_med/750"
  Evidence evidence = Evidence::published;
  std::string_view shown;                                   ///< as it was given: "1.76 (0.40)"
  double value = std::numeric_limits<double>::quiet_NaN();  ///< NaN: a range
};

/// All of them; several may have one id.
std::span<const Reference> references();

}  // namespace weft::icl
