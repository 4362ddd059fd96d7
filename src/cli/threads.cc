#include "cli/threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "runtime/thread_limit.h"

namespace weft::cli {

int64_t first_of_list(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return 0;
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + begin, end, value);
  const size_t after = text.find_first_not_of(" \t", static_cast<size_t>(at - text.data()));
  const bool ends = after == std::string::npos || text[after] == ',';
  return error == std::errc() && ends ? std::max<int64_t>(value, 0) : 0;
}

Runtime runtime_of(int64_t given, Isa isa, const Console& console) {
  const char* const variable = std::getenv("OMP_NUM_THREADS");
  const int64_t asked = variable == nullptr ? 0 : first_of_list(variable);
  int64_t wanted = given;
  if (given == 0) wanted = useful_threads();
  if (given == 0 && asked > 0) wanted = std::min(wanted, asked);
  if (given == 0 && asked == 0) {
    Runtime runtime = Runtime::adaptive(static_cast<int>(wanted));
    runtime.isa = isa;
    return runtime;
  }
  // One more is left to the thread that writes checkpoints.
  const int count = static_cast<int>(wanted);
  const int threads = count == 1 ? 1 : std::clamp(startable_threads(count + 1) - 1, 1, count);
  if (threads < wanted) {
    console.note(fmt::format(
        "the system lets this process start no more: {} of {} threads (ulimit -u, pids.max)",
        threads, count));
  }
  return {.threads = threads, .isa = isa};
}

}  // namespace weft::cli
