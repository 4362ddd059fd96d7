// Checkpoints written while training goes on: a copy of the state, and a thread that writes it.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "io/file.h"
#include "model/model.h"
#include "train/optimizer.h"
#include "train/train_config.h"

namespace weft {

/// Bytes of the copy: master weights and optimiser state.
double snapshot_bytes(const std::vector<ParameterSpec>& parameters, const TrainConfig& train);

/// One checkpoint at a time. All members are called from the training thread; the thread of the
/// write sees nothing but the copy and what its function holds.
class CheckpointWriter {
 public:
  using Write = std::function<io::Path(const Model&, std::span<const OptimizerTensor>)>;

  /// Both must outlive it. Memory for the copy is taken by the first start().
  CheckpointWriter(const Model& model, const Optimizer& optimizer, const Runtime& runtime);
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  /// Waits for a write that is under way; its error, if any, is lost.
  ~CheckpointWriter();

  /// Copies weights and optimiser state, on all threads, and has `write` write the copy. Not while
  /// a write is pending.
  void start(Write write);
  /// True from start() to finish().
  bool pending() const { return pending_; }
  /// True where finish() need not wait.
  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Waits for the pending write. Returns what it returned; throws what it threw.
  io::Path finish();

 private:
  void allocate();
  void copy() noexcept;

  /// A block of one tensor: small enough that the threads share the work evenly.
  struct Piece {
    const char* from = nullptr;
    char* to = nullptr;
    size_t bytes = 0;
  };

  const Model& model_;
  const Optimizer& optimizer_;
  Runtime runtime_;
  std::optional<Model> copy_;    ///< masters alone
  std::vector<Tensor> tensors_;  ///< of the optimiser
  std::vector<OptimizerTensor> optimizer_copy_;
  std::vector<Piece> pieces_;
  std::thread thread_;
  bool pending_ = false;
  std::atomic<bool> done_{false};
  io::Path path_;             ///< of the write that is over
  std::exception_ptr error_;  ///< the same
};

}  // namespace weft
