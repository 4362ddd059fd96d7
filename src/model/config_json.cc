#include "model/config_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/value.h"
#include "model/config_toml.h"
#include "model/foreign_keys.h"
#include "model/foreign_rope.h"
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

// A size that must be there, unless `absent` says what its absence means.
int64_t read_size(TableReader& table, const char* key, int64_t absent = 0) {
  if (!table.has(key) && absent == 0) {
    table.refuse(key, "a size", "none", "the key is missing");
  }
  int64_t size = absent;
  table.read(key, size, 1, INT64_MAX);
  return size;
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

// What is absent has the default of the LlamaConfig of transformers.
ModelConfig from_llama(const json& j, TableReader& table, const Axes& axes) {
  io::Value model;
  model.at("vocab").data = read_size(table, "vocab_size");
  model.at("layers").data = read_size(table, "num_hidden_layers");
  model.at("ffn").data = read_size(table, "intermediate_size");
  model.at("context").data = read_size(table, "max_position_embeddings", 2048);
  const int64_t dim = read_size(table, "hidden_size");
  const int64_t heads = read_size(table, "num_attention_heads");
  if (!table.has("head_dim") && dim % heads != 0) {
    table.refuse("hidden_size", fmt::format("a multiple of num_attention_heads, {}", heads),
                 std::to_string(dim), "or a head_dim beside it");
  }
  model.at("dim").data = dim;
  model.at("heads").data = heads;
  model.at("kv_heads").data = read_size(table, "num_key_value_heads", heads);
  model.at("head_dim").data = read_size(table, "head_dim", std::max<int64_t>(1, dim / heads));
  bool tied = false;
  double eps = 1e-6;
  table.read("tie_word_embeddings", tied);
  table.read("rms_norm_eps", eps, std::numeric_limits<double>::min(), 1);
  model.at("tie_embeddings").data = tied;
  model.at("norm_eps").data = eps;
  model.at("position_args").at("theta").data = rope_base(j, table.file()).value_or(10000);
  return read_model(model, table.file(), axes);
}

// Our own table and the keys of other programs around it must say the same: whoever edited one of
// them meant something.
void check_agreement(const json& outer, const ModelConfig& config, std::string_view where) {
  check_foreign_keys(outer, where);
  const json ours = config_to_json(config, DType::f32);
  const auto check = [&](const std::string& key, const json& expected, const json& got) {
    if (got.is_null() || got == expected) return;
    fail(ErrorCode::config,
         {fmt::format("{}: {}", where, key),
          spelled(expected) + ", which follows from the table \"weft\" of the same file",
          spelled(got), "one of the two was changed; change both, or neither"});
  };
  for (const auto& [key, expected] : ours.items()) {
    if (key == "weft" || key == "torch_dtype" || key == "rope_theta") continue;
    if (key == "architectures") {
      const json got = outer.value(key, json());
      check(key, expected[0], got.is_array() && got.size() == 1 ? got[0] : got);
    } else {
      check(key, expected, outer.value(key, json()));
    }
  }
  if (const auto theta = rope_base(outer, where)) check("rope_theta", ours["rope_theta"], *theta);
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

std::string refused_elsewhere(const ModelConfig& c) {
  if (!is_llama(c) || c.dim % c.heads == 0) return {};
  return fmt::format("transformers opens no Llama whose dim, {}, is no multiple of its heads, {}",
                     c.dim, c.heads);
}

ModelConfig config_from_json(const json& j, std::string_view where, const Axes& axes) {
  const io::Value root = from_json(j);
  TableReader table(root, where, "");
  if (const io::Value* weft = table.take("weft")) {
    ModelConfig config = from_weft(*weft, where, axes);
    check_agreement(j, config, where);
    return config;
  }
  check_family(j, where);
  check_foreign_keys(j, where);
  return from_llama(j, table, axes);
}

}  // namespace weft
