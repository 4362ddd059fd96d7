// Fine-tuning: a run that starts from the weights of another model.
#pragma once

#include <string>
#include <vector>

#include "io/toml.h"
#include "model/model.h"
#include "train/run_config.h"

namespace weft {

/// The configuration of a run that is about to begin. `source`: as load_run_config takes it, or ""
/// where all follows from the overrides and the model. `from`: a MODEL whose weights it starts
/// from, in place of the source's train.from; "" and no train.from: fresh weights, as
/// load_run_config. With one, [model] is that of the MODEL, and what the source or an override says
/// of it must agree, but for model.context, which is of the texts and not of the weights;
/// train.from names the checkpoint itself. Throws Error(config) naming the key that does not agree,
/// or data.tokenizer where the model's ids are of another; Error(input) where there is no such
/// model.
RunConfig fresh_run_config(const std::string& source, const std::vector<io::Override>& overrides,
                           const std::string& from, const Axes& axes = Axes(),
                           const TaskRegistry& tasks = {});

/// Gives `model` the weights of a checkpoint of the same shapes, converted to its types. Throws
/// Error(input) where they are missing, damaged or of another model.
void start_from(const io::Path& checkpoint, Model& model);

}  // namespace weft
