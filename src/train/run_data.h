// What a run trains and evaluates on: windows of text, or sequences of a task.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/batches.h"
#include "data/corpus.h"
#include "data/tokenizer.h"
#include "train/run_config.h"

namespace weft {

struct RunData {
  std::unique_ptr<Tokenizer> tokenizer;  ///< null: a task
  std::unique_ptr<Corpus> train_text;    ///< windows point into it
  std::vector<Corpus> validation_texts;  ///< the same; one for each path that was named
  std::unique_ptr<TrainBatches> train;
  std::unique_ptr<EvalBatches> validation;          ///< null: nothing to evaluate on
  int64_t train_tokens = 0, validation_tokens = 0;  ///< of text
};

/// Opens what the configuration names; a run of no steps may name none. Throws Error(config) where
/// it does not fit the model, Error(input) where text cannot be read or is too short.
RunData open_data(const RunConfig& config, const TaskRegistry& tasks = {});

/// Throws Error(config) where a task does not go with the model or the length of the run.
void check_task(const RunConfig& config, const TaskRegistry& tasks = {});

}  // namespace weft
