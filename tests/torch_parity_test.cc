// Training beside PyTorch: from the same weights, on the same batches, the same loss curve. Needs a
// Python with PyTorch: $WEFT_PYTHON, or python3. Without one the comparison is skipped.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "io/safetensors.h"
#include "io/toml.h"
#include "python_run.h"
#include "train/run_config.h"
#include "train/trainer.h"

namespace weft::system_test {
namespace {

constexpr int64_t kSteps = 50, kBatch = 4, kTime = 64;

RunConfig parity_config(const std::string& design) {
  const std::string text = fmt::format(R"(
    [model]
    design = "{}"
    dim = 64
    layers = 3
    heads = 4
    head_dim = 16
    ffn = 160
    context = {}
    [data]
    train = "text"
    [train]
    steps = {}
    batch = {}
    schedule = "constant"
    lr = 2e-3
    warmup = 10
    weight_decay = 0.1
    clip = 1.0
  )",
                                       design, kTime, kSteps, kBatch);
  return read_run_config(io::parse_toml(text, "parity.toml"));
}

// What both sides train from, and how Weft fares.
class Side {
 public:
  explicit Side(const std::string& design) : Side(parity_config(design)) {}
  explicit Side(const RunConfig& config)
      : config_(config),
        corpus_(Corpus::of_text(prose(120), ByteTokenizer())),
        model_(make_model(config_.model, 5)),
        windows_(corpus_, {0, corpus_.size()}, {.seed = 5, .batch = kBatch, .time = kTime}) {}

  const RunConfig& config() const { return config_; }

  /// The initial weights and all batches.
  void write(const std::filesystem::path& folder) const {
    save_model(folder, model_);
    Tensor tokens(DType::i32, {kSteps, kBatch, kTime}), labels(DType::i32, tokens.shape());
    const auto size = static_cast<size_t>(kBatch * kTime);
    for (int64_t s = 0; s < kSteps; ++s) {
      const size_t first = static_cast<size_t>(s) * size;
      windows_.fill(s, 0,
                    {tokens.span<int32_t>().subspan(first, size),
                     labels.span<int32_t>().subspan(first, size)});
    }
    const std::vector<io::NamedTensor> all = {{"tokens", tokens.view()}, {"labels", labels.view()}};
    io::write_safetensors(folder / "batches.safetensors", all);
  }

  std::vector<double> train() {
    Trainer::Options options;
    options.train = config_.train;
    options.runtime.threads = 1;
    Trainer trainer(model_, options);
    std::vector<double> losses;
    for (int64_t s = 1; s <= kSteps; ++s) losses.push_back(trainer.step(s, windows_).loss);
    return losses;
  }

 private:
  RunConfig config_;
  Corpus corpus_;
  Model model_;
  TrainWindows windows_;
};

std::vector<double> torch_losses(const Side& side, const std::filesystem::path& folder) {
  const TrainConfig& train = side.config().train;
  const OptimizerConfig& o = train.optimizer;
  std::vector<std::string> args = {WEFT_SOURCE_DIR "/tests/torch_parity.py", folder.string(),
                                   "--design", side.config().model.design};
  const auto add = [&](const char* name, double value) {
    args.insert(args.end(), {name, fmt::format("{}", value)});
  };
  add("--lr", train.lr);
  add("--warmup", static_cast<double>(train.warmup));
  add("--beta1", o.beta1);
  add("--beta2", o.beta2);
  add("--eps", o.eps);
  add("--weight-decay", o.weight_decay);
  add("--clip", o.clip);
  const Output got = run_python(args);
  EXPECT_EQ(got.code, 0) << got.err;
  std::vector<double> losses;
  std::istringstream lines(got.out);
  for (double loss = 0; lines >> loss;) losses.push_back(loss);
  return losses;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

class TorchParity : public testing::TestWithParam<std::string> {};

TEST_P(TorchParity, LossCurvesAgree) {
  if (!python_has("torch")) {
    GTEST_SKIP() << "no Python with PyTorch; set WEFT_PYTHON to one";
  }
  Side side(GetParam());
  const Scratch folder;
  side.write(folder / "");
  const std::vector<double> torch = torch_losses(side, folder / "");
  const std::vector<double> weft = side.train();
  ASSERT_EQ(torch.size(), weft.size());
  EXPECT_LT(weft.back(), weft.front() - 1) << "nothing was learned";
  EXPECT_LT(largest_difference(weft, torch), 1e-4);
  RecordProperty("largest_difference", fmt::format("{:.3g}", largest_difference(weft, torch)));
}

INSTANTIATE_TEST_SUITE_P(Designs, TorchParity,
                         testing::Values("transformer", "resformer", "stick-breaking"),
                         [](const auto& design) {
                           std::string name = design.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// What the limit above can tell: other designs and other optimisers part by far more.
TEST(TorchParity, TheLimitTellsApart) {
  const std::vector<double> transformer = Side("transformer").train();
  EXPECT_GT(largest_difference(transformer, Side("resformer").train()), 1e-2);
  EXPECT_GT(largest_difference(transformer, Side("stick-breaking").train()), 1e-2);
  RunConfig config = parity_config("transformer");
  config.train.optimizer.weight_decay = 0;
  EXPECT_GT(largest_difference(transformer, Side(config).train()), 1e-3);
  config = parity_config("transformer");
  config.train.optimizer.clip = 0;
  EXPECT_GT(largest_difference(transformer, Side(config).train()), 1e-3);
}

}  // namespace
}  // namespace weft::system_test
