#include "model/weights_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "base/error.h"
#include "io/json.h"
#include "io/utf8.h"
#include "model/parameters.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::string_view kHead = "lm_head.weight", kTable = "model.embed_tokens.weight";
constexpr std::string_view kAnotherModel = "is this a checkpoint of another model?";

// What is computed from the configuration and was stored all the same.
bool is_buffer(std::string_view name) {
  for (const std::string_view end : {".rotary_emb.inv_freq", ".rotary_emb.cos_cached",
                                     ".rotary_emb.sin_cached", ".attn.bias", ".masked_bias"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

bool is_real(DType t) {
  return t == DType::f64 || t == DType::f32 || t == DType::bf16;
}

// The files that an index names; 0 where it is no index.
size_t shards_of(const fs::path& index) {
  std::set<std::string> files;
  try {
    const nlohmann::json json = io::read_json(index);
    for (const auto& [tensor, file] : json.at("weight_map").items()) {
      files.insert(file.get<std::string>());
    }
  } catch (const std::exception&) {
    return 0;
  }
  return files.size();
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// What makes one model.safetensors of it.
std::string conversion(std::string_view kind) {
  if (kind.find("adapter") != std::string_view::npos) {
    return "merge the adapter into its model first (peft: merge_and_unload)";
  }
  if (kind.find("GGUF") != std::string_view::npos) {
    return "take the model's Hugging Face folder";
  }
  return "load it in transformers and save_pretrained(FOLDER, max_shard_size=\"1TB\"), which "
         "writes "
         "one model.safetensors";
}

void check_present(const io::SafeTensors& file, const ParameterSpec& spec) {
  const std::string path = file.path().string();
  const auto* entry = file.find(spec.name);
  if (entry == nullptr) {
    const bool head = spec.name == kHead && file.find(kTable) != nullptr;
    fail(ErrorCode::input,
         {path, "a tensor \"" + spec.name + "\" " + spec.shape.str(), "a file without it",
          head ? "where the head is the embedding table, config.json must have tie_word_embeddings "
                 "true"
               : std::string(kAnotherModel)});
  }
  if (entry->desc.shape == spec.shape && is_real(entry->desc.dtype)) return;
  fail(ErrorCode::input,
       {path, fmt::format("\"{}\" of f32, f64 or bf16 {}", spec.name, spec.shape.str()),
        entry->desc.str(), std::string(kAnotherModel)});
}

void check_second_head(const io::SafeTensors& file, const io::SafeTensors::Entry& head) {
  const auto* table = file.find(kTable);
  const bool same = table != nullptr && table->desc == head.desc &&
                    std::equal(head.bytes.begin(), head.bytes.end(), table->bytes.begin());
  if (same) return;
  fail(ErrorCode::input,
       {file.path().string() + ": \"" + std::string(kHead) + "\"",
        "the values of \"" + std::string(kTable) + "\", as tie_word_embeddings is true", "others",
        "programs differ in which of the two they take; if the head is one of its own, set "
        "tie_word_embeddings to false in config.json"});
}

}  // namespace

std::string weights_of_another_kind(const fs::path& path) {
  if (path.extension() == ".gguf" && is_there(path)) return "a GGUF file";
  if (is_there(path / kIndex)) {
    const size_t shards = shards_of(path / kIndex);
    return shards == 0 ? fmt::format("a damaged {}", kIndex)
                       : fmt::format("weights in {} shards ({})", shards, kIndex);
  }
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  struct Kind {
    std::string_view begin, end, what;
  };
  constexpr Kind kKinds[] = {{"model-", ".safetensors", "shards of weights without their index"},
                             {"adapter_model", "", "an adapter's weights"},
                             {"pytorch_model", ".bin.index.json", "shards of PyTorch weights"},
                             {"pytorch_model", ".bin", "PyTorch weights"},
                             {"", ".pth", "PyTorch weights"},
                             {"", ".pt", "PyTorch weights"},
                             {"", ".gguf", "GGUF weights"},
                             {"tf_model", ".h5", "TensorFlow weights"},
                             {"flax_model", ".msgpack", "Flax weights"}};
  for (const Kind& kind : kKinds) {
    for (const std::string& name : names) {
      if (name.size() >= kind.begin.size() + kind.end.size() && name.starts_with(kind.begin) &&
          name.ends_with(kind.end)) {
        return fmt::format("{} ({})", kind.what, io::in_quotes(name));
      }
    }
  }
  return {};
}

io::SafeTensors open_weights(const fs::path& checkpoint) {
  const fs::path file = checkpoint / kWeightsFile;
  if (!is_there(file)) {
    const std::string kind = weights_of_another_kind(checkpoint);
    if (!kind.empty()) {
      fail(ErrorCode::input,
           {checkpoint.string(), "weights in one model.safetensors", kind, conversion(kind)});
    }
  }
  return io::SafeTensors::open(file);
}

void check_tensors(const io::SafeTensors& file, const std::vector<ParameterSpec>& specs,
                   bool tied) {
  std::set<std::string_view> names;
  for (const ParameterSpec& spec : specs) {
    names.insert(spec.name);
    check_present(file, spec);
  }
  for (const auto& entry : file.entries()) {
    if (names.contains(entry.name) || is_buffer(entry.name)) continue;
    if (tied && entry.name == kHead) {
      check_second_head(file, entry);
      continue;
    }
    fail(ErrorCode::input,
         {file.path().string(), "only tensors of the model", io::in_quotes(entry.name),
          entry.name.ends_with(".bias") ? "linear layers have no biases here"
                                        : std::string(kAnotherModel)});
  }
}

DType stored_dtype(const io::SafeTensors& file, const std::vector<ParameterSpec>& specs) {
  DType widest = DType::bf16;
  for (const ParameterSpec& spec : specs) {
    if (!Parameters::is_matrix(spec)) continue;
    const DType type = file.find(spec.name)->desc.dtype;
    if (size_of(type) > size_of(widest)) widest = type;
  }
  return widest;
}

}  // namespace weft
