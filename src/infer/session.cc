#include "infer/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "attention/positions/position.h"
#include "base/error.h"

namespace weft {
namespace {

SessionOptions checked(SessionOptions options, const Model& model) {
  if (options.context == 0) options.context = model.config.context;
  const auto at_least_one = [](const char* what, int64_t value) {
    if (value < 1) {
      fail(ErrorCode::usage, {std::string("session: ") + what, "1 or more", std::to_string(value)});
    }
  };
  at_least_one("batch", options.batch);
  at_least_one("context", options.context);
  at_least_one("chunk", options.chunk);
  options.chunk = std::min(options.chunk, options.context);
  return options;
}

BuiltProgram build_decoder(const Model& model, const SessionOptions& options) {
  return build(
      model.config, model.layout,
      {.mode = Mode::generate,
       .dtype = compute_dtype(model),
       .batch = options.batch,
       .time = options.chunk,
       .context = options.context,
       .weights = model.parameters.is_quantised() ? WeightType::int8 : WeightType::activation,
       .runtime = options.runtime},
      options.axes);
}

}  // namespace

Session::Session(const Model& model, const SessionOptions& options)
    : model_(&model), options_(checked(options, model)), built_(build_decoder(model, options_)) {
  for (const TensorDesc& desc : built_.states) caches_.emplace_back(desc);
  ids_ = Tensor(DType::i32, {options_.batch * options_.chunk});
  bind();
}

void Session::bind() {
  Bindings bindings;
  bindings.inputs = {ids_.data()};
  bindings.parameters = parameter_pointers(built_, model_->parameters);
  for (const Tensor& cache : caches_) bindings.states.push_back(cache.data());
  built_.program.bind(bindings);
}

void Session::feed(std::span<const int32_t> tokens) {
  const auto size = static_cast<int64_t>(tokens.size());
  if (size == 0 || size % options_.batch != 0) {
    fail(ErrorCode::usage,
         {"session: feed", fmt::format("tokens [{}, n] with n >= 1", options_.batch),
          fmt::format("{} tokens", size)});
  }
  const int64_t n = size / options_.batch;
  if (n > options_.context - length_) {
    fail(ErrorCode::usage,
         {"session: feed", fmt::format("at most {} tokens more", options_.context - length_),
          std::to_string(n), fmt::format("the session was made for {} tokens", options_.context)});
  }
  for (const int32_t id : tokens) {
    if (id < 0 || id >= vocab()) {
      fail(ErrorCode::input,
           {"session: feed", fmt::format("token ids below {}", vocab()), std::to_string(id)});
    }
  }
  for (int64_t first = 0; first < n; first += options_.chunk) {
    run_chunk(tokens, n, first, std::min(options_.chunk, n - first));
  }
}

void Session::run_chunk(std::span<const int32_t> tokens, int64_t total, int64_t first,
                        int64_t count) {
  for (int64_t b = 0; b < options_.batch; ++b) {
    std::copy_n(tokens.begin() + b * total + first, count, ids_.as<int32_t>() + b * count);
  }
  built_.program.run({.batch = options_.batch, .time = count, .past = length_});
  length_ += count;
  has_logits_ = true;
}

void Session::logits(int64_t b, std::span<double> out) const {
  if (!has_logits_) {
    fail(ErrorCode::usage, {"session: logits", "tokens fed before", "none"});
  }
  if (b < 0 || b >= options_.batch || static_cast<int64_t>(out.size()) != vocab()) {
    fail(ErrorCode::usage,
         {"session: logits", fmt::format("a sequence below {}, room for {}", batch(), vocab()),
          fmt::format("sequence {}, room for {}", b, out.size())});
  }
  const TensorView all = built_.program.value(built_.logits);  // [batch, vocab]
  for (int64_t i = 0; i < vocab(); ++i) out[static_cast<size_t>(i)] = get(all, b * vocab() + i);
}

void Session::truncate(int64_t length) {
  if (length < 0 || length > length_) {
    fail(ErrorCode::usage,
         {"session: truncate", fmt::format("a length up to {}", length_), std::to_string(length)});
  }
  for (const CacheSlot& slot : model_->layout.cache.slots) {
    // A ring that has gone round holds the last `capacity` positions and nothing older, which is
    // less than the shorter sequence would see.
    const int64_t capacity = slot_capacity(slot, options_.context);
    if (length_ > capacity && length > 0 && length < length_) {
      fail(ErrorCode::usage,
           {"session: truncate", fmt::format("length 0 or {}", length_), std::to_string(length),
            fmt::format("layer {} keeps the last {} positions only", slot.layer, capacity)});
    }
  }
  if (!model_->layout.cache.states.empty() && length > 0 && length < length_) {
    fail(ErrorCode::usage,
         {"session: truncate", fmt::format("length 0 or {}", length_), std::to_string(length),
          fmt::format("layer {} keeps a recurrent state, which cannot go back",
                      model_->layout.cache.states.front().layer)});
  }
  has_logits_ = has_logits_ && length == length_;
  length_ = length;
}

Session Session::copy() const {
  Session other(*model_, options_);
  for (size_t i = 0; i < caches_.size(); ++i) {
    std::memcpy(other.caches_[i].data(), caches_[i].data(), caches_[i].desc().bytes());
  }
  other.length_ = length_;
  if (has_logits_) {
    const TensorView from = built_.program.value(built_.logits);
    std::memcpy(other.built_.program.value(other.built_.logits).data, from.data, from.desc.bytes());
    other.has_logits_ = true;
  }
  return other;
}

int64_t Session::cache_bytes() const {
  int64_t bytes = 0;
  for (const Tensor& cache : caches_) bytes += static_cast<int64_t>(cache.desc().bytes());
  return bytes;
}

std::string extrapolation_warning(const ModelConfig& config, int64_t length) {
  if (length <= config.context) return {};
  const PositionRegistry positions;
  for (const LayerConfig& layer : config.layer) {
    if (positions.find(layer.position).extrapolates) continue;
    return fmt::format(
        "{} tokens are more than the {} the model was trained on, and {} positions do not "
        "extrapolate: expect poor text beyond",
        length, config.context, layer.position);
  }
  return {};
}

}  // namespace weft
