// A real number of 113 bits: polynomials of degree 26 in a random matrix cancel more digits than
// double has (E tr G^26 is 1.5e11 at d = 5, n = 20, and the loss of three layers 0.001).
#pragma once

namespace weft::icl {

#if defined(__aarch64__)
using Quad = long double;  // is binary128 there
#else
__extension__ using Quad = __float128;
#endif

}  // namespace weft::icl
