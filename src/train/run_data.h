// What a run trains and evaluates on: windows of text, or sequences of a task.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/corpus.h"
#include "data/tokenizer.h"
#include "train/checkpoint.h"
#include "train/run_config.h"

namespace weft {

struct RunData {
  std::unique_ptr<Tokenizer> tokenizer;  ///< null: a task
  std::unique_ptr<Corpus> train_text;    ///< windows point into it
  std::vector<Corpus> validation_texts;  ///< the same; one for each path that was named
  std::unique_ptr<TrainBatches> train;
  std::unique_ptr<EvalBatches> validation;          ///< null: nothing to evaluate on
  int64_t train_tokens = 0, validation_tokens = 0;  ///< of text
  std::vector<std::string> notes;                   ///< of the texts: Corpus::notes()

  DataContents train_contents() const;
  /// Of files that are named for validation; a held-out tail is part of the others.
  DataContents validation_contents() const;
};

/// Opens what the configuration names; a run of no steps may name none. `run`: the folder of the
/// run, no part of any data; "": none. Throws Error(config) where
/// it does not fit the model, Error(input) where text cannot be read or is too short.
RunData open_data(const RunConfig& config, const TaskRegistry& tasks = {},
                  const io::Path& run = {});

/// Throws Error(config) where a task does not go with the model or the length of the run.
void check_task(const RunConfig& config, const TaskRegistry& tasks = {});

}  // namespace weft
