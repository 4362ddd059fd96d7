// A run that stops, lies on disk and goes on is the run that never stopped: in every cell of the
// grid, to the bit, with another number of threads.
#include <gtest/gtest.h>

#include "base/compare.h"
#include "grid/cells.h"
#include "grid/runner.h"
#include "io/testing.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

namespace weft::grid {
namespace {

// Every number of the state counts: the warm-up is not over, both moments are in use.
TrainConfig train_config(DType precision) {
  TrainConfig c;
  c.steps = 4;
  c.batch = kBatch;
  c.accumulate = 2;
  c.seed = 3;
  c.precision = precision;
  c.lr = 1e-2;
  c.warmup = 3;
  return c;
}

Corpus corpus_for(const ModelConfig& config) {
  std::string text;
  for (const int32_t t : random_tokens(config, 300, "corpus")) text += static_cast<char>(t);
  return Corpus::of_text(text, ByteTokenizer());
}

// A model in training; one with random weights starts a run, one without awaits a checkpoint's.
struct Training {
  Corpus corpus;
  Model model;
  Trainer trainer;
  TrainWindows windows;

  static Model make(const ModelConfig& config, DType precision, bool random) {
    Model m = make_model(config, 99, DType::f32, Trainer::weight_copies(precision));
    if (random) m.parameters = random_parameters(config, m.layout, precision);
    return m;
  }
  static Trainer::Options options(DType precision, int threads) {
    Trainer::Options o;
    o.train = train_config(precision);
    o.runtime.threads = threads;
    return o;
  }
  Training(const ModelConfig& config, DType precision, int threads, bool random)
      : corpus(corpus_for(config)),
        model(make(config, precision, random)),
        trainer(model, options(precision, threads)),
        windows(corpus, {0, corpus.size()}, {3, kBatch, 2, config.context}) {}

  void steps(int64_t first, int64_t last) {
    for (int64_t s = first; s <= last; ++s) trainer.step(s, windows);
  }
};

void expect_same_state(Training& got, Training& want) {
  const Parameters &a = got.model.parameters, &b = want.model.parameters;
  ASSERT_EQ(a.count(), b.count());
  for (int p = 0; p < a.count(); ++p) {
    EXPECT_TRUE(same_bits(a.master(p), b.master(p))) << a.spec(p).name;
    EXPECT_TRUE(same_bits(a.bf16_copy(p), b.bf16_copy(p))) << a.spec(p).name;
  }
  const auto x = got.trainer.optimizer().state(), y = want.trainer.optimizer().state();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_TRUE(same_bits(x[i].tensor, y[i].tensor)) << x[i].name;
  }
}

// In bf16 where heads are grouped: of every wiring and mechanism some cell.
class Resume : public testing::TestWithParam<Cell> {};

TEST_P(Resume, ReachesTheSameBits) {
  const ModelConfig& config = GetParam().config;
  std::vector<DType> precisions = {DType::f32};
  if (config.layer[0].kv_heads != config.heads) precisions.push_back(DType::bf16);
  for (const DType precision : precisions) {
    SCOPED_TRACE(name_of(precision));
    const io::ScratchFolder run;
    std::filesystem::create_directory(run / "checkpoints");
    Training straight(config, precision, 1, true);
    straight.steps(1, 2);
    const io::Path checkpoint =
        write_checkpoint(run.path(), straight.model, straight.trainer.optimizer(), ByteTokenizer(),
                         train_config(precision), {.step = 2, .seed = 3});
    Training resumed(config, precision, 3, false);
    const TrainState state =
        read_checkpoint(checkpoint, resumed.model, resumed.trainer.optimizer());
    ASSERT_EQ(state.step, 2);
    expect_same_state(resumed, straight);
    straight.steps(3, 4);
    // What the comparison at the end would not notice: that nothing has moved.
    for (int p = 0; p < straight.model.parameters.count(); ++p) {
      EXPECT_FALSE(
          same_bits(straight.model.parameters.master(p), resumed.model.parameters.master(p)))
          << straight.model.parameters.spec(p).name;
    }
    resumed.steps(state.step + 1, 4);
    expect_same_state(resumed, straight);
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, Resume, testing::ValuesIn(all_cells()),
                         [](const auto& cell) { return cell.param.name; });

}  // namespace
}  // namespace weft::grid
