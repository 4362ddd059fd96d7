// What a run takes of the machine, against what `weft explain` prints.
#include "train/memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "base/buffer.h"
#include "train/checkpoint_writer.h"
#include "train/programs.h"
#include "train/testing.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEFT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEFT_SANITIZED 1
#endif
#endif

namespace weft {
namespace {

using io::ScratchFolder;
using testing::periodic_text;
using testing::tiny_run;

constexpr const char* kFolder = "WEFT_TEST_MEMORY_FOLDER";
constexpr const char* kPrecision = "WEFT_TEST_MEMORY_PRECISION";

TEST(ResidentMemory, SeesWhatIsTouchedAndForgetsWhenAsked) {
  constexpr size_t kBytes = size_t{64} << 20;
  restart_resident_peak();
  const double before = resident_memory().now;
  ASSERT_GT(before, 0);
  {
    const Buffer buffer(kBytes);
    poison(buffer.data(), kBytes);
  }
#if !defined(WEFT_SANITIZED)
  EXPECT_NEAR(resident_memory().peak - before, kBytes, 4e6);
  restart_resident_peak();
  EXPECT_NEAR(resident_memory().peak, resident_memory().now, 4e6);
#endif
}

TEST(MemoryPlan, HoldsTheSnapshotWhereACheckpointIsDueBetweenStepsAndItFits) {
  TrainConfig train;
  train.steps = 10;
  const auto planned = [&](int64_t every, double usable) {
    train.checkpoint_every = every;
    MemoryPlan plan;
    plan.parameters = 100;
    add_snapshot(plan, 50, train, usable);
    return plan.total();
  };
  EXPECT_EQ(planned(9, 150), 150);
  EXPECT_EQ(planned(9, 149), 100);
  EXPECT_EQ(planned(10, 1000), 100);
  EXPECT_EQ(planned(0, 1000), 100);
}

// The memory of a run in a process of its own (the test below starts it), from before the model is
// made to the end, with evaluation, the measured peak, and a checkpoint between the steps.
TEST(ResidentMemory, DISABLED_OfARun) {
  const std::filesystem::path folder = std::getenv(kFolder);
  // The code of libraries and their tables come into memory with a first, tiny run.
  TrainRequest warm;
  warm.config = tiny_run(folder / "text", {"train.steps=1"});
  warm.out = folder / "warm";
  run_training(warm);
  // Large enough that 5% are more than what oneDNN keeps differs by from run to run, some 11 MiB.
  TrainRequest request;
  const std::string precision = std::string("train.precision=") + std::getenv(kPrecision);
  request.config =
      tiny_run(folder / "text", {"model.dim=256", "model.layers=4", "model.heads=4",
                                 "model.ffn=688", "model.context=256", "train.batch=16",
                                 "train.steps=2", "train.checkpoint_every=1", precision});
  request.out = folder / "run";
  double announced = 0;
  request.observer.on_start = [&](const RunStart& start) { announced = start.memory.total(); };
  restart_resident_peak();
  const double before = resident_memory().now;
  run_training(request);
  const double growth = resident_memory().peak - before;

  const ModelConfig& model = request.config.model;
  const Layout layout = derive_layout(model);
  const TrainConfig& train = request.config.train;
  const auto parameters = parameter_list(model, layout);
  MemoryPlan plan = plan_memory(build_training(model, layout, train, request.runtime), model,
                                parameters, train, request.config.data.mask_documents);
  add_snapshot(plan, snapshot_bytes(parameters, train), train, usable_memory());
  EXPECT_GT(plan.snapshot, 0);
  const double planned = plan.total();
  EXPECT_EQ(announced, planned);
  EXPECT_LE(std::fabs(growth - planned), 0.05 * planned) << "growth " << growth;
  printf("%s: growth %.1f MiB, planned %.1f MiB\n", precision.c_str(), growth / 0x1p20,
         planned / 0x1p20);
}

int run_in_a_process(const ScratchFolder& folder, const std::string& precision) {
  std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string filter = "--gtest_filter=ResidentMemory.DISABLED_OfARun";
  std::string all = "--gtest_also_run_disabled_tests";
  std::string where = std::string(kFolder) + "=" + folder.path().string();
  std::string type = std::string(kPrecision) + "=" + precision;
  char* arguments[] = {program.data(), filter.data(), all.data(), nullptr};
  char* environment[] = {where.data(), type.data(), nullptr};
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment), 0);
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

TEST(ResidentMemory, GrowsByThePlanAndNoMore) {
#if defined(WEFT_SANITIZED)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  for (const std::string precision : {"f32", "bf16"}) {
    const ScratchFolder folder;
    folder.put("text", periodic_text());
    EXPECT_EQ(run_in_a_process(folder, precision), 0) << precision;
  }
}

}  // namespace
}  // namespace weft
