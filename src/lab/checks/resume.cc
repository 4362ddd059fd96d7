// A run that stops, lies on disk and goes on is the run that never stopped.
#include <filesystem>

#include "base/compare.h"
#include "data/tokenizer.h"
#include "lab/checks/check.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

namespace weft::checks {
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

/// A model in training; one with random weights starts a run, one without awaits a checkpoint's.
struct Training {
  Corpus corpus;
  Model model;
  Trainer trainer;
  TrainWindows windows;

  static Model make(const Subject& s, DType precision, bool random) {
    Model m = make_model(s.config, 99, DType::f32, Trainer::weight_copies(precision), s.axes);
    if (random) m.parameters = s.weights(precision);
    return m;
  }
  static Trainer::Options options(const Subject& s, DType precision, int threads) {
    Trainer::Options o;
    o.train = train_config(precision);
    o.runtime = {threads, s.isa, {}};
    o.axes = s.axes;
    return o;
  }
  Training(const Subject& s, DType precision, int threads, bool random)
      : corpus(corpus_for(s.config)),
        model(make(s, precision, random)),
        trainer(model, options(s, precision, threads)),
        windows(corpus, {0, corpus.size()}, {3, kBatch, 2, s.config.context}) {}

  void steps(int64_t first, int64_t last) {
    for (int64_t s = first; s <= last; ++s) trainer.step(s, windows);
  }
};

void expect_same_state(Faults& faults, Training& got, Training& want, const char* when) {
  const Parameters &a = got.model.parameters, &b = want.model.parameters;
  for (int p = 0; p < a.count(); ++p) {
    faults.expect(same_bits(a.master(p), b.master(p)) && same_bits(a.bf16_copy(p), b.bf16_copy(p)),
                  [&] { return std::string("other weights ") + when + ": " + a.spec(p).name; });
  }
  const auto x = got.trainer.optimizer().state(), y = want.trainer.optimizer().state();
  for (size_t i = 0; i < x.size(); ++i) {
    faults.expect(same_bits(x[i].tensor, y[i].tensor),
                  [&] { return std::string("other optimiser ") + when + ": " + x[i].name; });
  }
}

/// A folder below `scratch` that goes away with the object.
class RunFolder {
 public:
  explicit RunFolder(const std::string& scratch) : path_(std::filesystem::path(scratch) / "run") {
    std::filesystem::create_directories(path_ / "checkpoints");
  }
  ~RunFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

Result resume(const Subject& s) {
  if (s.scratch.empty()) return skip("no folder to write a checkpoint into");
  Faults faults;
  for (const DType precision : {DType::f32, DType::bf16}) {
    const RunFolder run(s.scratch);
    Training straight(s, precision, 1, true);
    straight.steps(1, 2);
    const io::Path checkpoint =
        write_checkpoint(run.path(), straight.model, straight.trainer.optimizer().state(),
                         ByteTokenizer(), train_config(precision), {.step = 2, .seed = 3});
    // On other threads, and in another order of events: nothing but the files may carry over.
    Training resumed(s, precision, 3, false);
    const TrainState state =
        read_checkpoint(checkpoint, resumed.model, resumed.trainer.optimizer(), s.axes);
    expect_same_state(faults, resumed, straight, "in the checkpoint");
    straight.steps(3, 4);
    // What the comparison at the end would not notice: that nothing has moved.
    for (int p = 0; p < straight.model.parameters.count(); ++p) {
      faults.expect(
          !same_bits(straight.model.parameters.master(p), resumed.model.parameters.master(p)),
          [&] { return straight.model.parameters.spec(p).name + " does not learn"; });
    }
    resumed.steps(state.step + 1, 4);
    expect_same_state(faults, resumed, straight, "after two more steps");
  }
  return faults.result();
}

}  // namespace weft::checks
