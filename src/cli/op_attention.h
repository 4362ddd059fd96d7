// Attention on tensors from a file, so that any other program can check ours.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "attention/positions/position.h"
#include "base/args.h"
#include "cli/op_layout.h"
#include "io/safetensors.h"

namespace weft::cli {

struct AttentionSettings {
  std::string mechanism = "softmax";
  Args mechanism_args;
  std::string position = "none";
  Args position_args;
  double scale = 0;  ///< 0: 1 / sqrt(D)
  int64_t window = 0;
  AxisOrder order = AxisOrder::bthd;  ///< of every tensor with heads and time, read and returned
};

/// Reads "key=value" settings: mechanism, position, scale, window, and the arguments of mechanism
/// and position bare. Throws Error(usage) or Error(config) at an unknown key or a wrong value.
AttentionSettings read_attention_settings(std::span<const std::string> settings);

struct NamedResult {
  std::string name;
  Tensor tensor;
};

struct AttentionRun {
  std::vector<NamedResult> tensors;
  std::string kernel;
  int64_t batch, queries, keys, heads, kv_heads, head_dim, value_dim;
  double seconds;  ///< of the ops: forward, and backward where there is a gradient of o
};

/// In the order bthd: q [B,T,H,D], k [B,S,Hkv,D], v [B,S,Hkv,Dv] with S >= T, query i at position
/// S-T+i; optional do [B,T,H,Dv], drem [B,T,H], w [H,Dv] (remainder=learned), sink_key [H,D] and
/// sink_value [H,Dv] (sink=key, key-value), and k2, v2 like k and v: a second set of keys and
/// values at the same positions. Returns o, rem (of a sink: its weight), and with do also dq and dX
/// of every other X. The type of q chooses the path. A normalisation of the output that belongs to
/// the mechanism runs where an argument asks for it, with its parameters at their initial values.
/// `runtime.kernel` must be the kernel that runs, or empty. Throws Error(input) at shapes and types
/// that do not fit.
AttentionRun run_attention(const io::SafeTensors& in, const AttentionSettings& settings,
                           const Runtime& runtime);

}  // namespace weft::cli
