#include "lab/icl/wishart.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace weft::icl {
namespace {

/// E of products of p_k = tr W^k, W = n G, memoised on sorted lists of k.
class TraceProducts {
 public:
  TraceProducts(int64_t d, int64_t n) : d_(static_cast<Quad>(d)), n_(static_cast<Quad>(n)) {}

  /// E prod p_r over the list; p_0 = d. For the largest k of it and the rest nu, integration by
  /// parts gives E[p_k p_nu] = (n + k - 1) E[p_(k-1) p_nu] + sum_(j=0)^(k-2) E[p_(j+1) p_(k-2-j)
  /// p_nu] + sum_(r in nu) 2 r E[p_(k+r-1) p_(nu without r)]: the degree falls by one.
  Quad expect(std::vector<int> list) {
    Quad factor = 1;
    std::erase_if(list, [&](int k) {
      if (k == 0) factor *= d_;
      return k == 0;
    });
    if (list.empty()) return factor;
    std::sort(list.begin(), list.end());
    if (const auto known = memo_.find(list); known != memo_.end()) return factor * known->second;
    const Quad value = reduce(list);
    memo_.emplace(std::move(list), value);
    return factor * value;
  }

 private:
  Quad reduce(const std::vector<int>& list) {
    const std::vector<int> rest(list.begin(), list.end() - 1);
    const int k = list.back();
    const auto with = [&](std::initializer_list<int> more) {
      std::vector<int> all = rest;
      all.insert(all.end(), more);
      return expect(std::move(all));
    };
    Quad sum = (n_ + static_cast<Quad>(k - 1)) * with({k - 1});
    for (int j = 0; j <= k - 2; ++j) sum += with({j + 1, k - 2 - j});
    for (size_t i = 0; i < rest.size(); ++i) {
      std::vector<int> merged = rest;
      merged[i] += k - 1;
      sum += static_cast<Quad>(2 * rest[i]) * expect(std::move(merged));
    }
    return sum;
  }

  Quad d_, n_;
  std::map<std::vector<int>, Quad> memo_;
};

}  // namespace

std::vector<Quad> wishart_moments(int64_t d, int64_t n, int order) {
  if (d < 1 || n < 1 || order < 0 || order > kMaxMoment) {
    fail(ErrorCode::config, {"moments of a Gram matrix",
                             fmt::format("d and n of 1 or more, order 0 to {}", kMaxMoment),
                             fmt::format("d = {}, n = {}, order {}", d, n, order)});
  }
  TraceProducts products(d, n);
  std::vector<Quad> moments;
  Quad scale = 1;
  for (int k = 0; k <= order; ++k, scale *= static_cast<Quad>(n)) {
    moments.push_back(products.expect({k}) / scale);
  }
  return moments;
}

double wishart_moment_closed(int64_t dimensions, int64_t examples, int k) {
  const auto d = static_cast<double>(dimensions), n = static_cast<double>(examples);
  switch (k) {
    case 0:
    case 1:
      return d;
    case 2:
      return d * (n + d + 1) / n;
    case 3:
      return d * (n * n + d * d + 3 * n * d + 3 * n + 3 * d + 4) / (n * n);
    case 4:
      return d *
             (n * n * n + d * d * d + 6 * n * n * d + 6 * n * d * d + 6 * n * n + 6 * d * d +
              17 * n * d + 21 * n + 21 * d + 20) /
             (n * n * n);
    default:
      fail(ErrorCode::config, {"moments of a Gram matrix", "order 0 to 4", std::to_string(k)});
  }
}

}  // namespace weft::icl
