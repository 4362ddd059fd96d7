#include "lab/icl/layout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace weft::icl {
namespace {

TEST(IclLayout, BlocksLieInOrder) {
  const ParameterLayout layout = layout_of({.layers = 2}, 3);
  const std::vector<ParameterBlock> expected = {{"layers.0.B", 0, 3, 3},
                                                {"layers.0.Q", 9, 3, 3},
                                                {"layers.1.B", 18, 3, 3},
                                                {"layers.1.Q", 27, 3, 3}};
  EXPECT_EQ(layout.blocks, expected);
  EXPECT_EQ(layout.at("layers.1.Q").offset, 27);
  EXPECT_FALSE(layout.has("layers.2.Q"));
  EXPECT_THROW(layout.at("layers.2.Q"), Error);
  EXPECT_THROW(layout_of({.layers = 0}, 3), Error);
}

TEST(IclLayout, SizesAreThePublishedOnes) {
  EXPECT_EQ(layout_of({}, 5).size, 150);
  EXPECT_EQ(layout_of({.form = Form::full}, 5).size, 216);
  EXPECT_EQ(layout_of({.form = Form::sparse}, 5).size, 75);
  EXPECT_EQ(layout_of({.form = Form::gdpp}, 5).live().size(), 5u);
  EXPECT_EQ(layout_of({.form = Form::diag4}, 5).size, 12);
  EXPECT_EQ(layout_of({.form = Form::full, .hidden = 30}, 5).size, 551);
  EXPECT_EQ(layout_of({.heads = 2, .tied = true}, 5).size, 100);
  EXPECT_EQ(layout_of({.heads = 2}, 5).blocks[3].name, "layers.0.heads.1.Q");
  // The coordinates that cannot matter: of the last layer, unless it is the first one again.
  EXPECT_EQ(layout_of({}, 5).live().size(), 125u);
  EXPECT_EQ(layout_of({.tied = true}, 5).live().size(), 50u);
  EXPECT_EQ(layout_of({.form = Form::full}, 5).live().size(), 186u);
  EXPECT_EQ(layout_of({.layers = 1, .form = Form::full}, 5).live().size(), 36u);
}

TEST(IclLayout, ParametersAtTheStart) {
  const ModelShape shape{.layers = 40, .form = Form::full, .hidden = 400, .init = 0.05};
  const std::vector<double> theta = initial_parameters(shape, 5, 3);
  const ParameterLayout layout = layout_of(shape, 5);
  EXPECT_EQ(theta, initial_parameters(shape, 5, 3));
  EXPECT_NE(theta, initial_parameters(shape, 5, 4));
  double squares = 0, most_in = 0, most_out = 0;
  int64_t normal = 0;
  for (const ParameterBlock& b : layout.blocks) {
    for (int64_t i = b.offset; i < b.offset + b.size(); ++i) {
      const double x = theta[static_cast<size_t>(i)];
      if (b.name.starts_with("layers.")) {
        squares += x * x;
        ++normal;
      } else {
        double& most = b.name.ends_with("1") ? most_in : most_out;
        most = std::max(most, std::abs(x));
      }
    }
  }
  // 2880 values: four standard errors of a variance are 0.11 of it.
  EXPECT_NEAR(squares / static_cast<double>(normal), 0.0025, 0.11 * 0.0025);
  EXPECT_LT(most_in, 1 / std::sqrt(5.));
  EXPECT_GT(most_in, 0.98 / std::sqrt(5.));
  EXPECT_LT(most_out, 1 / std::sqrt(400.));
  EXPECT_GT(most_out, 0.98 / std::sqrt(400.));
  // A block begins alike whatever else the model has.
  const std::vector<double> plain = initial_parameters({.layers = 2, .form = Form::full}, 5, 3);
  EXPECT_EQ(plain[0], theta[static_cast<size_t>(layout.at("layers.0.P").offset)]);
}

}  // namespace
}  // namespace weft::icl
