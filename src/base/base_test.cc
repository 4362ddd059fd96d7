#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/buffer.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/random.h"
#include "base/tensor.h"

namespace weft {
namespace {

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(bf16(1.00390625f).bits, 0x3f80);  // half way, to even
  EXPECT_EQ(bf16(1.01171875f).bits, 0x3f82);  // half way, to even
  EXPECT_EQ(bf16(std::nextafterf(1.00390625f, 2)).bits, 0x3f81);
  EXPECT_TRUE(std::isinf(static_cast<float>(bf16(std::numeric_limits<float>::max()))));
  EXPECT_TRUE(std::isnan(static_cast<float>(bf16(std::nanf("")))));
  uint32_t quiet = 0x7f800001u;  // a NaN whose upper half alone would read as infinity
  float x;
  std::memcpy(&x, &quiet, 4);
  EXPECT_TRUE(std::isnan(static_cast<float>(bf16(x))));
}

TEST(Error, IsOneLineWithAllItsParts) {
  try {
    fail(ErrorCode::config, {"config: model.heads", "a divisor of 8", "3\nor so", "use 4"});
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "[config: model.heads] expected a divisor of 8, got 3 or so; use 4");
    EXPECT_EQ(e.code(), ErrorCode::config);
  }
}

TEST(Shape, CountsAndPrints) {
  const Shape s{2, 3, 4};
  EXPECT_EQ(s.numel(), 24);
  EXPECT_EQ(s.str(), "[2, 3, 4]");
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1}), Error);
}

TEST(Tensor, ConvertsWithOneRounding) {
  Tensor t(DType::f64, {3});
  t.as<double>()[0] = 1.0 / 3.0;
  t.as<double>()[1] = -2.5;
  const Tensor h = convert(t.view(), DType::bf16);
  EXPECT_EQ(h.as<bf16>()[0].bits, bf16(static_cast<float>(1.0 / 3.0)).bits);
  EXPECT_EQ(get(h.view(), 1), -2.5);
  EXPECT_EQ(get(h.view(), 2), 0.0);
}

TEST(Buffer, IsAlignedZeroedAndPoisonable) {
  for (const size_t n : {size_t{1}, size_t{63}, size_t{5000}, size_t{3} << 20}) {
    Buffer b(n);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data()) % 64, 0u);
    EXPECT_EQ(static_cast<char*>(b.data())[n - 1], 0);
    poison(b.data(), n);
    if (n < 8) continue;
    EXPECT_TRUE(std::isnan(*static_cast<double*>(b.data())));
    EXPECT_TRUE(std::isnan(*static_cast<float*>(b.data())));
  }
}

TEST(Random, DependsOnSeedNameAndIndexAlone) {
  const Random a(1, "model.embed_tokens.weight");
  EXPECT_EQ(a.bits(7), Random(1, "model.embed_tokens.weight").bits(7));
  EXPECT_NE(a.bits(7), a.bits(8));
  EXPECT_NE(a.bits(7), Random(2, "model.embed_tokens.weight").bits(7));
  EXPECT_NE(a.bits(7), Random(1, "lm_head.weight").bits(7));
}

TEST(Random, NormalHasTheMomentsOfANormal) {
  const Random r(3, "moments");
  double m1 = 0, m2 = 0, m4 = 0;
  const int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double x = r.normal(static_cast<uint64_t>(i));
    m1 += x;
    m2 += x * x;
    m4 += x * x * x * x;
  }
  EXPECT_NEAR(m1 / n, 0.0, 0.01);
  EXPECT_NEAR(m2 / n, 1.0, 0.02);
  EXPECT_NEAR(m4 / n, 3.0, 0.1);
}

TEST(Random, BelowIsInRangeAndEven) {
  const Random r(4, "dice");
  int count[6] = {};
  for (uint64_t i = 0; i < 60000; ++i) ++count[r.below(i, 6)];
  for (const int c : count) EXPECT_NEAR(c, 10000, 500);
}

}  // namespace
TEST(Tensor, SideBySideShareOneBlock) {
  const std::vector<TensorDesc> descs = {
      {DType::bf16, {3, 5}}, {DType::f32, {0}}, {DType::u8, {7}}, {DType::f64, {2, 2}}};
  std::vector<Tensor> tensors = Tensor::side_by_side(descs);
  ASSERT_EQ(tensors.size(), descs.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(tensors[i].desc(), descs[i]);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensors[i].data()) % 64, 0u);
  }
  EXPECT_EQ(tensors[2].as<std::byte>() - tensors[0].as<std::byte>(), 64);  // 30 bytes, padded
  EXPECT_EQ(tensors[3].as<std::byte>() - tensors[2].as<std::byte>(), 64);
  tensors[3].span<double>()[3] = 5;
  const Tensor last = std::move(tensors[3]);
  tensors.clear();  // the block stays as long as one of them does
  EXPECT_EQ(last.span<double>()[0], 0);
  EXPECT_EQ(last.span<double>()[3], 5);
}

}  // namespace weft
