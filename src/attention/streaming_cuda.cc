#include "attention/streaming_cuda.h"

#include <cuda_runtime_api.h>

#include <string>
#include <utility>

#include "base/error.h"

namespace weft {
namespace {

void check(int code, const char* what) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // else the next launch would report it once more
  fail(ErrorCode::runtime, {std::string("CUDA: ") + what, "success",
                            cudaGetErrorString(static_cast<cudaError_t>(code)), ""});
}

}  // namespace

int cuda_devices() {
  int n = 0;
  if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
  cudaGetLastError();
  return 0;
}

CudaMemory::CudaMemory(size_t bytes) : size_(bytes) {
  if (bytes > 0) check(cudaMalloc(&data_, bytes), "allocation");
}
CudaMemory::CudaMemory(const void* host, size_t bytes) : CudaMemory(bytes) {
  if (bytes > 0)
    check(cudaMemcpy(data_, host, bytes, cudaMemcpyHostToDevice), "copy to the device");
}
CudaMemory::CudaMemory(CudaMemory&& other) noexcept {
  *this = std::move(other);
}
CudaMemory& CudaMemory::operator=(CudaMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}
CudaMemory::~CudaMemory() {
  cudaFree(data_);
}
void CudaMemory::read(void* host) const {
  if (size_ > 0) check(cudaMemcpy(host, data_, size_, cudaMemcpyDeviceToHost), "copy to the host");
}

CudaAttention::CudaAttention(const CudaKernels& kernels, const AttentionProblem& problem,
                             int inputs)
    : kernels_(kernels), problem_(problem), inputs_(static_cast<size_t>(inputs)) {
  if (problem.k_past != nullptr || problem.v_past != nullptr) {
    fail(ErrorCode::config, {"attention on a CUDA device", "fresh keys alone", "a cache", ""});
  }
  if (problem.sets > 1 || problem.settings.sink != Sink::none) {
    fail(ErrorCode::config,
         {"attention on a CUDA device", "one set of keys and no sink",
          problem.sets > 1 ? std::to_string(problem.sets) + " sets" : "a sink", ""});
  }
  const auto heads = static_cast<size_t>(problem.heads);
  const auto kv_heads = static_cast<size_t>(problem.kv_heads);
  problem_.slopes = table(problem.slopes, heads);
  problem_.q = table(problem.q, heads);
  problem_.k = table(problem.k, kv_heads);
  problem_.v = table(problem.v, kv_heads);
  problem_.owner_begin = table(problem.owner_begin, static_cast<size_t>(problem.owners) + 1);
  problem_.owner_heads = table(problem.owner_heads, kv_heads);
  problem_.k_slot = problem_.v_slot = nullptr;  // of kernels with buffers of their own
  scratch_ = CudaMemory(kernels_.scratch(problem_));
}

template <class T>
const T* CudaAttention::table(const T* host, size_t count) {
  if (host == nullptr) return nullptr;
  tables_.emplace_back(host, count * sizeof(T));
  return static_cast<const T*>(tables_.back().data());
}

AttentionRun CudaAttention::on_device(const AttentionRun& run) {
  AttentionRun there = run;
  in_ = CudaMemory(run.in, inputs_ * sizeof(void*));
  there.in = static_cast<const void* const*>(in_.data());
  if (run.d_in != nullptr) {
    d_in_ = CudaMemory(run.d_in, inputs_ * sizeof(void*));
    add_ = CudaMemory(run.add, inputs_);
    there.d_in = static_cast<void* const*>(d_in_.data());
    there.add = static_cast<const uint8_t*>(add_.data());
  }
  there.scratch = static_cast<char*>(scratch_.data());
  return there;
}

void CudaAttention::forward(const AttentionRun& run) {
  check(kernels_.forward(problem_, on_device(run)), "attention forward");
}
void CudaAttention::backward(const AttentionRun& run) {
  check(kernels_.backward(problem_, on_device(run)), "attention backward");
}

}  // namespace weft
