// Who computes matrix products in this build, for the names of kernels: "onednn+avx2",
// "plain+neon".
#pragma once

#ifdef WEFT_NO_ONEDNN
#define WEFT_GEMM "plain"
#else
#define WEFT_GEMM "onednn"
#endif
