// The [model] table of a configuration, read and written.
#pragma once

#include <string_view>

#include "io/value.h"
#include "model/axes.h"
#include "model/config.h"

namespace weft {

/// Starts from the design, then applies what the table says; what neither says has its default,
/// which is the value of ModelConfig, except: sizes follow each other (model/sizes.h), kv_heads
/// follows the design (as many as heads where it says nothing). [[model.layer]]
/// entries count blocks and apply in order; an entry that changes the mechanism or position starts
/// from that one's default arguments. `file` is for messages. Throws Error(config) at "file:line:
/// key": unknown keys with the nearest known one, wrong types, values out of range, arguments of a
/// wiring that is not used, a size that is neither given nor follows.
ModelConfig read_model(const io::Value& table, std::string_view file = "",
                       const Axes& axes = Axes());

/// The configuration of a design at default sizes.
ModelConfig design_config(std::string_view design, const Axes& axes = Axes());

/// Every key resolved; read_model gives an equal configuration back.
io::Value write_model(const ModelConfig& config);

}  // namespace weft
