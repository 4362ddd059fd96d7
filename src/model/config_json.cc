#include "model/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/value.h"
#include "model/config_toml.h"
#include "model/table_reader.h"

namespace weft {
namespace {

using nlohmann::json;

json to_json(const io::Value& v) {
  if (const auto* table = v.as<io::Value::Table>()) {
    json object = json::object();
    for (const io::Field& f : *table) object[f.key] = to_json(f.value);
    return object;
  }
  if (const auto* array = v.as<io::Value::Array>()) {
    json list = json::array();
    for (const io::Value& e : *array) list.push_back(to_json(e));
    return list;
  }
  if (const auto* b = v.as<bool>()) return *b;
  if (const auto* i = v.as<int64_t>()) return *i;
  if (const auto* d = v.as<double>()) return *d;
  return *v.as<std::string>();
}

// Depth is bounded by the reader of the text (io/json.h). Keys with the value null are left out.
io::Value from_json(const json& j) {
  io::Value v;
  switch (j.type()) {
    case json::value_t::object: {
      io::Value::Table table;
      for (const auto& [key, value] : j.items()) {
        if (!value.is_null()) table.push_back({key, from_json(value)});
      }
      v.data = table;
      break;
    }
    case json::value_t::array: {
      io::Value::Array list;
      for (const json& e : j) list.push_back(from_json(e));
      v.data = list;
      break;
    }
    case json::value_t::boolean:
      v.data = j.get<bool>();
      break;
    case json::value_t::number_integer:
      v.data = j.get<int64_t>();
      break;
    case json::value_t::number_unsigned:
      // Beyond 63 bits it is a number, which no key takes for a size.
      if (j.get<uint64_t>() <= uint64_t{INT64_MAX}) {
        v.data = static_cast<int64_t>(j.get<uint64_t>());
      } else {
        v.data = j.get<double>();
      }
      break;
    case json::value_t::number_float:
      v.data = j.get<double>();
      break;
    default:
      v.data = j.is_string() ? j.get<std::string>() : std::string();
  }
  return v;
}

bool is_llama(const ModelConfig& c) {
  return c.wiring.empty() && c.mixes.empty() && c.loop.repeats == 1 &&
         std::all_of(c.layer.begin(), c.layer.end(), [&](const LayerConfig& l) {
           return l == c.layer.front() && l.mechanism == "softmax" && l.position == "rope" &&
                  l.window == 0;
         });
}

double rope_theta(const LayerConfig& layer) {
  const auto theta = layer.position_args.values().find("theta");
  if (theta == layer.position_args.values().end()) return 10000;
  return std::get<double>(theta->second);
}

const char* torch_name(DType dtype) {
  if (dtype == DType::f64) return "float64";
  return dtype == DType::bf16 ? "bfloat16" : "float32";
}

// Where a key says something else than what the block does, the weights would be misread.
void refuse_unknown_features(TableReader& table) {
  std::string activation = "silu";
  table.read("hidden_act", activation);
  if (activation != "silu") table.refuse("hidden_act", "silu", activation);
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    bool biased = false;
    table.read(key, biased);
    if (biased) table.refuse(key, "false", "true", "linear layers have no biases");
  }
  if (table.take("rope_scaling") != nullptr) {
    table.refuse("rope_scaling", "none", "a table", "scaled rotary positions are not known");
  }
}

// Beside the keys of [model] the table says whether attention crosses documents, which follows the
// data that the model was trained on.
constexpr const char *kMask = "mask_documents", *kSeparator = "document_separator";

json weft_table(const ModelConfig& c) {
  json table = to_json(write_model(c));
  table[kMask] = c.document_separator >= 0;
  if (c.document_separator >= 0) table[kSeparator] = c.document_separator;
  return table;
}

ModelConfig from_weft(io::Value weft, std::string_view where, const Axes& axes) {
  io::Value documents;
  if (auto* table = std::get_if<io::Value::Table>(&weft.data)) {
    std::erase_if(*table, [&](const io::Field& f) {
      if (f.key != kMask && f.key != kSeparator) return false;
      documents.at(f.key) = f.value;
      return true;
    });
  }
  TableReader reader(documents, where, "weft");
  bool masked = false;
  int64_t separator = 0;
  reader.read(kMask, masked);
  reader.read(kSeparator, separator, 0, INT32_MAX);
  ModelConfig config = read_model(weft, where, axes);
  if (masked) config.document_separator = separator;
  return config;
}

ModelConfig from_llama(TableReader& table, const Axes& axes) {
  constexpr int64_t kMost = INT64_MAX;
  io::Value model;
  const std::pair<const char*, const char*> sizes[] = {{"vocab_size", "vocab"},
                                                       {"hidden_size", "dim"},
                                                       {"num_hidden_layers", "layers"},
                                                       {"num_attention_heads", "heads"},
                                                       {"num_key_value_heads", "kv_heads"},
                                                       {"head_dim", "head_dim"},
                                                       {"intermediate_size", "ffn"},
                                                       {"max_position_embeddings", "context"}};
  for (const auto& [theirs, ours] : sizes) {
    const std::string key = ours;
    const bool optional = key == "kv_heads" || key == "head_dim" || key == "context";
    if (!table.has(theirs) && optional) continue;
    if (!table.has(theirs)) table.refuse(theirs, "a size", "none", "the key is missing");
    int64_t size = 0;
    table.read(theirs, size, 1, kMost);
    model.at(key).data = size;
  }
  bool tied = false;
  double eps = 1e-6, theta = 10000;  // their defaults
  table.read("tie_word_embeddings", tied);
  table.read("rms_norm_eps", eps, 0, 1);
  table.read("rope_theta", theta, 1, 1e300);
  model.at("tie_embeddings").data = tied;
  model.at("norm_eps").data = eps;
  model.at("position_args").at("theta").data = theta;
  refuse_unknown_features(table);
  return read_model(model, table.file(), axes);
}

}  // namespace

json config_to_json(const ModelConfig& c, DType dtype) {
  const bool llama = is_llama(c);
  return {{"architectures", {llama ? "LlamaForCausalLM" : "WeftForCausalLM"}},
          {"model_type", llama ? "llama" : "weft"},
          {"hidden_size", c.dim},
          {"intermediate_size", c.ffn},
          {"num_hidden_layers", c.layers},
          {"num_attention_heads", c.heads},
          {"num_key_value_heads", c.layer.front().kv_heads},
          {"head_dim", c.head_dim},
          {"vocab_size", c.vocab},
          {"max_position_embeddings", c.context},
          {"rms_norm_eps", c.norm_eps},
          {"rope_theta", rope_theta(c.layer.front())},
          {"tie_word_embeddings", c.tie_embeddings},
          {"hidden_act", "silu"},
          {"torch_dtype", torch_name(dtype)},
          {"weft", weft_table(c)}};
}

ModelConfig config_from_json(const json& j, std::string_view where, const Axes& axes) {
  const io::Value root = from_json(j);
  TableReader table(root, where, "");
  if (const io::Value* weft = table.take("weft")) return from_weft(*weft, where, axes);
  std::string type;
  table.read("model_type", type);
  if (type != "llama") {
    table.refuse("model_type", "a table \"weft\", or model_type llama", "\"" + type + "\"");
  }
  return from_llama(table, axes);
}

}  // namespace weft
