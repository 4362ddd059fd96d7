// The tables [data] and [train] of a configuration.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "data/tasks/task.h"
#include "io/value.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace weft {

/// Text, or a task in its place.
struct DataConfig {
  std::vector<std::string> train;       ///< files and folders
  std::vector<std::string> validation;  ///< the same; empty: the held-out tail, if any
  double holdout = 0;                   ///< tail fraction of the training data, [0, 1)
  std::string tokenizer = "byte";
  bool mask_documents = false;  ///< no attention across separators
  bool binary = false;          ///< take files that are not text too
  TaskSettings task;            ///< generated sequences; no name: text

  bool is_task() const { return !task.name.empty(); }
  bool operator==(const DataConfig&) const = default;
};

struct TrainConfig {
  std::string from;  ///< the model whose weights a run starts from; empty: fresh ones
  int64_t steps = 1000;
  int64_t batch = 8;             ///< windows of model.context tokens in one forward and backward
  int64_t accumulate = 1;        ///< such batches in one update
  uint64_t seed = 0;             ///< of the weights and of the order of the data
  DType precision = DType::f32;  ///< f32 or bf16
  bool recompute = false;        ///< activations of a block are made again for its backward

  ScheduleKind schedule = ScheduleKind::cosine;
  double lr = 1e-3;
  double min_lr = 1e-4;  ///< absolute; lr / 10 where the configuration does not say
  double warmup_lr = 0;  ///< absolute, where the warm-up starts
  int64_t warmup = 100;  ///< steps; more than `steps` counts as `steps`
  double decay_fraction = 0.2;

  OptimizerConfig optimizer;

  int64_t log_every = 10;    ///< steps; the last is always logged
  int64_t eval_every = 250;  ///< steps; 0: after the last only
  /// Of an evaluation on text: times kEvalWindows windows of model.context tokens, whatever `batch`
  /// is; 0: all of the validation data. A task says by itself how many sequences it is evaluated
  /// on.
  int64_t eval_batches = 16;
  static constexpr int64_t kEvalWindows = 8;
  int64_t checkpoint_every = 250;  ///< steps; 0: after the last only
  int64_t keep_checkpoints = 2;    ///< newest ones kept; 0: all

  Schedule rates() const;
};

/// Reads a table, filling in defaults. Throws Error(config) naming the key at an unknown one (with
/// the nearest), a wrong type or a value out of range. `file` is for messages.
DataConfig read_data_config(const io::Value& table, std::string_view file = "",
                            const TaskRegistry& tasks = {});
TrainConfig read_train_config(const io::Value& table, std::string_view file = "");
/// The same tables with every key spelled out; reading them gives the configuration back.
io::Value write_data_config(const DataConfig& config);
io::Value write_train_config(const TrainConfig& config);

}  // namespace weft
