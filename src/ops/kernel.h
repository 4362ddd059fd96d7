// Ordered kernel lists: fastest first, `ref` last; every refusal has a reason. Tests and `weft
// check` walk the lists, so a kernel is tested by being listed.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "runtime/runtime.h"

namespace weft {

/// A few element types, held by value.
class DTypes {
 public:
  constexpr DTypes(std::initializer_list<DType> types) {
    for (const DType t : types) list_[count_++] = t;
  }
  constexpr const DType* begin() const { return list_.data(); }
  constexpr const DType* end() const { return list_.data() + count_; }

 private:
  std::array<DType, 6> list_{};
  size_t count_ = 0;
};

struct KernelTag {
  std::string_view name;  ///< "avx512", "onednn", "ref"
  Isa isa = Isa::generic;
  DTypes dtypes;
};

/// Functions of one kernel (a struct of function pointers, chosen by the op) under its tag.
template <class Functions>
struct Kernel {
  KernelTag tag;
  Functions functions;
};

/// Why a kernel cannot take this type on this machine; empty: it can.
std::string refusal(const KernelTag& tag, DType dtype, const Runtime& runtime);

/// The first kernel of the list that nothing refuses; reasons of those before it are appended.
template <class Functions>
const Kernel<Functions>& choose(std::string_view op, std::span<const Kernel<Functions>> list,
                                DType dtype, const Runtime& runtime,
                                std::vector<std::string>& refused) {
  for (const Kernel<Functions>& k : list) {
    const std::string why = refusal(k.tag, dtype, runtime);
    if (why.empty()) return k;
    refused.push_back(std::string(k.tag.name) + ": " + why);
  }
  fail(ErrorCode::usage, {std::string(op), "a kernel for " + std::string(name_of(dtype)), "none",
                          "see weft kernels"});
}

/// The tags of a kernel list.
template <class List>
std::vector<KernelTag> tags_of(const List& list) {
  std::vector<KernelTag> tags;
  for (const auto& kernel : list) tags.push_back(kernel.tag);
  return tags;
}

/// A kernel for one type as this machine sees it: one row of `weft kernels`.
struct KernelChoice {
  std::string_view kernel;
  DType dtype = DType::f32;
  std::string refused;  ///< why this machine cannot run it; empty: it can
  bool chosen = false;  ///< the first of its type that nothing refuses, which choose() takes
};

/// What choose() would find, for every type that some kernel takes. Runs nothing.
std::vector<KernelChoice> list_kernels(std::span<const KernelTag> tags, const Runtime& runtime);

/// One row of `weft check`.
struct KernelRow {
  std::string op, kernel, dtype;
  std::string refused;       ///< why this machine cannot run it; empty: it can
  double forward_error = 0;  ///< relative to the float64 reference
  double backward_error = 0;
  double forward_limit = 0;
  double backward_limit = 0;
  std::string fault = {};  ///< what is wrong beside accuracy: memory, other bits on other threads
  bool ok() const {
    return fault.empty() && forward_error <= forward_limit && backward_error <= backward_limit;
  }
};

/// An op as the registry knows it: check() runs every kernel that this machine can run, at odd
/// sizes, with random cotangents and poisoned memory, against the float64 reference.
struct OpInfo {
  std::string_view name;
  std::string_view formula;             ///< one line
  std::vector<KernelTag> (*kernels)();  ///< fastest first
  std::vector<KernelRow> (*check)(const Runtime& runtime);
};

/// Every op of the library, in the order of a block. (ops/registry.cc lists floor 2; attention adds
/// its own.)
std::span<const OpInfo> op_registry();

}  // namespace weft
