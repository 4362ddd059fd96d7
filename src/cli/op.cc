// weft op: one op on tensors from a file.
#include <nlohmann/json.hpp>

#include "cli/op_attention.h"
#include "cli/output_list.h"
#include "cli/verb.h"
#include "io/json.h"

namespace weft::cli {
namespace {

class OpVerb final : public Verb {
 public:
  std::string_view name() const override { return "op"; }
  std::string_view summary() const override {
    return "Run one op (attention) on tensors from a safetensors file";
  }
  std::vector<Example> examples() const override {
    return {{"weft op attention --in qkv.safetensors --out o.safetensors --set "
             "mechanism=stick-breaking",
             "attention of q, k, v [batch, time, heads, channels] from another program"},
            {"weft op attention --in qkv.safetensors --out o.safetensors --layout bhtd --set "
             "position=rope --json",
             "the same of [batch, heads, time, channels], with rotated q and k; what was computed, "
             "as JSON"}};
  }

  void declare(Flags& flags) override {
    flags.choice("OP", op_, {"attention"}, "attention").required();
    flags
        .word("--in", in_,
              "safetensors with q, k, v [batch, time, heads, channels] and optionally do, drem, w")
        .required();
    flags.word("--out", out_, "safetensors to write o, rem, dq, dk, dv, dw to").required();
    flags.choice("--layout", layout_, {"bthd", "bhtd"},
                 "order of the axes, in and out: bthd (batch, time, heads, channels) or bhtd "
                 "(batch, heads, time, channels) (bthd)");
    flags.repeated("--set", settings_,
                   "key=value: mechanism, position, scale, window, and their arguments");
    flags.word("--kernel", kernel_, "the kernel to run (see weft kernels)");
  }

  int run(const Invocation& invocation) override {
    AttentionSettings settings = read_attention_settings(settings_);
    settings.order = axis_order(layout_);
    Runtime runtime = invocation.runtime;
    runtime.kernel = kernel_;
    const io::SafeTensors in = io::SafeTensors::open(in_);
    const AttentionRun done = run_attention(in, settings, runtime);
    const std::string warning = layout_warning(in, settings.order);
    if (!warning.empty()) invocation.console.note("warning: " + warning);
    std::vector<io::NamedTensor> tensors;
    for (const NamedResult& r : done.tensors) tensors.push_back({r.name, r.tensor.view()});
    io::write_safetensors(out_, tensors);
    if (invocation.json) invocation.console.result(document(settings, done, tensors, runtime));
    return 0;
  }

 private:
  std::string document(const AttentionSettings& settings, const AttentionRun& done,
                       std::span<const io::NamedTensor> tensors, const Runtime& runtime) const {
    const nlohmann::json sizes{{"batch", done.batch},         {"queries", done.queries},
                               {"keys", done.keys},           {"heads", done.heads},
                               {"kv_heads", done.kv_heads},   {"head_dim", done.head_dim},
                               {"value_dim", done.value_dim}, {"window", settings.window}};
    return io::to_json_text({{"op", op_},
                             {"mechanism", settings.mechanism},
                             {"position", settings.position},
                             {"layout", layout_},
                             {"dtype", name_of(tensors.front().tensor.desc.dtype)},
                             {"kernel", done.kernel},
                             {"threads", runtime.threads},
                             {"sizes", sizes},
                             {"seconds", done.seconds},
                             {"out", out_},
                             {"outputs", output_list(tensors)}});
  }

  std::string op_, in_, out_, kernel_, layout_ = "bthd";
  std::vector<std::string> settings_;
};

}  // namespace

std::unique_ptr<Verb> make_op() {
  return std::make_unique<OpVerb>();
}

}  // namespace weft::cli
