// Models on disk: what is written comes back, what others wrote is taken, what is wrong is refused.
#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/compare.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/testing.h"
#include "io/toml.h"
#include "model/config_toml.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using io::expect_error;
using io::ScratchFolder;

ModelConfig tiny(const std::string& design = "resformer") {
  return read_model(io::parse_toml("design = \"" + design +
                                       "\"\nvocab = 40\ndim = 16\nlayers = 3\nheads = 2\n"
                                       "ffn = 24\ncontext = 8",
                                   "test"));
}

void expect_same_values(const Parameters& got, const Parameters& want, DType type) {
  ASSERT_EQ(got.count(), want.count());
  for (int p = 0; p < want.count(); ++p) {
    const bool half = type == DType::bf16 && Parameters::is_matrix(want.spec(p));
    const Tensor expected = convert(want.value(p), half ? DType::bf16 : got.master_dtype());
    EXPECT_TRUE(same_bits(got.value(p), expected.view())) << want.spec(p).name;
  }
}

// The tensors of a model, to be tampered with.
struct Stored {
  std::vector<std::pair<std::string, Tensor>> tensors;

  explicit Stored(const Model& model, DType type = DType::f32) {
    for (int p = 0; p < model.parameters.count(); ++p) {
      tensors.emplace_back(model.parameters.spec(p).name, convert(model.parameters.value(p), type));
    }
  }
  void write(const fs::path& folder) const {
    std::vector<io::NamedTensor> list;
    for (const auto& [name, tensor] : tensors) list.push_back({name, tensor.view()});
    io::write_safetensors(folder / "model.safetensors", list);
  }
};

TEST(Model, ComesBackFromDisk) {
  for (const char* design : {"transformer", "resformer", "svformer", "sla", "stick-breaking"}) {
    const ScratchFolder folder;
    const Model model = make_model(tiny(design), 7);
    save_model(folder.path(), model);
    const Model again = load_model(folder.path());
    EXPECT_EQ(compute_dtype(again), DType::f32);
    EXPECT_EQ(write_model(again.config), write_model(model.config)) << design;
    expect_same_values(again.parameters, model.parameters, DType::f32);
  }
}

TEST(Model, SeedDecidesTheWeights) {
  const Model a = make_model(tiny(), 1), b = make_model(tiny(), 1), c = make_model(tiny(), 2);
  expect_same_values(a.parameters, b.parameters, DType::f32);
  EXPECT_FALSE(same_bits(a.parameters.value(0), c.parameters.value(0)));
}

TEST(Model, EveryStoredTypeIsReadInEveryPrecision) {
  const Model model = make_model(tiny(), 7, DType::f64);
  for (const DType stored : {DType::f64, DType::f32, DType::bf16}) {
    const ScratchFolder folder;
    save_model(folder.path(), model);
    Stored file(model, stored);
    std::reverse(file.tensors.begin(), file.tensors.end());
    file.write(folder.path());
    EXPECT_EQ(compute_dtype(load_model(folder.path())), stored);
    for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
      const Model loaded = load_model(folder.path(), type);
      EXPECT_EQ(compute_dtype(loaded), type);
      for (int p = 0; p < loaded.parameters.count(); ++p) {
        const auto& [name, tensor] = file.tensors[file.tensors.size() - 1 - static_cast<size_t>(p)];
        const Tensor want = convert(tensor.view(), loaded.parameters.value(p).desc.dtype);
        EXPECT_TRUE(same_bits(loaded.parameters.value(p), want.view())) << name;
      }
    }
  }
}

TEST(Model, Bf16WeightsAreWrittenAsTheyAre) {
  const ScratchFolder first, second;
  save_model(first.path(), make_model(tiny(), 7));
  const Model half = load_model(first.path(), DType::bf16);
  EXPECT_EQ(half.parameters.copies(), WeightCopies::bf16);
  save_model(second.path(), half);
  const Model again = load_model(second.path());
  EXPECT_EQ(compute_dtype(again), DType::bf16);
  expect_same_values(again.parameters, half.parameters, DType::bf16);
}

// Each kind of wrong file gives one line that names the tensor.
TEST(Model, RefusesOtherWeights) {
  const Model model = make_model(tiny(), 7);
  const auto refused = [&](const char* part, const std::function<void(Stored&)>& tamper) {
    const ScratchFolder folder;
    save_model(folder.path(), model);
    Stored file(model);
    tamper(file);
    file.write(folder.path());
    expect_error(ErrorCode::input, part, [&] { load_model(folder.path()); });
  };
  refused("model.norm.weight", [](Stored& f) {
    std::erase_if(f.tensors, [](const auto& t) { return t.first == "model.norm.weight"; });
  });
  refused("\"extra\"", [](Stored& f) { f.tensors.emplace_back("extra", Tensor(DType::f32, {1})); });
  refused("model.layers.1.mlp.up_proj.weight", [](Stored& f) {
    for (auto& [name, tensor] : f.tensors) {
      if (name == "model.layers.1.mlp.up_proj.weight") tensor = Tensor(DType::f32, {16, 24});
    }
  });
  refused("i32", [](Stored& f) { f.tensors[2].second = Tensor(DType::i32, {16, 16}); });
  refused("another model", [](Stored& f) { f.tensors.clear(); });
}

ModelConfig tied() {
  ModelConfig c = tiny("transformer");
  c.tie_embeddings = true;
  return c;
}

// Old files hold what is computed from the configuration, and a tied head twice.
TEST(Model, PassesOverBuffersAndASecondCopyOfATiedHead) {
  const Model model = make_model(tied(), 7);
  const ScratchFolder folder;
  save_model(folder.path(), model);
  Stored file(model);
  file.tensors.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq",
                            Tensor(DType::f32, {4}));
  file.tensors.emplace_back("model.rotary_emb.inv_freq", Tensor(DType::f32, {4}));
  file.tensors.emplace_back("model.layers.0.attn.masked_bias", Tensor(DType::f32, {}));
  const TensorView table =
      model.parameters.value(model.parameters.find("model.embed_tokens.weight"));
  file.tensors.emplace_back("lm_head.weight", convert(table, DType::f32));
  file.write(folder.path());
  expect_same_values(load_model(folder.path()).parameters, model.parameters, DType::f32);

  file.tensors.back().second.as<float>()[3] += 1;
  file.write(folder.path());
  expect_error(ErrorCode::input, "lm_head.weight", [&] { load_model(folder.path()); });
  expect_error(ErrorCode::input, "tie_word_embeddings", [&] { load_model(folder.path()); });
}

TEST(Model, AMissingHeadSuggestsThatItIsTied) {
  const Model model = make_model(tiny("transformer"), 7);
  const ScratchFolder folder;
  save_model(folder.path(), model);
  Stored file(model);
  std::erase_if(file.tensors, [](const auto& t) { return t.first == "lm_head.weight"; });
  file.write(folder.path());
  expect_error(ErrorCode::input, "tie_word_embeddings true", [&] { load_model(folder.path()); });
}

TEST(Model, NamesWeightsOfAnotherForm) {
  const std::pair<const char*, const char*> files[] = {
      {"pytorch_model.bin", "PyTorch"},
      {"pytorch_model.bin.index.json", "shards of PyTorch"},
      {"pytorch_model-00001-of-00002.bin", "PyTorch"},
      {"model-00001-of-00002.safetensors", "without their index"},
      {"consolidated.00.pth", "PyTorch"},
      {"model.Q8_0.gguf", "GGUF"},
      {"adapter_model.safetensors", "adapter"},
      {"tf_model.h5", "TensorFlow"},
      {"model.safetensors.index.json", "damaged"}};
  for (const auto& [name, part] : files) {
    const ScratchFolder folder;
    folder.put(name, "x");
    expect_error(ErrorCode::input, part, [&] { find_checkpoint(folder.path()); });
    save_model(folder.path(), make_model(tied(), 7));
    EXPECT_NO_THROW(load_model(folder.path())) << name;  // the whole file goes first
    fs::remove(folder / "model.safetensors");
    expect_error(ErrorCode::input, part, [&] { load_model(folder.path()); });
  }
  const ScratchFolder folder;
  save_model(folder.path(), make_model(tied(), 7));
  fs::remove(folder / "model.safetensors");
  folder.put(
      "model.safetensors.index.json",
      R"({"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}})");
  expect_error(ErrorCode::input, "weights in 2 shards", [&] { load_model(folder.path()); });
  expect_error(ErrorCode::input, "max_shard_size", [&] { load_model(folder.path()); });
  const fs::path file = folder.put("m.gguf", "GGUF");
  expect_error(ErrorCode::input, "a GGUF file", [&] { find_checkpoint(file); });
}

TEST(Model, NoticesChangedBytesOfItsWeights) {
  const ScratchFolder folder;
  save_model(folder.path(), make_model(tied(), 7));
  std::string bytes = io::read_text(folder / "model.safetensors", 1 << 20);
  bytes[bytes.size() - 1] ^= 1;
  folder.put("model.safetensors", bytes);
  expect_error(ErrorCode::input, "tensor \"", [&] { load_model(folder.path()); });
}

TEST(Model, RefusesFoldersThatHoldNone) {
  const ScratchFolder folder;
  expect_error(ErrorCode::input, "config.json", [&] { load_model(folder.path()); });
  save_model(folder.path(), make_model(tiny(), 7));
  fs::resize_file(folder / "model.safetensors", 100);
  expect_error(ErrorCode::input, "model.safetensors", [&] { load_model(folder.path()); });
  fs::remove(folder / "model.safetensors");
  expect_error(ErrorCode::input, "model.safetensors", [&] { load_model(folder.path()); });
}

TEST(Model, FindsTheCheckpointThatIsMeant) {
  const ScratchFolder run;
  const Model model = make_model(tiny(), 7);
  expect_error(ErrorCode::input, "nothing", [&] { find_checkpoint(run / "nothing"); });
  expect_error(ErrorCode::input, "config.json", [&] { find_checkpoint(run.path()); });
  run.put("config.toml", "");
  expect_error(ErrorCode::input, "--resume", [&] { find_checkpoint(run.path()); });
  for (const int64_t step : {2, 10}) {
    fs::create_directories(step_folder(run.path(), step));
    save_model(step_folder(run.path(), step), model);
  }
  fs::create_directories(step_folder(run.path(), 1));  // being removed: no config.json
  fs::create_directories(run / "checkpoints" / "step-x");
  EXPECT_EQ(step_folders(run.path()), (std::vector<int64_t>{1, 2, 10}));
  EXPECT_EQ(find_checkpoint(run.path()), step_folder(run.path(), 10));
  fs::create_directory_symlink("checkpoints/step-2", run / "latest");  // for people; numbers count
  EXPECT_EQ(find_checkpoint(run.path()), step_folder(run.path(), 10));
  EXPECT_EQ(find_checkpoint(step_folder(run.path(), 2)), step_folder(run.path(), 2));
  // A newest one without its parts was copied in part: older weights are not taken in silence.
  fs::create_directories(step_folder(run.path(), 11));
  expect_error(ErrorCode::input, "step-11", [&] { find_checkpoint(run.path()); });
}

}  // namespace
}  // namespace weft
