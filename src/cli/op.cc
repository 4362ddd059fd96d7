// weft op: one op on tensors from a file.
#include "cli/op_attention.h"
#include "cli/verb.h"

namespace weft::cli {
namespace {

class OpVerb final : public Verb {
 public:
  std::string_view name() const override { return "op"; }
  std::string_view summary() const override {
    return "Run one op (attention) on tensors from a safetensors file";
  }
  bool has_json() const override { return false; }

  void declare(Flags& flags) override {
    flags.choice("OP", op_, {"attention"}, "attention").required();
    flags.word("--in", in_, "safetensors with q, k, v and optionally do, drem, w").required();
    flags.word("--out", out_, "safetensors to write o, rem, dq, dk, dv, dw to").required();
    flags.repeated("--set", settings_,
                   "key=value: mechanism, position, scale, window, and their arguments");
    flags.word("--kernel", kernel_, "the kernel to run (see weft kernels)");
  }

  int run(const Invocation& invocation) override {
    const AttentionSettings settings = read_attention_settings(settings_);
    Runtime runtime = invocation.runtime;
    runtime.kernel = kernel_;
    const std::vector<NamedResult> results =
        run_attention(io::SafeTensors::open(in_), settings, runtime);
    std::vector<io::NamedTensor> tensors;
    for (const NamedResult& r : results) tensors.push_back({r.name, r.tensor.view()});
    io::write_safetensors(out_, tensors);
    return 0;
  }

 private:
  std::string op_, in_, out_, kernel_;
  std::vector<std::string> settings_;
};

}  // namespace

std::unique_ptr<Verb> make_op() {
  return std::make_unique<OpVerb>();
}

}  // namespace weft::cli
