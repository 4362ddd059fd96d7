#include "train/checkpoint_writer.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "runtime/signal_guard.h"

namespace weft {
namespace {

constexpr size_t kPiece = size_t{1} << 20;  // bytes

}  // namespace

double snapshot_bytes(const std::vector<ParameterSpec>& parameters, const TrainConfig& train) {
  double elements = 0;
  for (const ParameterSpec& spec : parameters) {
    elements += static_cast<double>(spec.shape.numel());
  }
  return elements * 4 * (train.optimizer.kind == OptimizerKind::adamw ? 3 : 2);
}

CheckpointWriter::CheckpointWriter(const Model& model, const Optimizer& optimizer,
                                   const Runtime& runtime)
    : model_(model), optimizer_(optimizer), runtime_(runtime) {}

CheckpointWriter::~CheckpointWriter() {
  if (thread_.joinable()) thread_.join();
}

void CheckpointWriter::allocate() {
  const auto add = [this](const TensorView& from, const TensorView& to) {
    const size_t bytes = from.desc.bytes();
    for (size_t at = 0; at < bytes; at += kPiece) {
      pieces_.push_back({from.as<char>() + at, to.as<char>() + at, std::min(kPiece, bytes - at)});
    }
  };
  const Parameters& weights = model_.parameters;
  copy_.emplace(Model{model_.config, model_.layout,
                      Parameters(weights.specs(), weights.master_dtype(), WeightCopies::master)});
  for (int p = 0; p < weights.count(); ++p) add(weights.master(p), copy_->parameters.master(p));
  for (const OptimizerTensor& t : optimizer_.state()) {
    tensors_.emplace_back(t.tensor.desc);
    optimizer_copy_.push_back({t.name, tensors_.back().view()});
    add(t.tensor, optimizer_copy_.back().tensor);
  }
}

void CheckpointWriter::copy() noexcept {
  parallel_for(runtime_, static_cast<int64_t>(pieces_.size()), [this](int64_t i, int) {
    const Piece& piece = pieces_[static_cast<size_t>(i)];
    std::memcpy(piece.to, piece.from, piece.bytes);
  });
}

void CheckpointWriter::start(Write write) {
  if (!copy_) allocate();
  copy();
  done_.store(false, std::memory_order_relaxed);
  const auto job = [this, write = std::move(write)] {
    try {
      path_ = write(*copy_, optimizer_copy_);
    } catch (...) {
      error_ = std::current_exception();
    }
    done_.store(true, std::memory_order_release);
  };
  try {
    const SignalGuard guard;  // inherited: a host program's handlers do not run in a thread of ours
    thread_ = std::thread(job);
  } catch (const std::system_error&) {
    job();  // no thread may be started: training waits for the write
  }
  pending_ = true;
}

io::Path CheckpointWriter::finish() {
  if (thread_.joinable()) thread_.join();
  pending_ = false;
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
  return path_;
}

}  // namespace weft
