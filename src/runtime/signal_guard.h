// Signals stay away from threads that compute.
//
// oneDNN's generated code points the stack pointer into a buffer on the heap and uses the one
// register more. A handler that the system calls then without an alternate stack writes its frame,
// 3 KiB with AVX-512, over whatever lies below that buffer: malloc's headers, or weights. A library
// cannot know what handlers, timers and profilers its host program has, so no signal is delivered
// while a thread computes; one that comes meanwhile stays pending, or goes to another thread.
#pragma once

namespace weft {

/// While it lives, this thread takes no signals but those that its own instructions raise (SIGSEGV,
/// SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT) and the two of the C library's own (of
/// pthread_cancel and setuid). Afterwards its mask is what it was. Inside another one it costs a
/// nanosecond; alone it costs two calls of the system.
class SignalGuard {
 public:
  SignalGuard() noexcept;
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;
};

/// The same in a thread of OpenMP's pool, around every task. A pool that was first needed under a
/// SignalGuard has threads that began with their signals blocked; they keep them so, and are asked
/// once. Threads of a pool that the host program had before get their mask back after each task.
class WorkerSignalGuard {
 public:
  WorkerSignalGuard() noexcept;
  ~WorkerSignalGuard();
  WorkerSignalGuard(const WorkerSignalGuard&) = delete;
  WorkerSignalGuard& operator=(const WorkerSignalGuard&) = delete;
};

}  // namespace weft
