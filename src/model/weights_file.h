// model.safetensors of a checkpoint against the parameters of its model.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "model/parameter_list.h"

namespace weft {

inline constexpr const char* kWeightsFile = "model.safetensors";

/// Opens the weights of a checkpoint folder. Throws Error(input): where they lie there in another
/// form (shards, PyTorch, GGUF), naming it and how to convert it.
io::SafeTensors open_weights(const std::filesystem::path& checkpoint);

/// What a file or folder holds in place of model.safetensors: "weights in 3 shards", "GGUF
/// weights"; "" where nothing of the kind is there.
std::string weights_of_another_kind(const std::filesystem::path& path);

/// Names, shapes and types of a file against the parameters, before a byte is allocated for them.
/// Passed over: buffers that other programs recompute (rotary frequencies, masks), and a second
/// copy of the table of a tied head (`tied`) that has the same bits. Throws Error(input) naming the
/// tensor that is missing, surplus, of another shape or type, or a head that differs.
void check_tensors(const io::SafeTensors& file, const std::vector<ParameterSpec>& specs, bool tied);

/// The type of the stored matrices; the widest where they differ. The file must be checked.
DType stored_dtype(const io::SafeTensors& file, const std::vector<ParameterSpec>& specs);

}  // namespace weft
