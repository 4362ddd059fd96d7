// weft forward: logits, and on request the loss and every gradient, of given tokens.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/output_list.h"
#include "cli/verb.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "model/builder.h"
#include "model/model.h"

namespace weft::cli {
namespace {

struct Tokens {
  int64_t batch = 0, time = 0;
  std::vector<int32_t> ids;     // [batch, time]
  std::vector<int32_t> labels;  // [batch, time]: the next token; -1 in the last column
};

Tokens read_tokens(const std::string& path, int64_t vocab) {
  const io::SafeTensors file = io::SafeTensors::open(path);
  const std::string where = path + ": tokens";
  const io::SafeTensors::Entry* entry = file.find("tokens");
  if (entry == nullptr) {
    fail(ErrorCode::input, {where, "a tensor of token ids [B, T]", "no such tensor"});
  }
  const TensorDesc& d = entry->desc;
  if ((d.dtype != DType::i32 && d.dtype != DType::i64) || d.shape.rank() != 2 || d.numel() == 0) {
    fail(ErrorCode::input, {where, "I32 or I64 [B, T], not empty", d.str()});
  }
  const Tensor given = file.load("tokens");
  Tokens t{d.shape[0], d.shape[1], {}, {}};
  for (int64_t i = 0; i < d.numel(); ++i) {
    const int64_t id = d.dtype == DType::i32 ? given.as<int32_t>()[i] : given.as<int64_t>()[i];
    if (id < 0 || id >= vocab) {
      fail(ErrorCode::input, {where, fmt::format("ids from 0 to {}", vocab - 1),
                              fmt::format("{} at element {}", id, i)});
    }
    t.ids.push_back(static_cast<int32_t>(id));
  }
  t.labels.assign(t.ids.begin() + 1, t.ids.end());
  t.labels.push_back(-1);
  for (int64_t b = 0; b < t.batch; ++b) t.labels[static_cast<size_t>((b + 1) * t.time - 1)] = -1;
  return t;
}

/// The type of the stored weights, but never less than f32.
Model load_exact(const std::string& model) {
  const std::filesystem::path checkpoint = find_checkpoint(model);
  Model loaded = load_model(checkpoint);
  if (compute_dtype(loaded) == DType::bf16) loaded = load_model(checkpoint, DType::f32);
  if (const int p = loaded.parameters.first_non_finite(); p >= 0) {
    fail(ErrorCode::input, {checkpoint.string(), "finite weights",
                            "a NaN or an infinity in " + loaded.parameters.spec(p).name});
  }
  return loaded;
}

BuiltProgram build_for(const Model& model, Mode mode, const Tokens& tokens, const Runtime& rt) {
  return build(model.config, model.layout,
               {.mode = mode,
                .dtype = compute_dtype(model),
                .batch = tokens.batch,
                .time = tokens.time,
                .runtime = rt});
}

Tensor logits_of(const Model& model, Tokens& tokens, const Runtime& rt) {
  BuiltProgram built = build_for(model, Mode::logits, tokens, rt);
  Bindings bindings;
  bindings.inputs = {tokens.ids.data()};
  bindings.parameters = parameter_pointers(built, model.parameters);
  built.program.bind(bindings);
  built.program.run({.batch = tokens.batch, .time = tokens.time});
  Tensor rows = convert(built.program.value(built.logits), DType::f32);
  Tensor logits(DType::f32, {tokens.batch, tokens.time, model.config.vocab});
  std::copy_n(rows.as<float>(), rows.numel(), logits.as<float>());
  return logits;
}

struct Gradients {
  Tensor loss;             // [1]
  std::vector<Tensor> of;  // by parameter
};

Gradients gradients_of(const Model& model, Tokens& tokens, const Runtime& rt) {
  BuiltProgram built = build_for(model, Mode::train, tokens, rt);
  Gradients g;
  const DType type = compute_dtype(model);
  for (const ParameterSpec& spec : model.parameters.specs()) g.of.emplace_back(type, spec.shape);
  Bindings bindings;
  bindings.inputs = {tokens.ids.data()};
  bindings.parameters = parameter_pointers(built, model.parameters);
  for (const ParameterSlot& slot : built.parameters) {
    bindings.gradients.push_back(g.of[static_cast<size_t>(slot.parameter)].data());
  }
  built.program.bind(bindings);
  built.program.run({.batch = tokens.batch, .time = tokens.time, .labels = tokens.labels.data()});
  g.loss = convert(built.program.value(built.loss), type);
  return g;
}

class ForwardVerb final : public Verb {
 public:
  std::string_view name() const override { return "forward"; }
  std::string_view summary() const override {
    return "Logits, and with --grad the loss and every gradient, of given tokens";
  }
  std::vector<Example> examples() const override {
    return {{"weft forward runs/first --tokens ids.safetensors --out logits.safetensors",
             "the logits of given tokens"},
            {"weft forward runs/first --tokens ids.safetensors --out all.safetensors --grad --json",
             "with the loss and every gradient; the loss also as JSON"}};
  }

  void declare(Flags& flags) override {
    flags.text("MODEL", model_, "run, checkpoint or model folder").required();
    flags.word("--tokens", tokens_, "safetensors with tokens [B, T], I32 or I64").required();
    flags.word("--out", out_, "safetensors to write to").required();
    flags.flag("--grad", grad_, "also loss and grad.<parameter name>");
  }

  int run(const Invocation& invocation) override {
    const Model model = load_exact(model_);
    Tokens tokens = read_tokens(tokens_, model.config.vocab);
    if (grad_ && tokens.time < 2) {
      fail(ErrorCode::input, {tokens_ + ": tokens", "two columns or more with --grad",
                              std::to_string(tokens.time), "the loss is that of the next token"});
    }
    const auto start = std::chrono::steady_clock::now();
    const Tensor logits = logits_of(model, tokens, invocation.runtime);
    std::vector<io::NamedTensor> out = {{"logits", logits.view()}};
    Gradients gradients;
    if (grad_) {
      gradients = gradients_of(model, tokens, invocation.runtime);
      out.push_back({"loss", gradients.loss.view()});
      for (size_t i = 0; i < gradients.of.size(); ++i) {
        out.push_back({"grad." + model.parameters.specs()[i].name, gradients.of[i].view()});
      }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    io::write_safetensors(out_, out);
    if (invocation.json) {
      nlohmann::json j{{"model", model_},
                       {"batch", tokens.batch},
                       {"time", tokens.time},
                       {"vocab", model.config.vocab},
                       {"dtype", name_of(compute_dtype(model))},
                       {"seconds", took.count()},
                       {"out", out_},
                       {"outputs", output_list(out)}};
      if (grad_) j["loss"] = get(gradients.loss.view(), 0);
      invocation.console.result(io::to_json_text(j));
    }
    return 0;
  }

 private:
  std::string model_, tokens_, out_;
  bool grad_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_forward() {
  return std::make_unique<ForwardVerb>();
}

}  // namespace weft::cli
