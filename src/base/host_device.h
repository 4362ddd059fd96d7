// What code carries that runs on the CPU and, compiled by nvcc, on a CUDA device too. Such code
// uses nothing of the standard library.
#pragma once

#ifdef __CUDACC__
#define WEFT_HOST_DEVICE __host__ __device__
#define WEFT_ALWAYS_INLINE __host__ __device__ __forceinline__
#else
#define WEFT_HOST_DEVICE
#define WEFT_ALWAYS_INLINE [[gnu::always_inline]] inline
#endif

namespace weft {

/// e^x and log x, on each machine by its own library. float on the CPU: the rounded f64 result.
template <class C>
WEFT_HOST_DEVICE C exponential(C x) {
#ifdef __CUDA_ARCH__
  return exp(x);
#else
  return C(__builtin_exp(double(x)));
#endif
}
template <class C>
WEFT_HOST_DEVICE C logarithm(C x) {
#ifdef __CUDA_ARCH__
  return log(x);
#else
  return C(__builtin_log(double(x)));
#endif
}

}  // namespace weft
