// The comparator itself: pairs that must fail.
#include "base/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft {
namespace {

Tensor of(std::initializer_list<float> values) {
  Tensor t(DType::f32, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), t.as<float>());
  return t;
}
double error(const Tensor& a, const Tensor& b) {
  return compare(a.view(), b.view()).error();
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Compare, PassesWhatIsEqual) {
  EXPECT_EQ(error(of({1, -2, 3}), of({1, -2, 3})), 0);
  EXPECT_EQ(error(of({0, 0}), of({0, 0})), 0);
  EXPECT_EQ(error(of({kInf, 1}), of({kInf, 1})), 0);
  EXPECT_LT(error(of({1, 1.000001f}), of({1, 1})), 1e-5);
}

TEST(Compare, MustFail) {
  EXPECT_GT(error(of({-1, -2}), of({-1, -4})), 0.1) << "both negative";
  EXPECT_GT(error(of({kNan, 1}), of({1, 1})), 1e30) << "NaN in what was computed";
  EXPECT_GT(error(of({kNan, 1}), of({kNan, 1})), 1e30) << "NaN on both sides";
  EXPECT_GT(error(of({kInf, 1}), of({1, 1})), 1e30) << "infinity";
  EXPECT_GT(error(of({kInf, 1}), of({-kInf, 1})), 1e30) << "infinity of the other sign";
  EXPECT_GT(error(of({3, 4, 1, 2}), of({1, 2, 3, 4})), 0.1) << "swapped rows";
  EXPECT_GT(error(of({2, 3, 4, 5}), of({1, 2, 3, 4})), 0.1) << "off by one row";
  EXPECT_GT(error(of({0, 0}), of({0, 1e-3f})), 0.5) << "all zero";
  EXPECT_GT(error(of({1e-3f, 0}), of({0, 0})), 1e-4) << "the reference is zero";
  EXPECT_GT(error(of({1, 2}), of({1, 2, 3})), 1e30) << "another shape";
  Tensor one_wrong(DType::f32, {100000}), right(DType::f32, {100000});
  for (int i = 0; i < 100000; ++i) one_wrong.as<float>()[i] = right.as<float>()[i] = 1;
  one_wrong.as<float>()[77] = 1.01f;
  EXPECT_GT(error(one_wrong, right), 5e-3) << "one bad element among many";
}

TEST(SameBits, SeesTheSignOfZero) {
  EXPECT_TRUE(same_bits(of({kNan, 0}).view(), of({kNan, 0}).view()));
  EXPECT_FALSE(same_bits(of({-0.0f}).view(), of({0.0f}).view()));
}

}  // namespace
}  // namespace weft
