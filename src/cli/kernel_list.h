// The kernels of the ops and what stands against each of them, for `weft kernels` and `weft check`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ops/kernel.h"

namespace weft::cli {

/// An op with its kernels, fastest first, for every type that some kernel takes.
struct KernelList {
  std::string op, formula;
  std::vector<KernelChoice> kernels;
};
std::vector<KernelList> kernel_lists(const Runtime& runtime);

/// "chosen", "works, slower", "works, last" (the reference), "needs avx512".
std::string standing(const KernelChoice& kernel);

/// The same in JSON: `standing`, `chosen`, and `refused` with the reason alone.
void add_standing(const KernelChoice& kernel, nlohmann::json& row);

/// An instruction set and why no kernel of it is taken; empty: they are.
struct IsaState {
  std::string_view name;
  std::string refused;
};
/// All of them, strongest first.
std::vector<IsaState> isa_states(const Runtime& runtime);
/// They in lines, with what becomes of products of bf16.
std::string isa_text(const Runtime& runtime);
/// The same in JSON: `isas`, `bf16_dot`.
void add_isas(const Runtime& runtime, nlohmann::json& document);
/// True where bf16 is multiplied by f32 instructions, with the same rounding points.
bool widens_bf16(const Runtime& runtime);

}  // namespace weft::cli
