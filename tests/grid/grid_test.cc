// The grid: every mechanism x position x wiring that is registered, and compositions of them, at
// tiny size. What must hold of a cell is defined in lab/checks, for `weft check CONFIG` too.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>

#include "grid/cells.h"
#include "grid/stack.h"
#include "io/testing.h"
#include "lab/checks/check.h"
#include "model/wirings/registry.h"

namespace weft::grid {
namespace {

std::string with_underscores(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

// Taking tokens back must not be refused where every key is kept.
bool keeps_all_keys(const ModelConfig& config) {
  const MechanismRegistry mechanisms;
  return std::all_of(config.layer.begin(), config.layer.end(), [&](const LayerConfig& l) {
    return l.window == 0 && !mechanisms.find(l.mechanism).traits.recurrent;
  });
}

void expect_holds(const Cell& cell, const checks::Check& check, Isa isa) {
  const io::ScratchFolder scratch;
  checks::Subject subject(cell.config, Axes(), scratch.path().string());
  subject.isa = isa;
  const checks::Result result = checks::run(check, subject);
  EXPECT_TRUE(result.ok) << check.question << "\n"
                         << "measured " << result.measured << ", limit " << result.limit << "\n"
                         << result.message;
  if (check.name == "rollback" && keeps_all_keys(cell.config)) {
    EXPECT_FALSE(result.skipped) << result.message;
  }
}

class Grid : public testing::TestWithParam<std::tuple<Cell, checks::Check>> {};

TEST_P(Grid, Holds) {
  const auto& [cell, check] = GetParam();
  expect_holds(cell, check, best_isa());
}

std::string cell_name(const testing::TestParamInfo<Grid::ParamType>& info) {
  return std::get<0>(info.param).name + "__" + with_underscores(std::get<1>(info.param).name);
}

INSTANTIATE_TEST_SUITE_P(Cells, Grid,
                         testing::Combine(testing::ValuesIn(all_cells()),
                                          testing::ValuesIn(checks::all().begin(),
                                                            checks::all().end())),
                         cell_name);

// The kernels of a weaker machine, on a sample that has every mechanism at every position and every
// wiring; all cells would take as long as the grid for each instruction set.
class GridOnWeaker : public testing::TestWithParam<std::tuple<Isa, Cell, checks::Check>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GridOnWeaker);

TEST_P(GridOnWeaker, Holds) {
  const auto& [isa, cell, check] = GetParam();
  expect_holds(cell, check, isa);
}

std::vector<Isa> weaker_isas() {
  std::vector<Isa> here = isas_here();
  here.erase(here.begin());
  return here;
}

std::string sample_name(const testing::TestParamInfo<GridOnWeaker::ParamType>& info) {
  const auto& [isa, cell, check] = info.param;
  return std::string(name_of(isa)) + "__" + cell.name + "__" + with_underscores(check.name);
}

INSTANTIATE_TEST_SUITE_P(
    Sample, GridOnWeaker,
    testing::Combine(testing::ValuesIn(weaker_isas()), testing::ValuesIn(sample_cells()),
                     testing::ValuesIn(checks::all().begin(), checks::all().end())),
    sample_name);

// A wiring cannot be registered without saying when it is neutral; the few that never are, are
// listed here.
TEST(Grid, EveryWiringHasANeutralSetting) {
  const WiringRegistry registry;
  for (const WiringInfo& w : registry.all()) {
    EXPECT_TRUE(w.neutral != nullptr) << w.name;
  }
}

// "layer 3 of 4" and "layer 2 of 4" are one reason.
std::string without_numbers(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) {
      out += c;
    } else if (out.empty() || out.back() != '#') {
      out += '#';
    }
  }
  return out;
}

// Why combinations are refused, and how many there are of each: a grid that shrinks is a change of
// this file, which somebody has to agree to.
TEST(Grid, RefusesWhatItAlwaysRefused) {
  const Enumeration grid = enumerate();
  std::map<std::string, int> reasons;
  for (const Rejection& r : grid.rejections) ++reasons[without_numbers(r.reason)];
  std::ostringstream got;
  got << grid.cells.size() << " cells\n" << grid.rejections.size() << " combinations refused\n";
  for (const auto& [reason, count] : reasons) got << count << "  " << reason << "\n";
  const std::string path = WEFT_SOURCE_DIR "/tests/grid/refused.txt";
  std::stringstream want;
  want << std::ifstream(path).rdbuf();
  if (got.str() == want.str()) return;
  const std::string fresh = testing::TempDir() + "refused.txt";
  std::ofstream(fresh) << got.str();
  ADD_FAILURE() << "the grid is another; diff " << path << " " << fresh;
}

void expect_every_name(const std::vector<Cell>& cells) {
  std::string names;
  for (const Cell& c : cells) names += "__" + c.name + "__\n";
  const auto expect_in_names = [&](std::string_view name) {
    EXPECT_NE(names.find("__" + with_underscores(name) + "__"), std::string::npos) << name;
  };
  const Axes axes;
  for (const WiringInfo& w : axes.wirings.all()) expect_in_names(w.name);
  for (const PositionInfo* p : axes.positions.all()) expect_in_names(p->name);
  for (const MechanismInfo* m : axes.mechanisms.all()) expect_in_names(m->name);
}

TEST(Grid, HasEveryRegisteredName) {
  expect_every_name(all_cells());
}

TEST(Grid, TheSampleHasEveryRegisteredName) {
  const std::vector<Cell> sample = sample_cells();
  expect_every_name(sample);
  EXPECT_LT(10 * sample.size(), 2 * all_cells().size()) << "no sample any more";
}

}  // namespace
}  // namespace weft::grid
