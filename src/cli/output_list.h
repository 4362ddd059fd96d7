// What a verb has written to a safetensors file, as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "io/safetensors.h"

namespace weft::cli {

/// [{"name": "o", "dtype": "f32", "shape": [2, 64, 4, 32]}, ...]
inline nlohmann::json output_list(std::span<const io::NamedTensor> tensors) {
  nlohmann::json list = nlohmann::json::array();
  for (const io::NamedTensor& t : tensors) {
    nlohmann::json shape = nlohmann::json::array();
    for (int axis = 0; axis < t.tensor.desc.shape.rank(); ++axis) {
      shape.push_back(t.tensor.desc.shape[axis]);
    }
    list.push_back({{"name", t.name}, {"dtype", name_of(t.tensor.desc.dtype)}, {"shape", shape}});
  }
  return list;
}

}  // namespace weft::cli
