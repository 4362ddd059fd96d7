// A model: what it is, what follows from it, and its weights; reading it from and writing it to
// disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/toml.h"
#include "model/axes.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/parameters.h"

namespace weft {

struct Model {
  ModelConfig config;
  Layout layout;
  Parameters parameters;
};

/// A freshly initialised model. Throws Error(config) where the configuration cannot work.
Model make_model(const ModelConfig& config, uint64_t seed, DType master = DType::f32,
                 WeightCopies copies = WeightCopies::master, const Axes& axes = Axes());

/// RUN/checkpoints/step-N, and the N of all that are there, ascending. One without config.json is
/// being removed and no checkpoint, or it was copied in part.
std::filesystem::path step_folder(const std::filesystem::path& run, int64_t step);
std::vector<int64_t> step_folders(const std::filesystem::path& run);
/// The step that state.json of a checkpoint names; -1 where it names none.
int64_t step_of_checkpoint(const std::filesystem::path& checkpoint);

/// The checkpoint folder that a MODEL argument means: a checkpoint itself (holds config.json), or
/// of a run folder the one of the most steps. `latest` is a convenience for people: where it is no
/// link into the run but a folder of its own, as copies that follow links make it, it counts by the
/// step that it holds. Throws Error(input) with what was looked for, and where the newest
/// checkpoint is there in part only: older weights are never read unasked.
std::filesystem::path find_checkpoint(const std::filesystem::path& model);

/// Reads config.json and model.safetensors of a checkpoint. `precision`: the type to compute in
/// (f64, f32 or bf16); none: the type of the stored weights. Any program may have written the
/// weights: names, shapes and types are checked, every missing, surplus or misshapen tensor is an
/// Error(input), but that buffers of old files and a tied head stored twice are passed over
/// (model/weights_file.h). `overrides`: keys of [model] that give the same weights another reading,
/// such as model.loop.repeats; Error(config) for other tables, Error(input) where the weights do
/// not fit.
Model load_model(const std::filesystem::path& checkpoint, std::optional<DType> precision = {},
                 const Axes& axes = Axes(), const std::vector<io::Override>& overrides = {});
/// Reads the values of existing parameters, those of a model of `config`, from a checkpoint's
/// model.safetensors, with the same checks.
void load_weights(const std::filesystem::path& checkpoint, const ModelConfig& config,
                  Parameters& parameters);
/// The type that programs over this model compute in.
DType compute_dtype(const Model& model);

/// A model of int8 weights (Parameters::quantise) as one of f32 weights of the same values, to
/// evaluate. A tied table, whose use as the head was rounded, becomes two. Error(config) as
/// make_model.
Model dequantised(const Model& model, const Axes& axes = Axes());

/// Writes config.json and model.safetensors into an existing folder (f32 masters; bf16 where there
/// is no master), flushed to disk; Error(usage) for int8 weights. Callers make the folder appear
/// atomically (io/file.h).
void save_model(const std::filesystem::path& folder, const Model& model);

}  // namespace weft
