// Rows of a table, chosen by tokens.
#pragma once

#include <memory>
#include <vector>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs: tokens i32 [rows, 1], each in [0, vocab) (whoever feeds a program checks them); table
/// [vocab, dim], f32 (f64 in f64 programs; bf16 where `dtype` is bf16, which gives the same bits).
/// Output y [rows, dim] of type `dtype`, f32 or bf16 (f64 where the table is). Backward: d_table,
/// f32 (f64 in f64 programs), rows in their order. plan() throws Error(config) for other shapes and
/// types.
std::unique_ptr<Op> make_embedding(int64_t vocab, int64_t dim, DType dtype);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> embedding_tags();
/// The kernel in every type.
std::vector<KernelRow> check_embedding(const Runtime& runtime);

}  // namespace weft
