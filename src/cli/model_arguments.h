// What verbs over a trained model share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/tasks/task.h"
#include "data/tokenizer.h"
#include "model/model.h"

namespace weft::cli {

struct LoadedModel {
  std::filesystem::path checkpoint;
  Model model;
  std::unique_ptr<Tokenizer> tokenizer;  ///< null where it was trained on a task
  std::optional<TaskSettings> task;
};

/// Loads a run, checkpoint or model folder. `precision`: "" (that of the weights), f32, bf16,
/// f64, or int8: matrices rounded to integers, activations in the type of the weights. `settings`:
/// "model.loop.repeats=4", keys of [model] that leave the weights what they are.
LoadedModel load(const std::string& model, const std::string& precision,
                 const std::vector<std::string>& settings = {});

/// True where the checkpoint that this names was trained on a task; false also where there is none.
bool is_of_task(const std::string& model);

/// f32, bf16 or f64; nothing for "". Throws Error(usage).
std::optional<DType> parse_precision(const std::string& text);

/// Throws Error(usage) where `bytes` are more than this machine has. `what`: "a cache of 5 tokens".
void refuse_beyond_memory(double bytes, const std::string& what, const std::string& hint);

}  // namespace weft::cli
