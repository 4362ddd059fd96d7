// Moments of the Gram matrix of Gaussian examples: what the exact losses of many layers are sums
// of.
#pragma once

#include <cstdint>
#include <vector>

#include "lab/icl/quad.h"

namespace weft::icl {

/// Orders that a table of moments may reach: states grow as partitions do (about 30,000 at 30).
inline constexpr int kMaxMoment = 30;

/// m_k = E tr G^k for k = 0..order, G = (1/n) sum of n terms x x^T, x ~ N(0, I_d). By recursion
/// over products of traces (integration by parts); every term is positive, so all digits of Quad
/// hold. `order` at most kMaxMoment. Throws Error(config) at sizes below 1 or a higher order.
std::vector<Quad> wishart_moments(int64_t d, int64_t n, int order);

/// The value of E tr G^k as the published polynomials in d and n give it, k = 0..4.
double wishart_moment_closed(int64_t d, int64_t n, int k);

}  // namespace weft::icl
