#include "cli/bench_compare.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weft::cli {
namespace {

BenchResult row(const std::string& name, double seconds, double spread, Bound bound) {
  BenchResult r = timed(name, {seconds, spread, 5});
  r.bound = bound;
  return r;
}

BenchDocument run(const Peaks& peaks, std::vector<BenchResult> rows) {
  BenchDocument d;
  d.peaks = peaks;
  d.machine = "Loom";
  d.results = std::move(rows);
  return d;
}

TEST(BenchCompare, NoiseIsSpreadsPeaksAndAFloor) {
  const Peaks peaks{200, 400, 40}, slower{200, 400, 20};
  const BenchResult a = row("a", 1, 0.02, Bound::gemm_f32), b = row("a", 1, 0.05, Bound::gemm_f32);
  EXPECT_NEAR(noise_of(a, peaks, b, peaks), 0.10, 1e-12);
  // The memory was slower, which does not bound this row; of an unbounded row it may be what
  // counts.
  EXPECT_NEAR(noise_of(a, peaks, b, slower), 0.10, 1e-12);
  const BenchResult memory = row("a", 1, 0.05, Bound::bandwidth);
  EXPECT_NEAR(noise_of(a, peaks, memory, slower), 0.10 + std::log(2), 1e-12);
  EXPECT_NEAR(noise_of(a, slower, memory, peaks), 0.10 + std::log(2), 1e-12);
  BenchResult core = b;  // a file does not keep the share
  core.share_of_machine = 0.5;
  EXPECT_NEAR(noise_of(a, peaks, core, peaks), 0.10, 1e-12);
  const BenchResult unbounded = row("a", 1, 0.05, Bound::none);
  EXPECT_NEAR(noise_of(a, peaks, unbounded, slower), 0.10 + std::log(2), 1e-12);
}

TEST(BenchCompare, ToldApartBeyondTheNoiseOnly) {
  const Peaks peaks{200, 400, 40};
  const auto at = [](const std::string& name, double seconds) {
    return row(name, seconds, 0.01, Bound::gemm_f32);
  };
  const BenchDocument before =
      run(peaks, {at("same", 1), at("slow", 1), at("fast", 1), at("edge", 1), at("gone", 1)});
  const BenchDocument now = run(
      peaks, {at("same", 1.04), at("slow", 1.2), at("fast", 0.5), at("edge", 0.96), at("new", 1)});
  const Comparison c = compare(before, now);
  ASSERT_EQ(c.changes.size(), 4u);
  EXPECT_FALSE(c.changes[0].slower() || c.changes[0].faster());
  EXPECT_TRUE(c.changes[1].slower());
  EXPECT_FALSE(c.changes[1].faster());
  EXPECT_TRUE(c.changes[2].faster());
  EXPECT_FALSE(c.changes[3].faster());
  EXPECT_EQ(c.gone, std::vector<std::string>{"gone"});
  EXPECT_EQ(c.added, std::vector<std::string>{"new"});
  const std::string text = comparison_text(c, before, now);
  EXPECT_NE(text.find("2 of 4 rows within the noise; 1 only before; 1 only now"), std::string::npos)
      << text;
  EXPECT_NE(text.find("slow        1.0 s   1.2 s   1.20     5%  slower"), std::string::npos)
      << text;
  EXPECT_LT(text.find("slower"), text.find("faster"));
  EXPECT_EQ(text.find("same  "), std::string::npos) << text;
  const nlohmann::json j = to_json(c, before);
  EXPECT_EQ(j["rows"][1]["verdict"], "slower");
  EXPECT_EQ(j["rows"][0]["verdict"], "same");
}

TEST(BenchCompare, ARunWithItselfShowsNothing) {
  const BenchDocument d =
      run({1, 1, 1}, {row("a", 1, 0, Bound::none), row("a", 2, 0, Bound::none)});
  const Comparison c = compare(d, d);
  EXPECT_EQ(c.changes.size(), 1u);
  EXPECT_NE(comparison_text(c, d, d).find("1 of 1 rows within"), std::string::npos);
}

}  // namespace
}  // namespace weft::cli
