// Cache bytes of every scheme by their formulas, at every depth and number of kv heads; parameters
// and bytes of the published shapes.
#include <gtest/gtest.h>

#include "model/layout.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

class Depths : public ::testing::TestWithParam<int64_t> {
 protected:
  int64_t layers_ = GetParam();
};

// Bytes in units of one k or v tensor of a layer, Hkv * head_dim * bytes.
void expect_units(const ModelConfig& c, double units, const std::string& what) {
  const int64_t unit = c.layer[0].kv_heads * c.head_dim * 2;
  EXPECT_EQ(static_cast<double>(cache_bytes(c)), units * static_cast<double>(unit))
      << what << ", " << c.layers << " layers of " << c.layer[0].kv_heads;
}

TEST_P(Depths, CacheBytesFollowTheirFormulas) {
  const int64_t n = layers_;
  for (const int64_t kv_heads : {1, 2, 4, 8}) {
    const ModelConfig c = plain({n, 8, 32, 16, 11, kv_heads});
    const auto expect = [&](double units, std::string_view wiring, const Given& given = {}) {
      expect_units(with(c, wiring, given), units, std::string(wiring));
    };
    const auto l = static_cast<double>(n);
    expect_units(c, 2 * l, "plain");
    for (const char* wiring : {"value-residual", "neutreno", "dense", "cross-layer"})
      expect(2 * l, wiring);
    for (const char* variant : {"constant", "sparse", "learnable", "learnable-plus", "dense",
                                "gated", "identity-mapping"}) {
      expect(2 * l, "value-residual", {{"variant", variant}});
    }
    expect(l + 1, "shared-value");
    if (n > 2) expect(l + 2, "shared-value", {{"anchors", std::vector<int64_t>{n - 1}}});
    for (const int64_t share : {1, 2, 3, 4, 5}) {
      const auto owners = static_cast<double>(ceil_div(n, share));
      for (const char* spare : {"bottom", "top"}) {
        const Given both = {{"share", share}, {"spare", spare}};
        expect(2 * owners, "cla", both);
        for (const char* what : {"k", "v"}) {
          expect(l + owners, "cla", {{"share", share}, {"spare", spare}, {"what", what}});
        }
        if (share == 1) continue;
        expect_units(with(with(c, "shared-value"), "cla", both), owners + 1, "both");
      }
    }
    const auto middle = static_cast<double>(n / 2);
    expect(2 * (middle + 1), "yoco");
    if (n > 1) expect(l + middle, "yoco", {{"values_only", true}, {"owner", "M-1"}});
    if (kv_heads > 1) {
      for (const double rho : {0.5, 1.0}) {
        expect(l + 1 + (l - 1) * (1 - rho), "skipv1", {{"fraction", rho}});
      }
    }
  }
}

TEST_P(Depths, SkippingHeadsFollowTheirFormulas) {
  const int64_t n = layers_;
  for (const int64_t kv_heads : {2, 4, 8}) {
    const ModelConfig c = plain({n, 8, 32, 16, 11, kv_heads});
    const int64_t group = 8 / kv_heads;
    for (const int64_t s : {int64_t{1}, n / 4, n / 2, 3 * n / 4}) {
      if (s < 1 || s >= std::max<int64_t>(n, 2)) continue;
      for (const int64_t heads : {group, 4 / group * group, int64_t{8}}) {
        const double share = static_cast<double>(heads) / 8;
        const auto units = [&](int64_t kept) {
          const auto l = static_cast<double>(n), k = static_cast<double>(s >= n ? n : kept);
          return 2 * ((1 - share) * l + share * k);
        };
        const Given raw = {{"distance", s}, {"heads", heads}};
        Given final = raw;
        final["source"] = "final";
        expect_units(with(c, "skip-kv", raw), units(std::max(s, n - s)), "raw");
        expect_units(with(c, "skip-kv", final), units(s), "final");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, Depths, ::testing::Range<int64_t>(1, 27));

// Windows below the layer that all above it read: 2U(n + M min(n, w)).
TEST(WiringTables, WindowsBelowTheSharedLayer) {
  ModelConfig c = plain({8, 8, 32, 16, 11, 4});
  for (size_t l = 0; l < 4; ++l) c.layer[l].window = 16;
  const Layout layout = derive_layout(with(c, "yoco"));
  for (const int64_t context : {7, 16, 100}) {
    const int64_t unit = 4 * c.head_dim * 2;
    EXPECT_EQ(layout.cache.bytes(c.head_dim, 2, context),
              2 * unit * (context + 4 * std::min<int64_t>(context, 16)));
  }
}

struct Column {
  const char* name;
  ModelConfig (*make)(const Sizes&);
  int64_t bytes[3];  // f16, per token, at 82M, 180M, 468M; 0: no whole number of heads
};

Sizes grouped(Sizes s, int64_t group) {
  s.kv_heads = s.heads / group;
  return s;
}

TEST(WiringTables, BytesOfThePublishedShapes) {
  const std::vector<Column> columns = {
      {"plain", [](const Sizes& s) { return plain(s); }, {16384, 36864, 98304}},
      {"svformer",
       [](const Sizes& s) { return with(plain(s), "shared-value"); },
       {9216, 19968, 51200}},
      {"gqa/2", [](const Sizes& s) { return plain(grouped(s, 2)); }, {8192, 18432, 49152}},
      {"cla2", [](const Sizes& s) { return with(plain(s), "cla"); }, {8192, 18432, 49152}},
      {"svformer + gqa/4",
       [](const Sizes& s) { return with(plain(grouped(s, 4)), "shared-value"); },
       {2304, 4992, 12800}},
      {"gqa/8", [](const Sizes& s) { return plain(grouped(s, 8)); }, {2048, 0, 12288}},
      {"cla2 + gqa/4",
       [](const Sizes& s) { return with(plain(grouped(s, 4)), "cla"); },
       {2048, 4608, 12288}},
      {"svformer + cla2",
       [](const Sizes& s) { return with(with(plain(s), "cla"), "shared-value"); },
       {5120, 10752, 26624}},
      {"skipv1", [](const Sizes& s) { return with(plain(s), "skipv1"); }, {12800, 28416, 74752}},
      {"sla",
       [](const Sizes& s) {
         return with(plain(s), "skip-kv", {{"distance", s.layers / 4}, {"heads", 3 * s.heads / 4}});
       },
       {13312, 29952, 79872}},
      {"yoco", [](const Sizes& s) { return with(plain(s), "yoco"); }, {10240, 21504, 53248}},
  };
  const Sizes shapes[] = {k82M, k180M, k468M};
  for (const Column& column : columns) {
    for (int i = 0; i < 3; ++i) {
      if (column.bytes[i] == 0) continue;
      EXPECT_EQ(cache_bytes(column.make(shapes[i])), column.bytes[i]) << column.name << " " << i;
    }
  }
}

struct Row {
  const char* wiring;
  Given given;
  int64_t parameters[3];  // beyond the plain stack at 82M, 180M, 468M
};

TEST(WiringTables, ParametersOfThePublishedShapes) {
  const auto residual = [](const char* variant) { return Given{{"variant", variant}}; };
  const auto dense = [](int64_t dilation) { return Given{{"dilation", dilation}}; };
  const std::vector<Row> rows = {
      {"value-residual", residual("learnable"), {14, 22, 46}},
      {"value-residual", residual("learnable-plus"), {15, 23, 47}},
      {"value-residual", residual("dense"), {35, 77, 299}},
      {"value-residual", residual("gated"), {28728, 101508, 377200}},
      {"neutreno", {}, {0, 0, 0}},
      {"cross-layer", {}, {0, 0, 0}},
      {"shared-value", {}, {-1835008, -6488064, -24117248}},
      {"dense", {}, {44, 90, 324}},
      {"dense", dense(2), {24, 48, 168}},
      {"dense", dense(4), {14, 27, 90}},
      {"dense", {{"dilation", int64_t{4}}, {"period", int64_t{5}}}, {2, 5, 15}},
      {"cla", {}, {-2097152, -7077888, -25165824}},
      {"cla", {{"split_norm", true}}, {-2097152 + 4 * 512, -7077888 + 6 * 768, -25165824 + 12288}},
      {"skipv1", {}, {-917504, -3244032, -12058624}},
      {"yoco", {}, {-1572864, -5898240, -23068672}},
      {"yoco", {{"split_norm", true}}, {-1572864 + 512, -5898240 + 768, -23068672 + 1024}},
  };
  const Sizes shapes[] = {k82M, k180M, k468M};
  for (const Row& row : rows) {
    for (int i = 0; i < 3; ++i) {
      const ModelConfig c = plain(shapes[i]);
      EXPECT_EQ(parameters(with(c, row.wiring, row.given)) - parameters(c), row.parameters[i])
          << row.wiring << " " << i;
    }
  }
  const ModelConfig deep = plain({48, 16, 64, 64, 11});
  EXPECT_EQ(parameters(with(deep, "dense", {{"dilation", int64_t{4}}, {"period", int64_t{5}}})) -
                parameters(deep),
            62);
}

// arXiv 2405.12981, 20 layers, 16 heads of 128, f16; the uneven groupings are its own.
TEST(WiringTables, BytesOfTheSharingPaper) {
  const Sizes wide{20, 16, 2048, 64, 11}, one{20, 16, 2048, 64, 11, 1};
  EXPECT_EQ(cache_bytes(plain(wide)), 163840);
  EXPECT_EQ(cache_bytes(plain(one)), 10240);
  const int64_t bytes[] = {5120, 3584, 2560};
  for (const int64_t share : {2, 3, 4}) {
    EXPECT_EQ(cache_bytes(with(plain(one), "cla", {{"share", share}})), bytes[share - 2]);
  }
  std::vector<int64_t> keep_ends = {0};  // 0 | 1 2 | 3 4 | ... | 19
  for (int64_t l = 1; l < 19; ++l) keep_ends.push_back(l - (l - 1) % 2);
  keep_ends.push_back(19);
  EXPECT_EQ(cache_bytes(with(plain(one), "cla", {{"owners", keep_ends}})), 5632);
}

TEST(WiringTables, TheSpareGroupStandsAtTheBottom) {
  const Layout layout =
      derive_layout(with(plain({10, 4, 32, 16, 11}), "cla", {{"share", int64_t{3}}}));
  const int owners[] = {0, 1, 1, 1, 4, 4, 4, 7, 7, 7};
  for (int l = 0; l < 10; ++l) EXPECT_EQ(layout.resolve(Port::v, l, 0).layer, owners[l]);
}

}  // namespace
}  // namespace weft
