// Checkpoints that are written while training goes on.
#include "train/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/compare.h"
#include "base/error.h"
#include "train/testing.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using io::expect_error;
using io::ScratchFolder;
using testing::bytes_of;
using testing::periodic_text;
using testing::tiny_run;

/// What one thread waits for and another brings about.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// False where nobody opened it for a minute.
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

void fill(const TensorView& t, float value) {
  for (float& x : t.span<float>()) x = value++;
}

struct State {
  State() : model(make_model(tiny(), 1, DType::f32, WeightCopies::master_and_bf16)) {
    for (const OptimizerTensor& t : optimizer.state()) fill(t.tensor, 0.5f);
  }
  static ModelConfig tiny() {
    const ScratchFolder folder;
    return tiny_run(folder.path() / "text").model;
  }

  Model model;
  Runtime runtime{.threads = 2};
  Optimizer optimizer{{}, model.parameters, runtime};
};

TEST(CheckpointWriter, WritesTheStateOfTheMomentWhateverBecomesOfIt) {
  State s;
  CheckpointWriter writer(s.model, s.optimizer, s.runtime);
  for (const float round : {1.f, 2.f}) {
    const auto p = static_cast<size_t>(s.model.parameters.count() - 1);
    fill(s.model.parameters.master(static_cast<int>(p)), round);
    fill(s.optimizer.state()[p].tensor, -round);
    const Tensor weight = convert(s.model.parameters.master(static_cast<int>(p)), DType::f32);
    const Tensor moment = convert(s.optimizer.state()[p].tensor, DType::f32);
    Gate changed;
    writer.start([&](const Model& copy, std::span<const OptimizerTensor> optimizer) {
      EXPECT_TRUE(changed.wait());
      EXPECT_TRUE(same_bits(copy.parameters.master(static_cast<int>(p)), weight.view()));
      EXPECT_TRUE(same_bits(optimizer[p].tensor, moment.view()));
      EXPECT_EQ(optimizer[p].name, s.optimizer.state()[p].name);
      return io::Path("there");
    });
    EXPECT_TRUE(writer.pending());
    EXPECT_FALSE(writer.done());
    fill(s.model.parameters.master(static_cast<int>(p)), 77);
    fill(s.optimizer.state()[p].tensor, 78);
    changed.open();
    EXPECT_EQ(writer.finish(), "there");
    EXPECT_TRUE(writer.done());
    EXPECT_FALSE(writer.pending());
  }
}

TEST(CheckpointWriter, HandsOnWhatTheWriteThrew) {
  State s;
  CheckpointWriter writer(s.model, s.optimizer, s.runtime);
  writer.start([](const Model&, std::span<const OptimizerTensor>) -> io::Path {
    fail(ErrorCode::runtime, {"disk", "room", "none", ""});
  });
  expect_error(ErrorCode::runtime, "disk", [&] { writer.finish(); });
  writer.start([](const Model&, std::span<const OptimizerTensor>) { return io::Path("next"); });
  EXPECT_EQ(writer.finish(), "next");
}

TEST(CheckpointWriter, WaitsForAWriteWhenItGoesAway) {
  State s;
  bool written = false;
  {
    CheckpointWriter writer(s.model, s.optimizer, s.runtime);
    writer.start([&](const Model&, std::span<const OptimizerTensor>) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      written = true;
      return io::Path();
    });
  }
  EXPECT_TRUE(written);
}

struct Scene {
  ScratchFolder folder;
  fs::path text = folder.put("text", periodic_text());

  /// 12 steps, a checkpoint every fourth.
  TrainRequest request(const std::string& out) const {
    TrainRequest r;
    r.config = tiny_run(text);
    r.out = folder / out;
    r.resume = true;
    r.runtime.threads = 2;
    r.peak_gflops = 1;
    return r;
  }
};

// The write of step 4 ends only after step 6 is done: it would never end if training waited for it.
TEST(RunInTheBackground, GoesOnWhileASlowWriteIsPending) {
  const Scene scene;
  TrainRequest r = scene.request("run");
  Gate further;
  std::vector<int64_t> order;
  r.observer.on_write = [&](int64_t step) {
    const bool waited = step != 4 || further.wait();
    EXPECT_TRUE(waited);
  };
  r.observer.on_step = [&](const StepReport& s) {
    if (s.step == 6) further.open();
  };
  r.observer.on_checkpoint = [&](int64_t step, const io::Path& path) {
    order.push_back(step);
    EXPECT_EQ(path, step_folder(scene.folder / "run", step));
    EXPECT_TRUE(fs::exists(path / "state.json"));
  };
  EXPECT_EQ(run_training(r).checkpoint, step_folder(scene.folder / "run", 12));
  EXPECT_EQ(order, (std::vector<int64_t>{4, 8, 12}));
}

TEST(RunInTheBackground, EndsAtAWriteThatFailsAndKeepsTheCheckpointBefore) {
  const Scene scene;
  run_training(scene.request("whole"));
  const fs::path run = scene.folder / "run";
  TrainRequest r = scene.request("run");
  r.observer.on_write = [&](int64_t step) {
    if (step == 8) std::ofstream(step_folder(run, 8)) << "in the way";
  };
  expect_error(ErrorCode::runtime, "step-8", [&] { run_training(r); });
  EXPECT_EQ(find_checkpoint(run), step_folder(run, 4));
  fs::remove(step_folder(run, 8));
  run_training(scene.request("run"));
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    EXPECT_EQ(bytes_of(step_folder(run, 12) / file),
              bytes_of(step_folder(scene.folder / "whole", 12) / file))
        << file;
  }
}

}  // namespace
}  // namespace weft
