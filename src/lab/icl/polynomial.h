// Polynomials in an eigenvalue of a Gram matrix, in quad precision, and their means over the
// spectrum: [i] is the coefficient of lambda^i.
#pragma once

#include <algorithm>
#include <vector>

#include "lab/icl/quad.h"

namespace weft::icl {

using Polynomial = std::vector<Quad>;

inline Polynomial operator*(const Polynomial& p, const Polynomial& q) {
  if (p.empty() || q.empty()) return {};
  Polynomial product(p.size() + q.size() - 1);
  for (size_t i = 0; i < p.size(); ++i) {
    for (size_t j = 0; j < q.size(); ++j) product[i + j] += p[i] * q[j];
  }
  return product;
}

inline Polynomial operator+(Polynomial p, const Polynomial& q) {
  p.resize(std::max(p.size(), q.size()));
  for (size_t i = 0; i < q.size(); ++i) p[i] += q[i];
  return p;
}

inline Polynomial operator*(Quad factor, Polynomial p) {
  for (Quad& c : p) c *= factor;
  return p;
}

/// E tr (p q)(G), `moments[k]` = E tr G^k.
inline Quad mean_product(const Polynomial& p, const Polynomial& q,
                         const std::vector<Quad>& moments) {
  Quad sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    for (size_t j = 0; j < q.size(); ++j) sum += p[i] * q[j] * moments[i + j];
  }
  return sum;
}

}  // namespace weft::icl
