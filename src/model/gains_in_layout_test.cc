#include "model/gains_in_layout.h"

#include <filesystem>

#include "base/error.h"
#include "model/formula.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

class GainsInLayout : public ::testing::Test {
 protected:
  GainsInLayout() { std::filesystem::create_directories(folder_); }
  ~GainsInLayout() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  io::SafeTensors file(const std::string& name, Shape shape, const std::vector<float>& values) {
    Tensor tensor(DType::f32, shape);
    std::copy(values.begin(), values.end(), static_cast<float*>(tensor.view().data));
    const io::NamedTensor named{name, tensor.view()};
    io::write_safetensors(folder_ / "model.safetensors", {&named, 1});
    return io::SafeTensors::open(folder_ / "model.safetensors");
  }

  const io::Path folder_ = io::Path(::testing::TempDir()) /
                           (std::string("weft-gains-") +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name());
  const ModelConfig config_ =
      with(plain({3, 2, 16, 8, 11}), "value-residual", {{"variant", std::string("learnable")}});
  Layout layout_ = derive_layout(config_);
};

TEST_F(GainsInLayout, StandInThePlaceOfTheFirstOnes) {
  const io::SafeTensors weights =
      file("model.wiring.value-residual.gains", {2, 2}, {0.25f, 1, 0.75f, 1});
  EXPECT_TRUE(set_gains(layout_, weights));
  EXPECT_EQ(layout_.gain_tensors.at(0).init, (std::vector<double>{0.25, 1, 0.75, 1}));
  EXPECT_EQ(formulas(config_, layout_).at(0).text, "v[l] = (0.25 to 0.75) v[0] + (1) v[l]");
}

TEST_F(GainsInLayout, OfAnotherModelAreRefused) {
  const io::SafeTensors weights = file("model.wiring.value-residual.gains", {2}, {1, 1});
  EXPECT_THROW(set_gains(layout_, weights), Error);
}

TEST_F(GainsInLayout, NoneLeaveTheLayoutAsItIs) {
  const std::vector<double> before = layout_.gain_tensors.at(0).init;
  EXPECT_FALSE(set_gains(layout_, file("model.norm.weight", {2}, {1, 1})));
  EXPECT_EQ(layout_.gain_tensors.at(0).init, before);
}

}  // namespace
}  // namespace weft
