#include "model/trained_gains.h"

#include <gtest/gtest.h>

#include "io/testing.h"
#include "io/toml.h"
#include "model/config_toml.h"
#include "model/model.h"

namespace weft {
namespace {

Model tiny(const std::string& more) {
  return make_model(read_model(io::parse_toml("vocab = 40\ndim = 16\nlayers = 4\nheads = 2\n"
                                              "head_dim = 8\nffn = 24\ncontext = 8\n" +
                                                  more,
                                              "test")),
                    7);
}

std::vector<TrainedGain> stored(const Model& model) {
  const io::ScratchFolder folder;
  save_model(folder.path(), model);
  return trained_gains(io::SafeTensors::open(folder / "model.safetensors"), model.layout);
}

TEST(TrainedGains, AreThoseOfTheFileByDestination) {
  Model model = tiny(
      "wiring = ['value-residual']\nwiring_args.value-residual = "
      "{ variant = 'learnable' }");
  const int p = model.parameters.find("model.wiring.value-residual.gains");
  ASSERT_GE(p, 0);
  const TensorView values = model.parameters.value(p);
  ASSERT_EQ(values.desc.shape, (Shape{3, 2}));
  for (int i = 0; i < 6; ++i) static_cast<float*>(values.data)[i] = 0.25f * static_cast<float>(i);
  const std::vector<TrainedGain> gains = stored(model);
  ASSERT_EQ(gains.size(), 1u);
  EXPECT_EQ(gains[0].name, "model.wiring.value-residual.gains");
  ASSERT_EQ(gains[0].rows.size(), 3u);
  for (size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(gains[0].rows[row].to, "v[" + std::to_string(row + 1) + "]");
    const double first = 0.5 * static_cast<double>(row);
    EXPECT_EQ(gains[0].rows[row].values, (std::vector<double>{first, first + 0.25}));
  }
  const std::string text = gains_text(gains);
  EXPECT_NE(text.find("v[3]"), std::string::npos) << text;
  EXPECT_NE(text.find("1.2500"), std::string::npos) << text;
}

// Whatever the kind of gain, every value is there once and in the order of the tensor.
TEST(TrainedGains, CoverEveryTensorOfEveryKind) {
  for (const char* more : {"wiring = ['dense']",
                           "wiring = ['value-residual']\n"
                           "wiring_args.value-residual = { variant = 'gated' }",
                           "wiring = ['value-residual']\n"
                           "wiring_args.value-residual = { variant = 'learnable-plus' }",
                           "wiring = ['value-residual', 'dense']\n"
                           "wiring_args.value-residual = { variant = 'dense' }"}) {
    const Model model = tiny(more);
    const std::vector<TrainedGain> gains = stored(model);
    ASSERT_EQ(gains.size(), model.layout.gain_tensors.size()) << more;
    for (const TrainedGain& gain : gains) {
      const TensorView want = model.parameters.value(model.parameters.find(gain.name));
      std::vector<double> values;
      for (const auto& row : gain.rows) {
        EXPECT_FALSE(row.to.empty()) << gain.name;
        values.insert(values.end(), row.values.begin(), row.values.end());
      }
      ASSERT_EQ(static_cast<int64_t>(values.size()), want.desc.shape.numel()) << gain.name;
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values[i], static_cast<const float*>(want.data)[i]) << gain.name << i;
      }
    }
    EXPECT_NE(gains_text(gains).find("model.wiring."), std::string::npos);
  }
  EXPECT_TRUE(stored(tiny("wiring = []")).empty());
  EXPECT_EQ(gains_text({}), "");
}

}  // namespace
}  // namespace weft
