#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/toml.h"
#include "model/config_json.h"
#include "model/config_toml.h"
#include "model/weights_file.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";

void assign_all(const io::SafeTensors& file, Parameters& parameters) {
  for (int p = 0; p < parameters.count(); ++p) {
    parameters.assign(p, file.load(parameters.spec(p).name).view());
  }
}

ModelConfig overridden(const ModelConfig& config, const std::vector<io::Override>& overrides,
                       const Axes& axes) {
  io::Value root;
  root.at("model") = write_model(config);
  for (const io::Override& o : overrides) {
    if (o.path.front() != "model") {
      fail(ErrorCode::config, {"config: " + io::to_string(o.path), "a key of [model]",
                               "one that a trained model does not have", ""});
    }
    io::set_path(root, o.path, o.value);
  }
  ModelConfig other = read_model(*root.find("model"), "", axes);
  other.document_separator = config.document_separator;
  return other;
}

// Of a checkpoint from before config.json said so: what its run, if it still lies in one, was told.
// There was one tokenizer then, whose separator is 0.
int64_t separator_of_run(const fs::path& checkpoint) {
  std::error_code error;
  const fs::path steps = fs::canonical(checkpoint, error).parent_path();
  const fs::path config = steps.parent_path() / "config.toml";
  if (error || steps.filename() != "checkpoints" || !fs::is_regular_file(config, error)) return -1;
  const io::Value root = io::read_toml(config);
  const io::Value* data = root.find("data");
  const io::Value* mask = data == nullptr ? nullptr : data->find("mask_documents");
  const bool* masked = mask == nullptr ? nullptr : mask->as<bool>();
  return masked != nullptr && *masked ? 0 : -1;
}

bool says_documents(const nlohmann::json& config) {
  return !config.contains("weft") || config["weft"].contains("mask_documents");
}

Tensor widened(const Int8Matrix& matrix) {
  Tensor values(DType::f32, matrix.integers.desc().shape);
  const auto* integers = static_cast<const int8_t*>(matrix.integers.data());
  const int64_t in = values.desc().shape[1];
  for (int64_t i = 0; i < values.numel(); ++i) {
    values.as<float>()[i] = matrix.scales.as<float>()[i / in] * static_cast<float>(integers[i]);
  }
  return values;
}

}  // namespace

Model make_model(const ModelConfig& config, uint64_t seed, DType master, WeightCopies copies,
                 const Axes& axes) {
  Model model{config, derive_layout(config, axes), {}};
  model.parameters = Parameters(parameter_list(config, model.layout, axes), master, copies);
  model.parameters.initialise(seed);
  return model;
}

Model load_model(const fs::path& checkpoint, std::optional<DType> precision, const Axes& axes,
                 const std::vector<io::Override>& overrides) {
  const fs::path config = checkpoint / kConfig;
  Model model;
  const nlohmann::json json = io::read_json(config);
  model.config = config_from_json(json, config.string(), axes);
  if (!says_documents(json)) model.config.document_separator = separator_of_run(checkpoint);
  if (!overrides.empty()) model.config = overridden(model.config, overrides, axes);
  model.layout = derive_layout(model.config, axes);
  std::vector<ParameterSpec> specs = parameter_list(model.config, model.layout, axes);
  const io::SafeTensors file = open_weights(checkpoint);
  check_tensors(file, specs, model.config.tie_embeddings);
  const DType type = precision.value_or(stored_dtype(file, specs));
  if (type != DType::f64 && type != DType::f32 && type != DType::bf16) {
    fail(ErrorCode::usage,
         {"load_model", "a precision of f64, f32 or bf16", std::string(name_of(type)), ""});
  }
  model.parameters = Parameters(std::move(specs), type == DType::f64 ? DType::f64 : DType::f32,
                                type == DType::bf16 ? WeightCopies::bf16 : WeightCopies::master);
  assign_all(file, model.parameters);
  return model;
}

void load_weights(const fs::path& checkpoint, const ModelConfig& config, Parameters& parameters) {
  const io::SafeTensors file = open_weights(checkpoint);
  check_tensors(file, parameters.specs(), config.tie_embeddings);
  assign_all(file, parameters);
}

DType compute_dtype(const Model& model) {
  return model.parameters.copies() == WeightCopies::master ? model.parameters.master_dtype()
                                                           : DType::bf16;
}

Model dequantised(const Model& model, const Axes& axes) {
  const Parameters& from = model.parameters;
  ModelConfig config = model.config;
  config.tie_embeddings = false;
  Model whole{config, derive_layout(config, axes), {}};
  whole.parameters =
      Parameters(parameter_list(config, whole.layout, axes), DType::f32, WeightCopies::master);
  for (int p = 0; p < whole.parameters.count(); ++p) {
    const std::string& name = whole.parameters.spec(p).name;
    const bool head = name == "lm_head.weight" && model.config.tie_embeddings;
    const int source = from.find(head ? "model.embed_tokens.weight" : name);
    const bool rounded = from.has_int8(source) && name != "model.embed_tokens.weight";
    whole.parameters.assign(p, rounded ? widened(from.int8(source)).view() : from.value(source));
  }
  return whole;
}

void save_model(const fs::path& folder, const Model& model) {
  const Parameters& parameters = model.parameters;
  if (parameters.is_quantised()) {
    fail(ErrorCode::usage, {"save_model", "weights as they were loaded or trained", "int8 weights",
                            "they are made where a model is loaded"});
  }
  std::vector<io::NamedTensor> tensors;
  for (int p = 0; p < parameters.count(); ++p) {
    tensors.push_back({parameters.spec(p).name, parameters.value(p)});
  }
  const DType stored =
      parameters.copies() == WeightCopies::bf16 ? DType::bf16 : parameters.master_dtype();
  io::write_atomic(folder / kConfig, io::to_json_text(config_to_json(model.config, stored)));
  // Loaders of other programs want to be told the framework; "pt" is what they all accept.
  io::write_safetensors(folder / kWeightsFile, tensors, {{"format", "pt"}});
}

}  // namespace weft
