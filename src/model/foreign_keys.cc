#include "model/foreign_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/args.h"
#include "base/error.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft {
namespace {

using nlohmann::json;

constexpr std::string_view kSize = "read";          // and null is no size
constexpr std::string_view kOptional = "optional";  // read; null: its default
constexpr std::string_view kHarmless = "harmless";  // whatever it says

// `use`: one of the words above, or a JSON list of the values that change nothing (null is always
// one of them); `effect`: what another value would change.
struct ForeignKey {
  std::string_view name, use, effect = "";
};

constexpr std::string_view kOff = "[false]";
constexpr std::string_view kNone = "[null]";

constexpr ForeignKey kKeys[] = {
    // The model that is read.
    {"vocab_size", kSize},
    {"hidden_size", kSize},
    {"num_hidden_layers", kSize},
    {"num_attention_heads", kSize},
    {"intermediate_size", kSize},
    {"num_key_value_heads", kOptional},
    {"head_dim", kOptional},
    {"max_position_embeddings", kSize},
    {"tie_word_embeddings", kSize},
    {"rms_norm_eps", kSize},
    {"rope_theta", kSize},
    {"rope_scaling", kOptional},
    {"rope_parameters", kOptional},
    {"model_type", kSize},
    {"architectures", kOptional},

    // Features that a Llama of ours does not have.
    {"hidden_act", R"(["silu","swish"])", "the activation of the MLP"},
    {"hidden_activation", R"(["silu","swish"])", "the activation of the MLP"},
    {"attention_bias", kOff, "biases would be added in q, k, v and o"},
    {"qkv_bias", kOff, "biases would be added in q, k and v"},
    {"mlp_bias", kOff, "biases would be added in the MLP"},
    {"sliding_window", kNone, "each token would see a window of tokens only"},
    {"use_sliding_window", kOff, "each token would see a window of tokens only"},
    {"layer_types", "full_attention", "some layers would attend otherwise"},
    {"attention_chunk_size", kNone, "tokens would attend within chunks only"},
    {"no_rope_layers", "[[]]", "some layers would have no positions"},
    {"no_rope_layer_interval", kNone, "some layers would have no positions"},
    {"partial_rotary_factor", "[1]", "a part of each head only would be rotated"},
    {"rotary_pct", "[1]", "a part of each head only would be rotated"},
    {"rotary_dim", kNone, "a part of each head only would be rotated"},
    {"rope_interleaved", kOff, "neighbouring channels would be rotated in pairs"},
    {"rope_interleave", kOff, "neighbouring channels would be rotated in pairs"},
    {"rope_local_base_freq", kNone, "some layers would have another rotary base"},
    {"use_qk_norm", kOff, "queries and keys would be normalised"},
    {"qk_norm", kOff, "queries and keys would be normalised"},
    {"qk_layernorm", kOff, "queries and keys would be normalised"},
    {"clip_qkv", kNone, "queries, keys and values would be clipped"},
    {"query_pre_attn_scalar", kNone, "scores would be scaled otherwise"},
    {"attention_multiplier", kNone, "scores would be scaled otherwise"},
    {"attn_logit_softcapping", kNone, "scores would be capped"},
    {"final_logit_softcapping", kNone, "logits would be capped"},
    {"logit_scale", "[1]", "logits would be scaled"},
    {"logits_scaling", "[1]", "logits would be scaled"},
    {"embedding_multiplier", "[1]", "embeddings would be scaled"},
    {"scale_embedding", kOff, "embeddings would be scaled"},
    {"residual_multiplier", "[1]", "what blocks add would be scaled"},
    {"num_experts", "[0,1]", "the MLP would be a choice of experts"},
    {"num_local_experts", "[0,1]", "the MLP would be a choice of experts"},
    {"num_experts_per_tok", "[0,1]", "the MLP would be a choice of experts"},
    {"use_parallel_residual", kOff, "attention and MLP would read the same input"},
    {"parallel_attn", kOff, "attention and MLP would read the same input"},
    {"alibi", kOff, "positions would be biases of the scores"},
    {"add_cross_attention", kOff, "blocks would attend to an encoder"},
    {"cross_attention_hidden_size", kNone, "blocks would attend to an encoder"},
    {"is_encoder_decoder", kOff, "blocks would attend to an encoder"},
    {"pruned_heads", "[{}]", "some heads would be missing"},
    {"quantization_config", kNone, "the weights are stored as integers with scales"},
    {"compression_config", kNone, "the weights are stored as integers with scales"},
    {"auto_map", kNone, "Python code of the model's own would say what it computes"},

    // Training, storage, and how text is drawn: the logits do not depend on them. Splitting the
    // sums (pretraining_tp, chunk_size_feed_forward) changes their rounding alone.
    {"attention_dropout", kHarmless},
    {"hidden_dropout", kHarmless},
    {"attn_dropout", kHarmless},
    {"attn_pdrop", kHarmless},
    {"embd_pdrop", kHarmless},
    {"resid_pdrop", kHarmless},
    {"residual_dropout", kHarmless},
    {"embedding_dropout", kHarmless},
    {"mlp_dropout", kHarmless},
    {"classifier_dropout", kHarmless},
    {"initializer_range", kHarmless},
    {"gradient_checkpointing", kHarmless},
    {"pretraining_tp", kHarmless},
    {"chunk_size_feed_forward", kHarmless},
    {"base_model_tp_plan", kHarmless},
    {"base_model_pp_plan", kHarmless},
    {"max_window_layers", kHarmless},                 // of use_sliding_window
    {"original_max_position_embeddings", kHarmless},  // of scaled rotary positions
    {"max_sequence_length", kHarmless},
    {"model_max_length", kHarmless},
    {"use_cache", kHarmless},
    {"cache_implementation", kHarmless},
    {"torch_dtype", kHarmless},  // the weights say it themselves
    {"dtype", kHarmless},
    {"torchscript", kHarmless},
    {"use_bfloat16", kHarmless},
    {"tf_legacy_loss", kHarmless},
    {"bos_token_id", kHarmless},
    {"eos_token_id", kHarmless},
    {"pad_token_id", kHarmless},
    {"sep_token_id", kHarmless},
    {"unk_token_id", kHarmless},
    {"decoder_start_token_id", kHarmless},
    {"forced_bos_token_id", kHarmless},
    {"forced_eos_token_id", kHarmless},
    {"suppress_tokens", kHarmless},
    {"begin_suppress_tokens", kHarmless},
    {"bad_words_ids", kHarmless},
    {"do_sample", kHarmless},
    {"early_stopping", kHarmless},
    {"max_length", kHarmless},
    {"min_length", kHarmless},
    {"max_new_tokens", kHarmless},
    {"num_beams", kHarmless},
    {"num_beam_groups", kHarmless},
    {"num_return_sequences", kHarmless},
    {"diversity_penalty", kHarmless},
    {"length_penalty", kHarmless},
    {"repetition_penalty", kHarmless},
    {"exponential_decay_length_penalty", kHarmless},
    {"no_repeat_ngram_size", kHarmless},
    {"encoder_no_repeat_ngram_size", kHarmless},
    {"remove_invalid_values", kHarmless},
    {"temperature", kHarmless},
    {"top_k", kHarmless},
    {"top_p", kHarmless},
    {"typical_p", kHarmless},
    {"return_dict", kHarmless},
    {"return_dict_in_generate", kHarmless},
    {"output_attentions", kHarmless},
    {"output_hidden_states", kHarmless},
    {"output_scores", kHarmless},
    {"is_decoder", kHarmless},
    {"tie_encoder_decoder", kHarmless},
    {"_attn_implementation", kHarmless},
    {"_attn_implementation_autoset", kHarmless},
    {"attn_implementation", kHarmless},
    {"_flash_attn_2_enabled", kHarmless},

    // Names and notes.
    {"_name_or_path", kHarmless},
    {"name_or_path", kHarmless},
    {"_commit_hash", kHarmless},
    {"transformers_version", kHarmless},
    {"transformers.js_config", kHarmless},
    {"is_llama_config", kHarmless},
    {"unsloth_version", kHarmless},
    {"unsloth_fixed", kHarmless},
    {"tokenizer_class", kHarmless},
    {"prefix", kHarmless},
    {"finetuning_task", kHarmless},
    {"task_specific_params", kHarmless},
    {"problem_type", kHarmless},
    {"num_labels", kHarmless},
    {"id2label", kHarmless},
    {"label2id", kHarmless},
};

struct Family {
  std::string_view type, differs;
};
constexpr Family kFamilies[] = {
    {"mistral", "its layers may see a window of tokens only"},
    {"ministral", "its layers may see a window of tokens only"},
    {"mixtral", "its MLP is a choice of experts"},
    {"qwen2", "its q, k and v have biases"},
    {"qwen2_moe", "its MLP is a choice of experts"},
    {"qwen3", "it normalises queries and keys"},
    {"qwen3_moe", "its MLP is a choice of experts"},
    {"gemma", "it scales embeddings, and its norms and activation are others"},
    {"gemma2", "it scales embeddings, caps scores, and its norms and activation are others"},
    {"gemma3", "it scales embeddings, and its norms and activation are others"},
    {"gemma3_text", "it scales embeddings, and its norms and activation are others"},
    {"gpt2", "it has LayerNorm, learned positions and transposed weights"},
    {"gpt_neo", "it has LayerNorm, learned positions and windows"},
    {"gpt_neox", "it has LayerNorm, and attention and MLP read the same input"},
    {"gptj", "it has LayerNorm, and rotates a part of each head"},
    {"gpt_bigcode", "it has LayerNorm and learned positions"},
    {"starcoder2", "it has LayerNorm and biases"},
    {"opt", "it has LayerNorm, learned positions and biases"},
    {"bloom", "it has LayerNorm and biases of the scores"},
    {"mpt", "it has LayerNorm and biases of the scores"},
    {"falcon", "it has LayerNorm, and attention and MLP read the same input"},
    {"phi", "it has LayerNorm, and attention and MLP read the same input"},
    {"phi3", "its projections are stored as one, its positions may be scaled"},
    {"stablelm", "it has LayerNorm, and rotates a part of each head"},
    {"olmo", "its norms have no weights"},
    {"olmo2", "its norms follow the blocks, and it normalises queries and keys"},
    {"cohere", "it has LayerNorm, and attention and MLP read the same input"},
    {"granite", "it scales embeddings, scores, blocks and logits"},
    {"smollm3", "some of its layers have no positions"},
    {"deepseek_v2", "it compresses keys and values, and chooses experts"},
    {"deepseek_v3", "it compresses keys and values, and chooses experts"},
    {"llama4", "it chooses experts, and some layers have no positions"},
    {"mamba", "it has states in place of attention"},
};

std::string at(std::string_view where, std::string_view key) {
  return where.empty() ? std::string(key) : fmt::format("{}: {}", where, key);
}

const ForeignKey* find(std::string_view name) {
  const auto* it = std::find_if(std::begin(kKeys), std::end(kKeys),
                                [&](const ForeignKey& k) { return k.name == name; });
  return it == std::end(kKeys) ? nullptr : it;
}

[[noreturn]] void refuse_unknown(const std::string& name, std::string_view where) {
  std::vector<std::string> names;
  for (const ForeignKey& k : kKeys) names.emplace_back(k.name);
  const std::string near = nearest(name, names);
  fail(ErrorCode::config,
       {at(where, io::in_quotes(name)), "keys whose effect is known", "one that is not",
        near.empty() ? "it may change what the model computes; remove it if it does not"
                     : "did you mean " + near + "?"});
}

bool all_full_attention(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(),
                                         [](const json& e) { return e == "full_attention"; });
}

void check_neutral(const ForeignKey& key, const json& value, std::string_view where) {
  if (value.is_null()) return;
  if (key.use == "full_attention") {
    if (all_full_attention(value)) return;
    fail(ErrorCode::config, {at(where, key.name), "\"full_attention\" in every layer",
                             io::to_json_line(value).substr(0, 80), std::string(key.effect)});
  }
  const json neutral = json::parse(key.use);
  if (std::find(neutral.begin(), neutral.end(), value) != neutral.end()) return;
  const json& expected = neutral.front();
  fail(ErrorCode::config, {at(where, key.name), expected.is_null() ? "null" : spelled(expected),
                           spelled(value), std::string(key.effect)});
}

}  // namespace

std::string spelled(const json& value) {
  if (value.is_object()) return "a table";
  if (value.is_array()) return value.empty() ? "an empty list" : "a list";
  if (value.is_string()) return io::in_quotes(value.get<std::string>());
  return io::to_json_line(value);
}

void check_foreign_keys(const json& config, std::string_view where) {
  for (const auto& [name, value] : config.items()) {
    if (name.starts_with("weft")) continue;
    const ForeignKey* key = find(name);
    if (key == nullptr) refuse_unknown(name, where);
    if (key->use == kHarmless || key->use == kOptional) continue;
    if (key->use != kSize) {
      check_neutral(*key, value, where);
    } else if (value.is_null()) {
      fail(ErrorCode::config, {at(where, name), "a value", "null", "write it, or leave it out"});
    }
  }
}

void check_family(const json& config, std::string_view where) {
  const json type = config.value("model_type", json());
  if (type != "llama") {
    const auto* family = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                      [&](const Family& f) { return type == f.type; });
    fail(ErrorCode::config, {at(where, "model_type"), "a table \"weft\", or model_type llama",
                             type.is_null() ? "none" : spelled(type),
                             family == std::end(kFamilies) ? "" : std::string(family->differs)});
  }
  const json architectures = config.value("architectures", json());
  if (architectures.is_null()) return;
  const bool right = architectures.is_array() && !architectures.empty() &&
                     std::all_of(architectures.begin(), architectures.end(), [](const json& name) {
                       return name == "LlamaForCausalLM" || name == "LLaMAForCausalLM";
                     });
  if (right) return;
  const json& got =
      architectures.is_array() && !architectures.empty() ? architectures.front() : architectures;
  fail(ErrorCode::config, {at(where, "architectures"), "LlamaForCausalLM", spelled(got),
                           "a model with another head does not continue text"});
}

}  // namespace weft
