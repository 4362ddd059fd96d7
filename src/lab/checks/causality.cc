// Who sees which token.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/compare.h"
#include "lab/checks/check.h"

namespace weft::checks {
namespace {

int32_t another(int32_t token, int64_t vocab) {
  return static_cast<int32_t>((token + 5) % vocab);
}

bool same_row(const Tensor& a, const Tensor& b, int64_t row) {
  const size_t bytes = static_cast<size_t>(a.shape()[1]) * size_of(a.dtype());
  const size_t at = static_cast<size_t>(row) * bytes;
  return std::memcmp(a.as<char>() + at, b.as<char>() + at, bytes) == 0;
}

}  // namespace

Result causality(const Subject& s) {
  Faults faults;
  for (const DType type : {DType::f64, DType::f32}) {
    Parameters p = s.weights(type);
    Runner r = s.runner(p, {.mode = Mode::logits, .dtype = type});
    r.run(s.tokens, kTime);
    const Tensor before = r.logits(kBatch * kTime);
    for (const int64_t t : {int64_t{0}, int64_t{4}, kTime - 1}) {  // of the first sequence
      std::vector<int32_t> other = s.tokens;
      int32_t& token = other[static_cast<size_t>(t)];
      token = another(token, s.config.vocab);
      r.run(other, kTime);
      const Tensor after = r.logits(kBatch * kTime);
      for (int64_t i = 0; i < kBatch * kTime; ++i) {
        if (i > t && i < kTime) continue;
        const bool same = same_row(before, after, i);
        faults.expect(same == (i != t), [&] {
          return i == t ? fmt::format("{}: row {} did not see its own token", name_of(type), i)
                        : fmt::format("{}: row {} saw token {}", name_of(type), i, t);
        });
      }
    }
  }
  return faults.result();
}

Result documents(const Subject& s) {
  constexpr int64_t kFirst = 4, kSecond = kTime - kFirst;
  std::vector<int32_t> tokens = s.tokens, first_key, alone;
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t t = 0; t < kTime; ++t) {
      first_key.push_back(t < kFirst ? 0 : static_cast<int32_t>(kFirst));
      if (t >= kFirst) alone.push_back(tokens[static_cast<size_t>(b * kTime + t)]);
    }
  }
  Parameters p = s.weights(DType::f64);
  Runner r = s.runner(p, {.mode = Mode::logits});
  r.run(alone, kSecond);
  const Tensor want = r.logits(kBatch * kSecond);
  const auto second = [&] {  // rows of the second document of every sequence
    r.run(tokens, kTime, 0, first_key.data());
    const Tensor all = r.logits(kBatch * kTime);
    Tensor out(DType::f64, want.shape());
    const int64_t vocab = s.config.vocab;
    for (int64_t b = 0; b < kBatch; ++b) {
      std::copy_n(all.as<double>() + (b * kTime + kFirst) * vocab, kSecond * vocab,
                  out.as<double>() + b * kSecond * vocab);
    }
    return out;
  };
  const Tensor got = second();
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t t = 0; t < kFirst; ++t) {
      int32_t& token = tokens[static_cast<size_t>(b * kTime + t)];
      token = another(token, s.config.vocab);
    }
  }
  if (!same_bits(second().view(), got.view())) {
    return {1, 0, false, false, "the second document saw the first"};
  }
  const Comparison c = compare(got.view(), want.view());
  return within(c.error(), 1e-12, c.fault);
}

}  // namespace weft::checks
