// Everything that a training run is configured by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"
#include "io/toml.h"
#include "model/axes.h"
#include "model/config.h"
#include "train/train_config.h"

namespace weft {

struct RunConfig {
  ModelConfig model;
  DataConfig data;
  TrainConfig train;
};

/// Reads the tables [model], [data] and [train] of a tree. Throws Error(config) naming the key,
/// also where a task does not go with the model.
RunConfig read_run_config(const io::Value& root, std::string_view file = "",
                          const Axes& axes = Axes(), const TaskRegistry& tasks = {});
/// `source`: a TOML file or the name of a design; `overrides` are applied to it before it is read.
/// Throws Error(input) where it is neither.
RunConfig load_run_config(const std::string& source,
                          const std::vector<io::Override>& overrides = {},
                          const Axes& axes = Axes(), const TaskRegistry& tasks = {});
/// The tree that is read there, and the file that it stands in ("": a design). A source of "" has
/// nothing but the overrides.
io::Value load_run_tree(const std::string& source, const std::vector<io::Override>& overrides,
                        std::string& file);

/// The tree with every key spelled out. read_run_config gives the configuration back, and its TOML
/// text is what a run keeps as config.toml.
io::Value write_run_config(const RunConfig& config);

/// "train.lr": the first key in which two trees differ, in the order of `a`; "" where they do not.
std::string first_difference(const io::Value& a, const io::Value& b);

}  // namespace weft
