#include "runtime/thread_limit.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace weft {

int startable_threads(int wanted) noexcept {
  if (wanted <= 1) return 1;
  // All at the same time: limits count those that live.
  std::mutex mutex;
  std::condition_variable ended;
  bool end = false;
  std::vector<std::thread> threads;
  try {
    threads.reserve(static_cast<size_t>(wanted) - 1);
    while (static_cast<int>(threads.size()) + 1 < wanted) {
      threads.emplace_back([&] {
        std::unique_lock<std::mutex> lock(mutex);
        ended.wait(lock, [&] { return end; });
      });
    }
  } catch (const std::exception&) {
    // As many as there are.
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    end = true;
  }
  ended.notify_all();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size()) + 1;
}

}  // namespace weft
