#include "grid/plain_model.h"

#include <array>
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

PlainModel::PlainModel(const ModelConfig& config, const Parameters& weights, Rewire rewire)
    : config_(config), weights_(weights), rewire_(std::move(rewire)) {}

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

void PlainModel::project(int layer, char port, const std::vector<double>& n,
                         int64_t first_position) {
  const LayerConfig& c = config_.layer[at(layer)];
  const int64_t dim = config_.head_dim, time = static_cast<int64_t>(n.size()) / config_.dim;
  LayerRows rows(at(c.kv_heads), Rows(at(time * dim), std::numeric_limits<double>::quiet_NaN()));
  const int p = weights_.find(layer_name(layer) + "self_attn." + port + "_proj.weight");
  const std::vector<int> heads = p < 0 ? std::vector<int>() : weights_.spec(p).rows_from;
  for (size_t i = 0; i < heads.size(); ++i) {
    const auto w =
        weights_.master(p).span<double>().subspan(i * at(dim * config_.dim), at(dim * config_.dim));
    Rows& head = rows[at(heads[i])] = linear(n, w, config_.dim);
    for (int64_t t = 0; t < time && port == 'k'; ++t) {
      rotate(&head[at(t * dim)], dim, first_position + t, c.position_args.number("theta"));
    }
  }
  for (StackRows* stack :
       port == 'k' ? std::array{&taps_.raw_k, &taps_.k} : std::array{&taps_.raw_v, &taps_.v}) {
    stack->push_back(rows);
  }
}

// Softmax over the keys up to the query's own; query head h reads kv head h / group.
std::vector<double> PlainModel::attend(int layer, const std::vector<double>& n,
                                       int64_t first_position) const {
  const LayerConfig& c = config_.layer[at(layer)];
  const int64_t dim = config_.head_dim, width = config_.q_width();
  const int64_t time = static_cast<int64_t>(n.size()) / config_.dim;
  std::vector<double> q =
      linear(n, weight(layer_name(layer) + "self_attn.q_proj.weight"), config_.dim);
  std::vector<double> u(q.size(), 0);
  for (int64_t h = 0; h < config_.heads; ++h) {
    const size_t kv = at(h / (config_.heads / c.kv_heads));
    const Rows &k = taps_.k[at(layer)][kv], &v = taps_.v[at(layer)][kv];
    for (int64_t t = 0; t < time; ++t) {
      double* query = &q[at(t * width + h * dim)];
      rotate(query, dim, first_position + t, c.position_args.number("theta"));
      double sum = 0;
      for (int64_t j = 0; j <= t; ++j) {
        double score = 0;
        for (int64_t i = 0; i < dim; ++i) score += query[i] * k[at(j * dim + i)];
        const double e = std::exp(score / std::sqrt(static_cast<double>(dim)));
        sum += e;
        for (int64_t i = 0; i < dim; ++i) u[at(t * width + h * dim + i)] += e * v[at(j * dim + i)];
      }
      for (int64_t i = 0; i < dim; ++i) u[at(t * width + h * dim + i)] /= sum;
    }
  }
  return u;
}

void PlainModel::block(int layer, std::vector<double>& x, int64_t first_position) {
  const std::string name = layer_name(layer);
  const std::vector<double> n = normed(x, name + "input_layernorm.weight");
  project(layer, 'k', n, first_position);
  project(layer, 'v', n, first_position);
  if (rewire_) rewire_(layer, taps_);
  add(x, linear(attend(layer, n, first_position), weight(name + "self_attn.o_proj.weight"),
                config_.q_width()));
  const std::vector<double> m = normed(x, name + "post_attention_layernorm.weight");
  std::vector<double> gate = linear(m, weight(name + "mlp.gate_proj.weight"), config_.dim);
  const std::vector<double> up = linear(m, weight(name + "mlp.up_proj.weight"), config_.dim);
  for (size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
  add(x, linear(gate, weight(name + "mlp.down_proj.weight"), config_.ffn));
}

std::vector<double> PlainModel::logits(std::span<const int32_t> tokens, int64_t first_position) {
  taps_ = {};
  const std::span<const double> table = weight("model.embed_tokens.weight");
  std::vector<double> x;
  for (const int32_t token : tokens) {
    const auto row = table.subspan(at(token * config_.dim), at(config_.dim));
    x.insert(x.end(), row.begin(), row.end());
  }
  for (int l = 0; l < static_cast<int>(config_.layers); ++l) block(l, x, first_position);
  return linear(normed(x, "model.norm.weight"), weight("lm_head.weight"), config_.dim);
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
