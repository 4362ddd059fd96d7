#include "grid/plain_model.h"

#include <cmath>
#include <limits>

namespace weft::grid {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

// x [rows, in] times w [out, in]: [rows, out].
std::vector<double> linear(const std::vector<double>& x, std::span<const double> w, int64_t in) {
  const int64_t rows = static_cast<int64_t>(x.size()) / in;
  const int64_t out = static_cast<int64_t>(w.size()) / in;
  std::vector<double> y(at(rows * out), 0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) y[at(r * out + o)] += x[at(r * in + i)] * w[at(o * in + i)];
    }
  }
  return y;
}

void add(std::vector<double>& x, const std::vector<double>& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

// Pairs (i, i + dim/2) turned by position * theta^(-2i/dim).
void rotate(double* head, int64_t dim, int64_t position, double theta) {
  for (int64_t i = 0; i < dim / 2; ++i) {
    const double angle = static_cast<double>(position) *
                         std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
    const double c = std::cos(angle), s = std::sin(angle);
    const double a = head[i], b = head[i + dim / 2];
    head[i] = a * c - b * s;
    head[i + dim / 2] = b * c + a * s;
  }
}

std::string layer_name(int layer) {
  return "model.layers." + std::to_string(layer) + ".";
}

}  // namespace

PlainModel::PlainModel(const ModelConfig& config, const Parameters& weights, Loops wiring)
    : config_(config), weights_(weights), wiring_(std::move(wiring)) {}

std::span<const double> PlainModel::weight(const std::string& name) const {
  return weights_.master(weights_.find(name)).span<double>();
}

std::vector<double> PlainModel::normed(const std::vector<double>& x,
                                       const std::string& name) const {
  const std::span<const double> gain = weight(name);
  std::vector<double> n(x.size());
  for (size_t row = 0; row < x.size(); row += gain.size()) {
    double squares = 0;
    for (size_t i = 0; i < gain.size(); ++i) squares += x[row + i] * x[row + i];
    const double mean = squares / static_cast<double>(gain.size());
    for (size_t i = 0; i < gain.size(); ++i) {
      n[row + i] = x[row + i] / std::sqrt(mean + config_.norm_eps) * gain[i];
    }
  }
  return n;
}

// The heads of a projection, by number; keys and queries rotated.
LayerRows PlainModel::project(int layer, char port, const Rows& n, int64_t first_position) const {
  const LayerConfig& c = config_.layer[at(layer)];
  const int64_t dim = config_.head_dim, time = static_cast<int64_t>(n.size()) / config_.dim;
  const int64_t count = port == 'q' ? config_.heads : c.kv_heads;
  LayerRows rows(at(count), Rows(at(time * dim), std::numeric_limits<double>::quiet_NaN()));
  const int p = weights_.find(layer_name(layer) + "self_attn." + port + "_proj.weight");
  std::vector<int> heads = p < 0 ? std::vector<int>() : weights_.spec(p).rows_from;
  for (int h = 0; port == 'q' && h < static_cast<int>(count); ++h) heads.push_back(h);
  for (size_t i = 0; i < heads.size(); ++i) {
    const auto w =
        weights_.master(p).span<double>().subspan(i * at(dim * config_.dim), at(dim * config_.dim));
    Rows& head = rows[at(heads[i])] = linear(n, w, config_.dim);
    for (int64_t t = 0; t < time && port != 'v'; ++t) {
      rotate(&head[at(t * dim)], dim, first_position + t, c.position_args.number("theta"));
    }
  }
  return rows;
}

// Softmax over the keys up to the query's own, of the layer itself and of those in `extra`; query
// head h reads kv head h / group.
LayerRows PlainModel::attend(int layer, int64_t time) const {
  const int64_t dim = config_.head_dim;
  std::vector<int> sets = taps_.extra[at(layer)];
  sets.push_back(layer);
  LayerRows u(at(config_.heads), Rows(at(time * dim), 0));
  for (int64_t h = 0; h < config_.heads; ++h) {
    const size_t kv = at(h / (config_.heads / config_.layer[at(layer)].kv_heads));
    for (int64_t t = 0; t < time; ++t) {
      const double* query = &taps_.q[at(layer)][at(h)][at(t * dim)];
      double* out = &u[at(h)][at(t * dim)];
      double sum = 0;
      for (const int set : sets) {
        const Rows &k = taps_.k[at(set)][kv], &v = taps_.v[at(set)][kv];
        for (int64_t j = 0; j <= t; ++j) {
          double score = 0;
          for (int64_t i = 0; i < dim; ++i) score += query[i] * k[at(j * dim + i)];
          const double e = std::exp(score / std::sqrt(static_cast<double>(dim)));
          sum += e;
          for (int64_t i = 0; i < dim; ++i) out[i] += e * v[at(j * dim + i)];
        }
      }
      for (int64_t i = 0; i < dim; ++i) out[i] /= sum;
    }
  }
  return u;
}

// What the block reads: the output before it, or what the wiring makes of all of them.
Rows PlainModel::input(int layer) {
  taps_.x.push_back(taps_.y.back());
  if (wiring_.inputs) wiring_.inputs(layer, taps_);
  return taps_.x.back();
}

void PlainModel::block(int layer, int64_t first_position) {
  const std::string name = layer_name(layer);
  Rows x = input(layer);
  const int64_t time = static_cast<int64_t>(x.size()) / config_.dim, dim = config_.head_dim;
  taps_.n.push_back(normed(x, name + "input_layernorm.weight"));
  const std::string split = name + "self_attn.kv_norm.weight";
  const Rows n = weights_.find(split) < 0 ? taps_.n.back() : normed(x, split);
  taps_.raw_q.push_back(project(layer, 'q', taps_.n.back(), first_position));
  taps_.raw_k.push_back(project(layer, 'k', n, first_position));
  taps_.raw_v.push_back(project(layer, 'v', n, first_position));
  taps_.q.push_back(taps_.raw_q.back());
  taps_.k.push_back(taps_.raw_k.back());
  taps_.v.push_back(taps_.raw_v.back());
  taps_.extra.emplace_back();
  if (wiring_.projections) wiring_.projections(layer, taps_);
  taps_.raw_o.push_back(attend(layer, time));
  taps_.o.push_back(taps_.raw_o.back());
  if (wiring_.outputs) wiring_.outputs(layer, taps_);
  Rows o(at(time * config_.q_width()));
  for (int64_t i = 0; i < static_cast<int64_t>(o.size()); ++i) {
    const int64_t t = i / config_.q_width(), channel = i % config_.q_width();
    o[at(i)] = taps_.o.back()[at(channel / dim)][at(t * dim + channel % dim)];
  }
  add(x, linear(o, weight(name + "self_attn.o_proj.weight"), config_.q_width()));
  const Rows m = normed(x, name + "post_attention_layernorm.weight");
  Rows gate = linear(m, weight(name + "mlp.gate_proj.weight"), config_.dim);
  const Rows up = linear(m, weight(name + "mlp.up_proj.weight"), config_.dim);
  for (size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
  add(x, linear(gate, weight(name + "mlp.down_proj.weight"), config_.ffn));
  taps_.y.push_back(x);
}

std::vector<double> PlainModel::logits(std::span<const int32_t> tokens, int64_t first_position) {
  taps_ = {};
  const std::span<const double> table = weight("model.embed_tokens.weight");
  Rows& x = taps_.y.emplace_back();
  for (const int32_t token : tokens) {
    const auto row = table.subspan(at(token * config_.dim), at(config_.dim));
    x.insert(x.end(), row.begin(), row.end());
  }
  const int layers = static_cast<int>(config_.layers);
  for (int l = 0; l < layers; ++l) block(l, first_position);
  return linear(normed(input(layers), "model.norm.weight"), weight("lm_head.weight"), config_.dim);
}

double PlainModel::loss(std::span<const int32_t> tokens, std::span<const int32_t> labels,
                        int64_t time) {
  double sum = 0, count = 0;
  const size_t vocab = at(config_.vocab);
  for (size_t first = 0; first < tokens.size(); first += at(time)) {
    const std::vector<double> all = logits(tokens.subspan(first, at(time)));
    for (size_t t = 0; t < at(time); ++t) {
      if (labels[first + t] < 0) continue;
      double total = 0;
      for (size_t i = 0; i < vocab; ++i) total += std::exp(all[t * vocab + i]);
      sum += std::log(total) - all[t * vocab + at(labels[first + t])];
      count += 1;
    }
  }
  return sum / count;
}

}  // namespace weft::grid
