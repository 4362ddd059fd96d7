// A run that is killed at any moment, again and again, ends with the bits of one that was not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/random.h"
#include "model/model.h"
#include "train/testing.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using io::ScratchFolder;
using testing::bytes_of;
using testing::periodic_text;
using testing::tiny_run;

constexpr const char* kFolder = "WEFT_TEST_KILLED_RUN";
constexpr const char* kMicroseconds = "WEFT_TEST_KILLED_IN_WRITE";
constexpr int64_t kSteps = 40;

TrainRequest request(const fs::path& folder, const std::string& run) {
  TrainRequest r;
  r.config = tiny_run(folder / "text",
                      {"train.steps=40", "train.checkpoint_every=2", "train.eval_every=9"});
  r.out = folder / run;
  r.resume = true;
  r.peak_gflops = 1;
  return r;
}

// The victim: this test program, started again by the test below with the folder in the
// environment.
TEST(KilledRun, DISABLED_Victim) {
  const char* folder = std::getenv(kFolder);
  ASSERT_NE(folder, nullptr);
  TrainRequest r = request(folder, "killed");
  const char* microseconds = std::getenv(kMicroseconds);
  r.observer.on_write = [&](int64_t step) {
    if (microseconds == nullptr || step != 6) return;
    std::thread([wait = std::chrono::microseconds(std::atoi(microseconds))] {
      std::this_thread::sleep_for(wait);
      raise(SIGKILL);
    }).detach();
  };
  EXPECT_EQ(run_training(r).step, kSteps);
}

// A process of its own: a fork alone would inherit a thread pool without its threads.
pid_t start_victim(const fs::path& folder, const std::string& microseconds = "") {
  std::string program = fs::read_symlink("/proc/self/exe").string();
  std::string filter = "--gtest_filter=KilledRun.DISABLED_Victim";
  std::string all = "--gtest_also_run_disabled_tests";
  std::string variable = std::string(kFolder) + "=" + folder.string();
  char* arguments[] = {program.data(), filter.data(), all.data(), nullptr};
  std::string moment = std::string(kMicroseconds) + "=" + microseconds;
  char* environment[] = {variable.data(), microseconds.empty() ? nullptr : moment.data(), nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, program.c_str(), &quiet, nullptr, arguments, environment), 0);
  posix_spawn_file_actions_destroy(&quiet);
  return pid;
}

// True where the victim came to its end; fails the test where it came to a bad one.
bool ended_well(int status) {
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return false;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return true;
}

int64_t logged_steps(const fs::path& run) {
  std::ifstream file(run / "metrics.jsonl");
  return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
}

// Lets the victim reach a step, then go on for `moment`, and kills it. True where it was faster.
bool kill_after(pid_t victim, const fs::path& run, int64_t step, std::chrono::microseconds moment) {
  int status = 0;
  while (logged_steps(run) < step) {
    if (waitpid(victim, &status, WNOHANG) == victim) return ended_well(status);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  std::this_thread::sleep_for(moment);
  kill(victim, SIGKILL);
  EXPECT_EQ(waitpid(victim, &status, 0), victim);
  return ended_well(status);
}

TEST(KilledRun, EndsWithTheSameBits) {
  const ScratchFolder folder;
  folder.put("text", periodic_text());
  run_training(request(folder.path(), "whole"));
  const fs::path run = folder / "killed";
  const Random random(std::random_device{}(), "moments");
  int kills = 0;
  bool finished = false;
  for (uint64_t attempt = 0; !finished; ++attempt) {
    // The first two die before a step is done, while the run is being set up.
    const int64_t more = attempt < 2 ? 0 : 2 + static_cast<int64_t>(random.below(3 * attempt, 5));
    const int64_t target = attempt < 2 ? 0 : logged_steps(run) + more;
    const std::chrono::microseconds moment(random.below(3 * attempt + 1, 20000));
    const pid_t victim = start_victim(folder.path());
    ASSERT_GT(victim, 0);
    const bool last = target > kSteps - 4;
    finished = kill_after(victim, run, last ? kSteps + 1 : target, moment);
    kills += finished ? 0 : 1;
  }
  EXPECT_GE(kills, 3);
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    EXPECT_EQ(bytes_of(step_folder(run, kSteps) / file),
              bytes_of(step_folder(folder / "whole", kSteps) / file))
        << file << " after " << kills << " kills";
  }
  EXPECT_EQ(step_folders(run), (std::vector<int64_t>{kSteps - 2, kSteps}));
}

// At moments of a write that goes on beside the training: the checkpoint is the old one or the new
// one, whole, and the run goes on from it.
TEST(KilledRun, LeavesTheOldCheckpointOrTheNewOne) {
  const ScratchFolder folder;
  folder.put("text", periodic_text());
  run_training(request(folder.path(), "whole"));
  const fs::path run = folder / "killed";
  for (const char* microseconds : {"0", "200", "700", "1500", "4000"}) {
    fs::remove_all(run);
    const pid_t victim = start_victim(folder.path(), microseconds);
    ASSERT_GT(victim, 0);
    int status = 0;
    EXPECT_EQ(waitpid(victim, &status, 0), victim);
    EXPECT_FALSE(ended_well(status));
    const fs::path checkpoint = find_checkpoint(run);
    const std::string bytes = bytes_of(checkpoint / "model.safetensors");
    const Model read = load_model(checkpoint);
    EXPECT_GE(step_folders(run).back(), 4) << microseconds;
    EXPECT_FALSE(bytes.empty());
    EXPECT_GT(read.parameters.count(), 0);
  }
  run_training(request(folder.path(), "killed"));
  EXPECT_EQ(bytes_of(step_folder(run, kSteps) / "model.safetensors"),
            bytes_of(step_folder(folder / "whole", kSteps) / "model.safetensors"));
}

}  // namespace
}  // namespace weft
