#include "lab/checks/runner.h"

#include <algorithm>
#include <cstring>

#include "base/random.h"

namespace weft::checks {

Parameters random_parameters(const ModelConfig& config, const Layout& layout, DType dtype,
                             const Axes& axes, int draw) {
  const DType master = dtype == DType::f64 ? DType::f64 : DType::f32;
  Parameters p(parameter_list(config, layout, axes), master,
               dtype == DType::bf16 ? WeightCopies::master_and_bf16 : WeightCopies::master);
  for (int i = 0; i < p.count(); ++i) {
    const Random random(7 + static_cast<uint64_t>(draw), p.spec(i).name);
    const bool matrix = Parameters::is_matrix(p.spec(i));
    Tensor t(DType::f64, p.spec(i).shape);
    for (int64_t e = 0; e < t.numel(); ++e) {
      const double noise = random.normal(static_cast<uint64_t>(p.spec(i).full_element(e)));
      // Rounded to float, so that f64 and f32 programs have the same weights.
      const double x =
          matrix ? 0.3 * noise : (p.spec(i).init == Init::ones ? 1 : 0.4) + 0.2 * noise;
      t.as<double>()[e] = static_cast<double>(static_cast<float>(x));
    }
    p.assign(i, t.view());
  }
  return p;
}

std::vector<int32_t> random_tokens(const ModelConfig& config, int64_t count, const char* name) {
  const Random random(11, name);
  std::vector<int32_t> out;
  for (int64_t i = 0; i < count; ++i) {
    out.push_back(static_cast<int32_t>(
        random.below(static_cast<uint64_t>(i), static_cast<uint64_t>(config.vocab))));
  }
  return out;
}

Runner::Runner(const ModelConfig& config, const Layout& layout, Parameters& parameters,
               const RunnerOptions& options)
    : vocab_(config.vocab),
      slots_(layout.cache.slots.size()),
      built_(build(config, layout,
                   {.mode = options.mode,
                    .dtype = options.dtype,
                    .batch = kBatch,
                    .time = options.time,
                    .context = options.mode == Mode::generate ? config.context : 0,
                    .recompute = options.recompute,
                    .runtime = {options.threads, options.isa, {}}},
                   options.axes)),
      tokens_(static_cast<size_t>(kBatch * options.time)),
      labels_(random_tokens(config, kBatch * options.time, "labels")) {
  for (size_t i = 0; i < labels_.size(); i += 5) labels_[i] = -1;
  for (const ParameterSpec& s : parameters.specs()) {
    gradients_.emplace_back(options.dtype == DType::f64 ? DType::f64 : DType::f32, s.shape);
  }
  Bindings b{{tokens_.data()}, parameter_pointers(built_, parameters), {}, {}};
  for (const ParameterSlot& slot : built_.parameters) {
    b.gradients.push_back(gradients_[static_cast<size_t>(slot.parameter)].data());
  }
  for (const TensorDesc& d : built_.states) {
    states_.emplace_back(d);
    poison(states_.back().data(), d.bytes());
    b.states.push_back(states_.back().data());
  }
  built_.program.bind(b);
}

void Runner::run(const std::vector<int32_t>& tokens, int64_t time, int64_t past,
                 const int32_t* first_key) {
  std::copy(tokens.begin(), tokens.end(), tokens_.begin());
  built_.program.poison_arena();
  for (Tensor& g : gradients_) poison(g.data(), g.desc().bytes());
  // A recurrent sequence starts from nothing.
  for (size_t s = slots_; past == 0 && s < states_.size(); ++s) {
    std::memset(states_[s].data(), 0, states_[s].desc().bytes());
  }
  RunArgs args{.batch = kBatch, .time = time, .past = past};
  args.labels = labels_.data();
  args.first_key = first_key;
  built_.program.run(args);
}

Tensor Runner::logits(int64_t rows) const {
  const TensorView all = built_.program.value(built_.logits);
  Tensor out(all.desc.dtype, {rows, vocab_});
  std::copy_n(all.as<char>(), out.desc().bytes(), out.as<char>());
  return out;
}

size_t Runner::state_bytes() const {
  size_t n = 0;
  for (const Tensor& t : states_) n += t.desc().bytes();
  return n;
}

}  // namespace weft::checks
