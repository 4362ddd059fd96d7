#include "model/own_mix_toml.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/own_mix.h"
#include "model/table_reader.h"

namespace weft {
namespace {

constexpr double kAny = 1e300;  // check_mix knows the bounds

MixTermConfig read_term(const io::Value& value, std::string_view file, const std::string& path) {
  TableReader table(value, file, path);
  MixTermConfig term;
  table.read("from", term.from);
  table.read("scale", term.scale, -kAny, kAny);
  table.read("gain", term.gain, -kAny, kAny);
  table.read("learn", term.learn);
  table.read("raw", term.raw);
  table.read("complement", term.complement);
  table.finish();  // first: where a key is missing, one that nobody knows may be it
  if (!table.has("from")) table.refuse("from", "the tap that the term reads", "none");
  return term;
}

MixConfig read_mix(const io::Value& value, std::string_view file, const std::string& path) {
  TableReader table(value, file, path);
  MixConfig mix;
  table.read("name", mix.name);
  table.read("to", mix.to);
  table.read("heads", mix.heads);
  const io::Value* terms = table.take("terms");
  table.finish();
  if (!table.has("to")) table.refuse("to", "the tap that the mix is written on", "none");
  const auto* list = terms == nullptr ? nullptr : terms->as<io::Value::Array>();
  constexpr const char* kSuch = "terms = [{ from = \"v[0]\" }]";
  if (list == nullptr) {
    table.refuse("terms", "a list of terms", terms == nullptr ? "none" : std::string(terms->kind()),
                 kSuch);
  }
  for (size_t t = 0; t < list->size(); ++t) {
    const io::Value& term = (*list)[t];
    const std::string name = fmt::format("{}.terms[{}]", path, t);
    if (!term.is<io::Value::Table>()) {
      fail(ErrorCode::config,
           {place_of(file, term.line, name), "a table", std::string(term.kind()), kSuch});
    }
    mix.terms.push_back(read_term(term, file, name));
  }
  check_mix(mix, place_of(file, value.line, path));
  return mix;
}

template <class T>
void put(io::Value& table, const char* key, const T& value, const T& fallback) {
  if (value != fallback) table.at(key).data = value;
}

io::Value write_term(const MixTermConfig& term) {
  const MixTermConfig plain;
  io::Value table;
  table.at("from").data = term.from;
  put(table, "scale", term.scale, plain.scale);
  put(table, "gain", term.gain, plain.gain);
  put(table, "learn", term.learn, plain.learn);
  put(table, "raw", term.raw, plain.raw);
  put(table, "complement", term.complement, plain.complement);
  return table;
}

}  // namespace

std::vector<MixConfig> read_mixes(const io::Value& tables, std::string_view file) {
  const auto* list = tables.as<io::Value::Array>();
  if (list == nullptr) {
    fail(ErrorCode::config, {place_of(file, tables.line, "model.mix"), "[[model.mix]] tables",
                             std::string(tables.kind()), ""});
  }
  std::vector<MixConfig> mixes;
  for (size_t i = 0; i < list->size(); ++i) {
    mixes.push_back(read_mix((*list)[i], file, fmt::format("model.mix[{}]", i)));
  }
  return mixes;
}

io::Value::Array write_mixes(const std::vector<MixConfig>& mixes) {
  io::Value::Array tables;
  for (const MixConfig& mix : mixes) {
    io::Value& table = tables.emplace_back();
    put(table, "name", mix.name, std::string());
    table.at("to").data = mix.to;
    if (!mix.heads.empty()) {
      io::Value::Array heads;
      for (const int64_t head : mix.heads) heads.push_back({head, 0});
      table.at("heads").data = heads;
    }
    io::Value::Array terms;
    for (const MixTermConfig& term : mix.terms) terms.push_back(write_term(term));
    table.at("terms").data = terms;
  }
  return tables;
}

}  // namespace weft
