// The checkpoints of a run: written atomically, pruned, read back to continue to the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/tasks/task.h"
#include "data/tokenizer.h"
#include "io/file.h"
#include "model/model.h"
#include "train/optimizer.h"
#include "train/train_config.h"

namespace weft {

/// What a run reads, to notice that it is other text.
struct DataContents {
  std::string hash = {};  ///< of sizes and content of all files in their order; "": unknown
  std::vector<DataFile> files = {};  ///< none where there are more than a thousand
};
/// Of all files of some texts, one text after the other.
DataContents contents_of(std::span<const Corpus> texts);
/// What is there now that was not, in words: "a.txt with other content"; "" where nothing differs
/// or `before` is unknown. Paths alone make no difference.
std::string difference(const DataContents& before, const DataContents& now);

/// state.json: where a run stands. All random numbers are functions of the seed and a counter, so
/// these few numbers are the whole state beside weights and optimiser.
struct TrainState {
  int64_t step = 0;           ///< updates done
  int64_t tokens = 0;         ///< trained on
  int64_t windows = 0;        ///< data cursor: windows drawn
  int64_t corpus_tokens = 0;  ///< of the training data
  DataContents train_data = {}, validation_data = {};
  uint64_t seed = 0;
};

/// Writes RUN/checkpoints/step-N (config.json, model.safetensors, tokenizer.json,
/// optimizer.safetensors, state.json), points RUN/latest at it, and removes all but the newest
/// `train.keep_checkpoints`. A crash leaves the old checkpoints or also the new one. Returns its
/// path. `optimizer`: Optimizer::state(), or a copy of it. Throws Error(runtime) where writing
/// fails and where a weight is not finite, naming it; what was there is unharmed.
io::Path write_checkpoint(const io::Path& run, const Model& model,
                          std::span<const OptimizerTensor> optimizer, const Tokenizer& tokenizer,
                          const TrainConfig& train, const TrainState& state);
/// The same of a model trained on a task: task.json in place of tokenizer.json.
io::Path write_checkpoint(const io::Path& run, const Model& model,
                          std::span<const OptimizerTensor> optimizer, const TaskSettings& task,
                          const TrainConfig& train, const TrainState& state);

/// Reads weights and optimiser state back. Throws Error(input) where a file is missing, damaged or
/// of another model.
TrainState read_checkpoint(const io::Path& checkpoint, Model& model, Optimizer& optimizer,
                           const Axes& axes = Axes());

}  // namespace weft
