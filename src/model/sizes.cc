#include "model/sizes.h"

#include <fmt/format.h>

#include <limits>

#include "model/config_check.h"

namespace weft {
namespace {

void read_size(TableReader& table, const char* key, int64_t& size, SizeBounds bounds) {
  table.read(key, size, bounds.least, bounds.most);
}

}  // namespace

int64_t usual_ffn(int64_t dim) {
  return (8 * dim + 191) / 192 * 64;
}

void read_sizes(TableReader& table, ModelConfig& c) {
  read_size(table, "vocab", c.vocab, size_bounds::vocab);
  read_size(table, "dim", c.dim, size_bounds::dim);
  read_size(table, "layers", c.layers, size_bounds::layers);
  const bool heads = table.has("heads"), head_dim = table.has("head_dim");
  if (!heads && c.dim % kUsualHeadDim == 0) c.heads = c.dim / kUsualHeadDim;
  read_size(table, "heads", c.heads, size_bounds::heads);
  if (!heads && c.dim % kUsualHeadDim != 0) {
    table.refuse(
        "heads", "a number of heads with model.dim = " + std::to_string(c.dim), "none",
        fmt::format("it follows from model.dim only where {} divides that; set model.heads",
                    kUsualHeadDim));
  }
  if (!head_dim && c.dim % c.heads == 0) c.head_dim = c.dim / c.heads;
  read_size(table, "head_dim", c.head_dim, size_bounds::head_dim);
  if (!head_dim && c.dim % c.heads != 0) {
    table.refuse(
        "head_dim",
        fmt::format("a size of a head with model.dim = {} and model.heads = {}", c.dim, c.heads),
        "none",
        "it follows only where model.heads divides model.dim; set model.head_dim or other "
        "model.heads");
  }
  c.ffn = usual_ffn(c.dim);
  read_size(table, "ffn", c.ffn, size_bounds::ffn);
  read_size(table, "context", c.context, size_bounds::context);
  table.read("tie_embeddings", c.tie_embeddings);
  table.read("norm_eps", c.norm_eps, std::numeric_limits<double>::min(), 1);
}

}  // namespace weft
