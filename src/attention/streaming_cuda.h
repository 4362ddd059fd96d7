// Streaming attention on a CUDA device: the plain kernels of streaming.cu. Built with WEFT_CUDA.
#pragma once

#include <cstddef>
#include <vector>

#include "attention/problem.h"
#include "base/dtype.h"

namespace weft {

struct Softmax;
struct StickBreaking;

/// The kernels of one mechanism for f32 or f64. Everything that problem and run point at, the
/// arrays run.in, run.d_in and run.add included, lies in device memory; calls only launch, on the
/// default stream. They return 0 or the number of a cudaError_t.
struct CudaKernels {
  size_t (*scratch)(const AttentionProblem&);  ///< bytes of run.scratch in the backward
  int (*forward)(const AttentionProblem&, const AttentionRun&);
  int (*backward)(const AttentionProblem&, const AttentionRun&);
};
template <class Mechanism>
CudaKernels cuda_kernels(DType type);
extern template CudaKernels cuda_kernels<Softmax>(DType type);
extern template CudaKernels cuda_kernels<StickBreaking>(DType type);

/// Devices that can be used; 0 also where there is no driver.
int cuda_devices();

/// Device memory of its own. Throws Error(runtime) where the device refuses.
class CudaMemory {
 public:
  CudaMemory() = default;
  explicit CudaMemory(size_t bytes);
  CudaMemory(const void* host, size_t bytes);  ///< a copy of host memory
  CudaMemory(CudaMemory&& other) noexcept;
  CudaMemory& operator=(CudaMemory&& other) noexcept;
  ~CudaMemory();

  void* data() const { return data_; }
  size_t size() const { return size_; }
  /// Waits for what was launched before.
  void read(void* host) const;

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

/// Attention of fresh keys on the present device. Tensors are the caller's, in device memory, as
/// are first_key and what the run saves; in, d_in and add are arrays in host memory.
class CudaAttention {
 public:
  /// Copies the tables that `problem` points at. `inputs`: tensors of a run. Throws Error(config)
  /// for caches, sinks and several sets of keys, Error(runtime) where the device refuses.
  CudaAttention(const CudaKernels& kernels, const AttentionProblem& problem, int inputs);

  /// Launch; wait for CudaMemory::read. The backward needs the statistic and the visited blocks
  /// that the forward stored, and for softmax its o. Throw Error(runtime).
  void forward(const AttentionRun& run);
  void backward(const AttentionRun& run);

 private:
  AttentionRun on_device(const AttentionRun& run);
  template <class T>
  const T* table(const T* host, size_t count);

  CudaKernels kernels_;
  AttentionProblem problem_;
  size_t inputs_;
  std::vector<CudaMemory> tables_;  ///< of the problem
  CudaMemory in_, d_in_, add_;      ///< of the last run
  CudaMemory scratch_;
};

}  // namespace weft
