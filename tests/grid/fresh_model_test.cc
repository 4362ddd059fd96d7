// Models that nobody has trained yet: what a wiring adds to them, and what it must leave alone.
#include <gtest/gtest.h>

#include "base/compare.h"
#include "grid/cells.h"
#include "model/model.h"

namespace weft::grid {
namespace {

constexpr uint64_t kSeed = 7;

// The general initialisation of weights must not reach them.
TEST(FreshModels, GainsStartAsTheirWiringsSay) {
  int tensors = 0;
  for (const Cell& cell : all_cells()) {
    const Layout layout = derive_layout(cell.config);
    if (layout.gain_tensors.empty()) continue;
    SCOPED_TRACE(cell.name);
    const Model model = make_model(cell.config, kSeed);
    for (const GainTensor& g : layout.gain_tensors) {
      const int p = model.parameters.find("model.wiring." + g.name);
      ASSERT_GE(p, 0) << g.name;
      const TensorView got = model.parameters.master(p);
      ASSERT_EQ(got.desc.shape, g.shape) << g.name;
      for (int64_t i = 0; i < g.shape.numel(); ++i) {
        const double want = g.init.empty() ? 0 : g.init[static_cast<size_t>(i)];
        ASSERT_EQ(get(got, i), double(float(want))) << g.name << " " << i;
      }
      ++tensors;
    }
  }
  EXPECT_GT(tensors, 0);
}

// Random numbers belong to names: a projection that does not exist shifts none of the others, so a
// wired model and the plain one of the same seed are a pair.
TEST(FreshModels, AreThePlainOneApartFromTheWiring) {
  int64_t compared = 0, missing = 0;
  for (const Cell& cell : all_cells()) {
    if (cell.config.wiring.empty()) continue;
    SCOPED_TRACE(cell.name);
    ModelConfig bare = cell.config;
    bare.wiring.clear();
    const Parameters wired = make_model(cell.config, kSeed).parameters;
    const Parameters plain = make_model(bare, kSeed).parameters;
    for (int p = 0; p < plain.count(); ++p) {
      const int other = wired.find(plain.spec(p).name);
      if (other < 0 || wired.spec(other).shape != plain.spec(p).shape) {
        ++missing;
        continue;
      }
      EXPECT_TRUE(same_bits(wired.master(other), plain.master(p))) << plain.spec(p).name;
      ++compared;
    }
  }
  EXPECT_GT(missing, 0);
  EXPECT_GT(compared, missing);
}

}  // namespace
}  // namespace weft::grid
