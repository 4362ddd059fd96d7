// A real number of 113 bits: polynomials of degree 26 in a random matrix cancel more digits than
// double has (m_26 of a Gram matrix is 1e13 times its m_8 at n = 20).
#pragma once

namespace weft::icl {

#if defined(__aarch64__)
using Quad = long double;  // is binary128 there
#else
__extension__ using Quad = __float128;
#endif

}  // namespace weft::icl
