// The plain skeleton on a CUDA device: a thread block is the team of a row. No tuning: this shows
// that the row policies run on any machine, and is what faster kernels will be held against.
#include "attention/mechanisms/softmax.h"
#include "attention/mechanisms/stick_breaking.h"
#include "attention/streaming.h"
#include "attention/streaming_cuda.h"

namespace weft {
namespace {

/// Two keys of a block share a thread, so do two channels of a head of 128.
constexpr int kThreads = 64;
/// Thread blocks of a launch; more rows than that take turns. Enough for eight on each of 160
/// multiprocessors.
constexpr Int kTeams = 1280;

struct ThreadBlock {
  WEFT_HOST_DEVICE int rank() const {
#ifdef __CUDA_ARCH__
    return static_cast<int>(threadIdx.x);
#else
    return 0;
#endif
  }
  WEFT_HOST_DEVICE int size() const {
    return kThreads;
  }
  WEFT_HOST_DEVICE void sync() const {
#ifdef __CUDA_ARCH__
    __syncthreads();
#endif
  }
};

template <class Row, class T>
__global__ void __launch_bounds__(kThreads) forward_kernel(AttentionProblem p, AttentionRun run) {
  __shared__ TeamMemory<T> memory;
  RowWalk<Row, T, ThreadBlock> walk(p, run, memory, {});
  const Int tasks = run.batch * run.time * p.heads;
  for (Int task = blockIdx.x; task < tasks; task += gridDim.x) {
    walk.forward(task / p.heads, task % p.heads);
  }
}

/// A team owns the keys of an owner of heads of a sequence.
template <class Row, class T>
__global__ void __launch_bounds__(kThreads) backward_kernel(AttentionProblem p, AttentionRun run) {
  __shared__ TeamMemory<T> memory;
  using Walk = RowWalk<Row, T, ThreadBlock>;
  Walk walk(p, run, memory, {});
  auto* kept =
      reinterpret_cast<typename Walk::Kept*>(run.scratch) + blockIdx.x * Walk::most_blocks(p);
  const Int tasks = run.batch * p.owners;
  for (Int task = blockIdx.x; task < tasks; task += gridDim.x) {
    walk.backward(task / p.owners, task % p.owners, kept);
  }
}

template <class Row, class T>
__global__ void __launch_bounds__(kThreads) learned_kernel(AttentionProblem p, AttentionRun run) {
  __shared__ TeamMemory<T> memory;
  RowWalk<Row, T, ThreadBlock> walk(p, run, memory, {});
  for (Int h = blockIdx.x; h < p.heads; h += gridDim.x) walk.learned_gradient(h);
}

unsigned teams(Int tasks) {
  return static_cast<unsigned>(smaller(tasks, kTeams));
}

template <class Row, class T>
size_t scratch(const AttentionProblem& p) {
  using Walk = RowWalk<Row, T, ThreadBlock>;
  return sizeof(typename Walk::Kept) *
         static_cast<size_t>(teams(p.max_batch * p.owners) * Walk::most_blocks(p));
}

template <class Row, class T>
int forward(const AttentionProblem& p, const AttentionRun& run) {
  const Int tasks = run.batch * run.time * p.heads;
  if (tasks == 0) return cudaSuccess;
  forward_kernel<Row, T><<<teams(tasks), kThreads>>>(p, run);
  return cudaGetLastError();
}

template <class Row, class T>
int backward(const AttentionProblem& p, const AttentionRun& run) {
  if (run.batch * run.time == 0) return cudaSuccess;
  backward_kernel<Row, T><<<teams(run.batch * p.owners), kThreads>>>(p, run);
  if (p.settings.remainder == Remainder::learned) {
    learned_kernel<Row, T><<<teams(p.heads), kThreads>>>(p, run);
  }
  return cudaGetLastError();
}

template <class Row, class T>
constexpr CudaKernels kKernels = {scratch<Row, T>, forward<Row, T>, backward<Row, T>};

}  // namespace

template <class Mechanism>
CudaKernels cuda_kernels(DType type) {
  return type == DType::f64 ? kKernels<typename Mechanism::template Row<double>, double>
                            : kKernels<typename Mechanism::template Row<float>, float>;
}
template CudaKernels cuda_kernels<Softmax>(DType);
template CudaKernels cuda_kernels<StickBreaking>(DType);

}  // namespace weft
