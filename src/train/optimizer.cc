#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

namespace weft {
namespace {

constexpr int64_t kPiece = 16384;  // elements: 64 KiB of each array, a few thousand pieces a model

}  // namespace

std::string_view name_of(OptimizerKind kind) {
  return kind == OptimizerKind::adamw ? "adamw" : "sgd";
}

ParameterVector::ParameterVector(const Parameters& parameters) {
  for (const ParameterSpec& spec : parameters.specs())
    tensors_.emplace_back(DType::f32, spec.shape);
}

size_t ParameterVector::bytes() const {
  size_t n = 0;
  for (const Tensor& t : tensors_) n += t.desc().bytes();
  return n;
}

Optimizer::Optimizer(const OptimizerConfig& config, Parameters& parameters, const Runtime& runtime)
    : config_(config),
      parameters_(parameters),
      runtime_(runtime),
      kernels_(choose_kernels()),
      first_(parameters),
      second_(config.kind == OptimizerKind::adamw ? ParameterVector(parameters)
                                                  : ParameterVector()) {
  for (int p = 0; p < parameters.count(); ++p) {
    const int64_t n = parameters.spec(p).shape.numel();
    for (int64_t at = 0; at < n; at += kPiece) {
      pieces_.push_back({p, at, std::min(n, at + kPiece)});
    }
  }
  partial_.resize(pieces_.size());
}

Optimizer::Kernels Optimizer::choose_kernels() const {
  const bool adamw = config_.kind == OptimizerKind::adamw;
#define WEFT_ENTRY(set) \
  if (runtime_.isa >= Isa::set) return {adamw ? set::adamw : set::sgd, set::sum_of_squares};
  WEFT_FOR_EACH_ISA(WEFT_ENTRY)
#undef WEFT_ENTRY
  return {};
}

double Optimizer::gradient_norm(const ParameterVector& gradients) noexcept {
  parallel_for(runtime_, static_cast<int64_t>(pieces_.size()), [&](int64_t task, int) {
    const Piece& piece = pieces_[static_cast<size_t>(task)];
    partial_[static_cast<size_t>(task)] = kernels_.sum_of_squares(
        gradients.data(piece.parameter) + piece.first, piece.last - piece.first);
  });
  double sum = 0;
  for (const double s : partial_) sum += s;
  return std::sqrt(sum);
}

UpdateFactors Optimizer::factors(int64_t t, double lr, double norm) const {
  UpdateFactors f;
  if (config_.clip > 0 && norm > config_.clip) f.gradient = static_cast<float>(config_.clip / norm);
  f.beta1 = static_cast<float>(config_.beta1);
  f.beta2 = static_cast<float>(config_.beta2);
  f.share1 = static_cast<float>(1 - config_.beta1);
  f.share2 = static_cast<float>(1 - config_.beta2);
  f.eps = static_cast<float>(config_.eps);
  f.momentum = static_cast<float>(config_.momentum);
  f.rate = static_cast<float>(lr);
  if (config_.kind == OptimizerKind::adamw) {
    f.rate = static_cast<float>(lr / (1 - std::pow(config_.beta1, static_cast<double>(t))));
    f.root = static_cast<float>(1 / std::sqrt(1 - std::pow(config_.beta2, static_cast<double>(t))));
  }
  return f;
}

void Optimizer::update(const ParameterVector& gradients, int64_t t, double lr,
                       double norm) noexcept {
  const UpdateFactors plain = factors(t, lr, norm);
  UpdateFactors decayed = plain;
  decayed.keep = static_cast<float>(1 - lr * config_.weight_decay);
  parallel_for(runtime_, static_cast<int64_t>(pieces_.size()), [&](int64_t task, int) {
    const Piece& piece = pieces_[static_cast<size_t>(task)];
    const int p = piece.parameter;
    const UpdateSlice slice{
        parameters_.master(p).as<float>() + piece.first,
        first_.data(p) + piece.first,
        second_.count() > 0 ? second_.data(p) + piece.first : nullptr,
        gradients.data(p) + piece.first,
        parameters_.has_bf16(p) ? parameters_.bf16_copy(p).as<bf16>() + piece.first : nullptr,
        piece.last - piece.first};
    kernels_.update(slice, parameters_.spec(p).decay ? decayed : plain);
  });
}

size_t Optimizer::update_bytes() const {
  size_t n = 2 * bytes();
  for (int p = 0; p < parameters_.count(); ++p) {
    n += 3 * parameters_.master(p).desc.bytes();  // the gradient is read alone
    if (parameters_.has_bf16(p)) n += parameters_.bf16_copy(p).desc.bytes();
  }
  return n;
}

std::vector<OptimizerTensor> Optimizer::state() const {
  std::vector<OptimizerTensor> out;
  const std::string first = config_.kind == OptimizerKind::adamw ? "m." : "velocity.";
  for (int p = 0; p < first_.count(); ++p) {
    out.push_back({first + parameters_.spec(p).name, first_.view(p)});
  }
  for (int p = 0; p < second_.count(); ++p) {
    out.push_back({"v." + parameters_.spec(p).name, second_.view(p)});
  }
  return out;
}

}  // namespace weft
