// What this machine reaches: the denominators of utilisation and roofline tables, measured and
// never taken from a data sheet.
#pragma once

#include <cstddef>
#include <span>

#include "base/dtype.h"
#include "runtime/runtime.h"

namespace weft {

/// Best rate of square matrix products of sizes 1024, 2048 and 4096, in GFLOP/s, from operands of
/// type f32 or bf16 into f32. Stops after about `seconds` (0.1 is enough for two sizes on two
/// cores); at least one product of the smallest size is timed. Allocates what the sizes need, or
/// takes the sizes that fit into `memory` (64-byte aligned, overwritten) where that is given.
/// Throws Error(usage) for other types, and where the smallest size does not fit.
double measure_gemm_peak(const Runtime& runtime, DType type, double seconds,
                         std::span<std::byte> memory = {});
/// Bytes that the smallest size needs.
size_t gemm_peak_bytes(const Runtime& runtime, DType type);

/// Best rate of reading memory with all threads, in GB/s, over a buffer of 256 MiB, which no cache
/// holds. Stops after about `seconds`; at least one pass is timed.
double measure_bandwidth(const Runtime& runtime, double seconds);

}  // namespace weft
