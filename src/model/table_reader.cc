#include "model/table_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <type_traits>

#include "base/error.h"
#include "io/utf8.h"

namespace weft {
namespace {

using io::Value;

std::string text(const Value& v) {
  if (const auto* b = v.as<bool>()) return *b ? "true" : "false";
  if (const auto* i = v.as<int64_t>()) return std::to_string(*i);
  if (const auto* d = v.as<double>()) return to_string(Arg(*d));
  if (const auto* s = v.as<std::string>()) return io::in_quotes(*s);
  return std::string(v.kind());
}

// "a list [1, 2]": what stands where one value was expected; short ones in full.
std::string list_text(const Value& v) {
  const auto* array = v.as<Value::Array>();
  if (array == nullptr) return text(v);
  constexpr size_t kMost = 60;
  std::string elements;
  for (const Value& e : *array) elements += (elements.empty() ? "" : ", ") + text(e);
  return elements.size() > kMost ? "a list of " + std::to_string(array->size())
                                 : "the list [" + elements + "]";
}

template <class T>
std::optional<T> element(const Value& v) {
  if constexpr (std::is_same_v<T, int64_t>) return v.whole();
  const T* one = v.as<T>();
  return one == nullptr ? std::nullopt : std::optional<T>(*one);
}

// Elements of a list of T, or the one element in its place. What is wrong, "" where nothing is.
template <class T>
std::string elements(const Value& v, std::vector<T>& out) {
  out.clear();
  if (const std::optional<T> one = element<T>(v)) {
    out.push_back(*one);
    return {};
  }
  const auto* array = v.as<Value::Array>();
  if (array == nullptr) return text(v);
  for (const Value& e : *array) {
    const std::optional<T> one = element<T>(e);
    if (!one) return fmt::format("{} as element {}", text(e), out.size());
    out.push_back(*one);
  }
  return {};
}

bool to_arg(const Value& v, Arg& out) {
  std::vector<int64_t> list;
  if (const auto* b = v.as<bool>()) {
    out = *b;
  } else if (const auto whole = v.whole()) {
    out = *whole;
  } else if (const auto* d = v.as<double>()) {
    out = *d;
  } else if (const auto* s = v.as<std::string>()) {
    out = *s;
  } else if (elements(v, list).empty()) {
    out = list;
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string_view key_elsewhere_called(std::string_view name) {
  struct Synonyms {
    std::string_view ours;
    std::vector<std::string_view> theirs;
  };
  static const Synonyms kSynonyms[] = {
      {"lr", {"learning_rate", "max_lr", "peak_lr"}},
      {"batch", {"batch_size", "micro_batch_size", "per_device_train_batch_size"}},
      {"accumulate", {"gradient_accumulation_steps", "grad_accum", "grad_accumulation"}},
      {"steps", {"max_steps", "max_iters", "iterations", "num_steps", "train_steps"}},
      {"warmup", {"warmup_steps", "warmup_iters"}},
      {"clip", {"grad_clip", "max_grad_norm", "gradient_clip", "gradient_clipping"}},
      {"precision", {"dtype", "torch_dtype"}},
      {"checkpoint_every", {"save_every", "save_steps", "save_interval"}},
      {"eval_every", {"eval_interval", "eval_steps"}},
      {"layers", {"n_layer", "n_layers", "num_layers", "num_hidden_layers", "depth"}},
      {"heads", {"n_head", "n_heads", "num_heads", "num_attention_heads"}},
      {"kv_heads", {"n_kv_heads", "num_kv_heads", "num_key_value_heads"}},
      {"head_dim", {"head_size", "d_head"}},
      {"dim", {"d_model", "n_embd", "hidden_size", "embed_dim", "width"}},
      {"ffn", {"d_ff", "ffn_dim", "hidden_dim", "intermediate_size", "mlp_dim"}},
      {"vocab", {"vocab_size", "n_vocab"}},
      {"context", {"seq_len", "max_seq_len", "block_size", "n_ctx", "max_position_embeddings"}},
      {"window", {"sliding_window", "window_size"}},
      {"tie_embeddings", {"tie_word_embeddings", "weight_tying"}},
      {"norm_eps", {"rms_norm_eps", "layer_norm_eps"}},
      {"holdout", {"val_fraction", "val_split", "validation_split"}},
  };
  for (const Synonyms& s : kSynonyms) {
    if (std::find(s.theirs.begin(), s.theirs.end(), name) != s.theirs.end()) return s.ours;
  }
  return name;
}

std::string place_of(std::string_view file, int line, std::string_view key) {
  if (file.empty()) return std::string(key);
  return line > 0 ? fmt::format("{}:{}: {}", file, line, key) : fmt::format("{}: {}", file, key);
}

TableReader::TableReader(const Value& table, std::string_view file, std::string_view path)
    : table_(table), file_(file), path_(path) {
  if (table.is<Value::Table>()) return;
  fail(ErrorCode::config,
       {place_of(file_, table.line, path_), "a table", std::string(table.kind()), ""});
}

std::string TableReader::where(std::string_view key) const {
  const Value* v = table_.find(key);
  const std::string name = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  return place_of(file_, v == nullptr ? 0 : v->line, name);
}

void TableReader::refuse(std::string_view key, std::string expected, std::string got,
                         std::string hint) const {
  fail(ErrorCode::config, {where(key), std::move(expected), std::move(got), std::move(hint)});
}

void TableReader::wrong(std::string_view key, std::string expected, const Value& got) const {
  refuse(key, std::move(expected), list_text(got));
}

const Value* TableReader::take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return table_.find(key);
}

void TableReader::read(std::string_view key, bool& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  if (!v->is<bool>()) wrong(key, "true or false", *v);
  out = *v->as<bool>();
}

void TableReader::read(std::string_view key, int64_t& out, int64_t least, int64_t most) {
  const Value* v = take(key);
  if (v == nullptr) return;
  const std::optional<int64_t> i = v->whole();
  if (!i || *i < least || *i > most) {
    refuse(key, fmt::format("an integer from {} to {}", least, most),
           i ? std::to_string(*i) : list_text(*v),
           !i && v->is<double>() ? "integers have no point" : "");
  }
  out = *i;
}

void TableReader::read(std::string_view key, double& out, double least, double most) {
  const Value* v = take(key);
  if (v == nullptr) return;
  double x = 0;
  if (const auto* d = v->as<double>()) {
    x = *d;
  } else if (const auto* i = v->as<int64_t>()) {
    x = static_cast<double>(*i);
  } else {
    wrong(key, "a number", *v);
  }
  if (!(x >= least && x <= most))
    wrong(key, fmt::format("a number from {} to {}", least, most), *v);
  out = x;
}

void TableReader::read(std::string_view key, std::string& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  if (!v->is<std::string>()) wrong(key, "a string", *v);
  out = *v->as<std::string>();
}

void TableReader::read(std::string_view key, std::vector<std::string>& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  const std::string got = elements(*v, out);
  if (!got.empty()) refuse(key, "a list of strings", got);
}

void TableReader::read(std::string_view key, std::vector<int64_t>& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  const std::string got = elements(*v, out);
  if (!got.empty()) refuse(key, "a list of integers", got);
}

void TableReader::read(std::string_view key, std::map<std::string, Arg>& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  const auto* table = v->as<Value::Table>();
  if (table == nullptr) wrong(key, "a table", *v);
  for (const io::Field& field : *table) {
    Arg arg;
    if (!to_arg(field.value, arg)) {
      wrong(std::string(key) + "." + field.key, "a value or a list of integers", field.value);
    }
    out[field.key] = arg;
  }
}

void TableReader::finish() const {
  for (const io::Field& field : *table_.as<Value::Table>()) {
    if (std::find(known_.begin(), known_.end(), field.key) != known_.end()) continue;
    const std::string ours(key_elsewhere_called(field.key));
    const bool known = std::find(known_.begin(), known_.end(), ours) != known_.end();
    refuse(field.key, "a known key", io::in_quotes(field.key),
           suggestion(known ? ours : field.key, known_));
  }
}

Value arg_value(const Arg& arg) {
  Value v;
  if (const auto* list = std::get_if<std::vector<int64_t>>(&arg)) {
    Value::Array array;
    for (const int64_t i : *list) array.push_back({i, 0});
    v.data = array;
  } else {
    std::visit(
        [&](const auto& x) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(x)>, std::vector<int64_t>>)
            v.data = x;
        },
        arg);
  }
  return v;
}

Value args_table(const Args& args) {
  Value table;
  for (const auto& [name, arg] : args.values()) table.at(name) = arg_value(arg);
  return table;
}

}  // namespace weft
