#include "lab/icl/layout.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace weft::icl {
namespace {

class Builder {
 public:
  Builder(const ModelShape& shape, int64_t d) : shape_(shape), d_(d) {}

  ParameterLayout build() {
    if (shape_.hidden > 0) front();
    const int64_t distinct = shape_.tied ? 1 : shape_.layers;
    for (int64_t l = 0; l < distinct; ++l) {
      for (int64_t h = 0; h < shape_.heads; ++h) head(l, h);
    }
    return std::move(layout_);
  }

 private:
  // dead(i, j): whether row i, column j cannot matter.
  template <class Dead>
  void block(std::string name, int64_t rows, int64_t cols, Dead&& dead) {
    layout_.blocks.push_back({std::move(name), layout_.size, rows, cols});
    layout_.size += rows * cols;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) layout_.dead.push_back(dead(i, j) ? 1 : 0);
    }
  }

  void front() {
    const auto live = [](int64_t, int64_t) { return false; };
    block("front.W1", shape_.hidden, d_, live);
    block("front.b1", shape_.hidden, 1, live);
    block("front.W2", d_, shape_.hidden, live);
    block("front.b2", d_, 1, live);
  }

  void head(int64_t l, int64_t h) {
    const std::string where =
        shape_.heads == 1 ? fmt::format("layers.{}.", l) : fmt::format("layers.{}.heads.{}.", l, h);
    // Nobody reads what the last layer writes but the query's label, and the query's label is 0
    // before the first.
    const bool last = l == shape_.layers - 1, only = shape_.layers == 1;
    const auto all = [](bool dead) { return [dead](int64_t, int64_t) { return dead; }; };
    switch (shape_.form) {
      case Form::block:
        block(where + "B", d_, d_, all(last));
        block(where + "Q", d_, d_, all(false));
        break;
      case Form::full:
        block(where + "P", d_ + 1, d_ + 1, [&](int64_t i, int64_t) { return last && i < d_; });
        block(where + "Q", d_ + 1, d_ + 1, [&](int64_t, int64_t j) { return only && j == d_; });
        break;
      case Form::sparse:
        block(where + "Q", d_, d_, all(false));
        break;
      case Form::gdpp:
        block(where + "b", 1, 1, all(last));
        block(where + "q", 1, 1, all(false));
        break;
      case Form::diag4:
        block(where + "px", 1, 1, all(last));
        block(where + "py", 1, 1, all(false));
        block(where + "qx", 1, 1, all(false));
        block(where + "qy", 1, 1, all(only));
        break;
    }
  }

  const ModelShape& shape_;
  int64_t d_;
  ParameterLayout layout_;
};

}  // namespace

const ParameterBlock& ParameterLayout::at(std::string_view name) const {
  std::string names;
  for (const ParameterBlock& b : blocks) {
    if (b.name == name) return b;
    names += (names.empty() ? "" : ", ") + b.name;
  }
  fail(ErrorCode::usage,
       {.op = "parameters", .expected = "one of " + names, .got = std::string(name)});
}

bool ParameterLayout::has(std::string_view name) const {
  for (const ParameterBlock& b : blocks) {
    if (b.name == name) return true;
  }
  return false;
}

std::vector<int64_t> ParameterLayout::live() const {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < size; ++i) {
    if (dead[static_cast<size_t>(i)] == 0) out.push_back(i);
  }
  return out;
}

ParameterLayout layout_of(const ModelShape& shape, int64_t d) {
  if (d < 1 || shape.layers < 1 || shape.heads < 1 || shape.hidden < 0) {
    fail(ErrorCode::config, {.op = "linear attention",
                             .expected = "d, layers and heads of at least 1, hidden of at least 0",
                             .got = fmt::format("d {}, layers {}, heads {}, hidden {}", d,
                                                shape.layers, shape.heads, shape.hidden)});
  }
  return Builder(shape, d).build();
}

std::vector<double> initial_parameters(const ModelShape& shape, int64_t d, int64_t seed) {
  const ParameterLayout layout = layout_of(shape, d);
  std::vector<double> theta(static_cast<size_t>(layout.size));
  for (const ParameterBlock& b : layout.blocks) {
    const Random random(static_cast<uint64_t>(seed), "icl.initial." + b.name);
    const bool front = b.name.starts_with("front.");
    const int64_t fan_in = b.name.ends_with("1") ? d : shape.hidden;  // of W1, b1 and of W2, b2
    for (int64_t i = 0; i < b.size(); ++i) {
      const auto index = static_cast<uint64_t>(i);
      theta[static_cast<size_t>(b.offset + i)] =
          front ? (2 * random.uniform(index) - 1) / std::sqrt(static_cast<double>(fan_in))
                : shape.init * random.normal(index);
    }
  }
  return theta;
}

}  // namespace weft::icl
