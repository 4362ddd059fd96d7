// A tiny model on tiny text, for the tests of this folder.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "io/testing.h"
#include "io/toml.h"
#include "train/run.h"
#include "train/run_config.h"

namespace weft::testing {

/// Text of a period that a model of two layers learns within a hundred steps.
inline std::string periodic_text(int repeats = 200) {
  std::string text;
  for (int i = 0; i < repeats; ++i) text += "the loom weaves, the weft goes over; ";
  return text;
}

/// A run over `text`, all of whose keys beyond the defaults here come from `overrides`
/// ("train.steps=3").
inline RunConfig tiny_run(const std::filesystem::path& text,
                          std::initializer_list<std::string_view> overrides = {}) {
  io::Value root = io::parse_toml(R"(
    [model]
    design = "resformer"
    dim = 32
    head_dim = 16
    layers = 2
    heads = 2
    ffn = 64
    context = 32
    [data]
    holdout = 0.1
    [train]
    steps = 12
    batch = 4
    warmup = 5
    lr = 3e-3
    log_every = 1
    eval_every = 5
    eval_batches = 1
    checkpoint_every = 4
  )",
                                  "tiny.toml");
  root.at("data").at("train").data = text.string();
  for (const std::string_view o : overrides) {
    const io::Override parsed = io::parse_override(o);
    io::set_path(root, parsed.path, parsed.value);
  }
  return read_run_config(root);
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace weft::testing
