#include "lab/icl/models_test.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"

namespace weft::icl {
namespace {

using reference::Model;
using reference::Prompt;

constexpr size_t kCanary = 64;  // bytes behind scratch

// Poisoned scratch; says at the end whether anything was written behind it.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : buffer_(bytes + kCanary), bytes_(bytes) {
    poison(buffer_.data(), buffer_.size());
    canary_.assign(end(), end() + kCanary);
  }
  void* data() const { return buffer_.data(); }
  ~Scratch() { EXPECT_EQ(std::memcmp(end(), canary_.data(), kCanary), 0) << "scratch overrun"; }

 private:
  const char* end() const { return static_cast<const char*>(buffer_.data()) + bytes_; }
  Buffer buffer_;
  size_t bytes_;
  std::vector<char> canary_;
};

// On which side of each kink a prompt is: scores of ReLU models, hidden units of the perceptron.
std::vector<bool> sides(const Model& model, const Prompt& prompt) {
  std::vector<bool> out;
  for (const reference::Perceptron& phi : model.front) {
    Eigen::MatrixXd x(prompt.x.rows(), prompt.x.cols() + 1);
    x << prompt.x, prompt.query;
    for (int64_t t = 0; t < x.cols(); ++t) {
      const Eigen::VectorXd before = phi.W1 * x.col(t) + phi.b1;
      for (const double v : before) out.push_back(v > 0);
    }
  }
  if (model.scores != Scores::relu) return out;
  Eigen::MatrixXd Z = reference::start(model, prompt);
  for (const reference::Layer& layer : model.layers) {
    for (const reference::Head& h : layer) {
      const Eigen::MatrixXd W = reference::weights(model, h.Q, Z);
      for (const double w : W.reshaped()) out.push_back(w > 0);
    }
    Z = reference::next(model, layer, Z);
  }
  return out;
}

double loss(const Model& model, const Prompt& prompt) {
  const double e = reference::residual(model, prompt);
  return e * e;
}

// Slope of f along a step of one number; NaN where the sides of the two ends differ.
double slope(const Model& up, const Prompt& prompt_up, const Model& down, const Prompt& prompt_down,
             double step) {
  if (sides(up, prompt_up) != sides(down, prompt_down)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return (loss(up, prompt_up) - loss(down, prompt_down)) / (2 * step);
}

}  // namespace

std::vector<double> test_pack(const PromptLayout& layout, int64_t seed) {
  const Random random(static_cast<uint64_t>(seed), "test.prompts");
  std::vector<double> pack(static_cast<size_t>(layout.entries() * kPack));
  for (size_t i = 0; i < pack.size(); ++i) {
    pack[i] = static_cast<float>(random.normal(i));  // exact in both precisions
  }
  return pack;
}

std::vector<double> test_parameters(const ModelShape& shape, int64_t d, int64_t seed, double size) {
  std::vector<double> theta(static_cast<size_t>(layout_of(shape, d).size));
  const Random random(static_cast<uint64_t>(seed), "test.parameters");
  for (size_t i = 0; i < theta.size(); ++i) {
    theta[i] = static_cast<float>(size * random.normal(i));
  }
  return theta;
}

std::string describe(const ModelShape& s) {
  return fmt::format("{}, {} layers, {} heads, {} {}{}{}{}", name_of(s.form), s.layers, s.heads,
                     name_of(s.scores), name_of(s.path), s.tied ? ", tied" : "",
                     s.divide_softmax ? "" : ", not divided",
                     s.hidden > 0 ? fmt::format(", hidden {}", s.hidden) : "");
}

std::vector<ModelShape> test_shapes() {
  std::vector<ModelShape> all;
  for (const Form form : {Form::block, Form::full, Form::sparse, Form::gdpp, Form::diag4}) {
    for (const int64_t layers : {1, 2, 3}) {
      for (const int64_t heads : {1, 2}) {
        for (const bool tied : {false, true}) {
          ModelShape s{.layers = layers, .heads = heads, .form = form, .tied = tied};
          all.push_back(s);
          s.path = Path::literal;
          all.push_back(s);
          if (heads == 2 && tied) continue;
          for (const Scores scores : {Scores::softmax, Scores::relu}) {
            s.scores = scores;
            s.divide_softmax = layers != 2;
            all.push_back(s);
          }
        }
      }
    }
    ModelShape front{.layers = 2, .form = form, .hidden = 4};
    all.push_back(front);
    front.path = Path::literal;
    front.scores = Scores::softmax;
    front.layers = 1;
    all.push_back(front);
  }
  return all;
}

template <class T>
Outcome<T> run_kernel(const PackKernel& kernel, const ModelShape& shape, const PromptLayout& layout,
                      const std::vector<T>& theta, const std::vector<T>& pack) {
  const KernelShape sizes = kernel_shape(shape, layout.d, layout.n);
  const Scratch scratch(static_cast<size_t>(kernel.scratch(sizes) * kPack) * sizeof(T));
  Outcome<T> out{std::vector<T>(kPack), std::vector<T>(theta.size() * kPack), {}};
  const PackCall<T> call = {theta.data(), pack.data(), out.residual.data(), out.gradient.data(),
                            static_cast<T*>(scratch.data())};
  if constexpr (sizeof(T) == 4) {
    kernel.run_f32(sizes, call);
  } else {
    kernel.run_f64(sizes, call);
  }
  return out;
}
template Outcome<float> run_kernel(const PackKernel&, const ModelShape&, const PromptLayout&,
                                   const std::vector<float>&, const std::vector<float>&);
template Outcome<double> run_kernel(const PackKernel&, const ModelShape&, const PromptLayout&,
                                    const std::vector<double>&, const std::vector<double>&);

Outcome<double> run_tangent(const PackKernel& kernel, const ModelShape& shape,
                            const PromptLayout& layout, const std::vector<double>& theta,
                            const std::vector<double>& direction, const std::vector<double>& pack) {
  const KernelShape sizes = kernel_shape(shape, layout.d, layout.n);
  const Scratch scratch(static_cast<size_t>(2 * kernel.scratch(sizes) * kPack) * sizeof(double));
  Outcome<double> out{std::vector<double>(kPack), std::vector<double>(theta.size() * kPack),
                      std::vector<double>(theta.size() * kPack)};
  kernel.tangent(sizes, {{theta.data(), pack.data(), out.residual.data(), out.gradient.data(),
                          static_cast<double*>(scratch.data())},
                         direction.data(),
                         out.curvature.data()});
  return out;
}

std::vector<double> difference_gradient(const ModelShape& shape, const Prompt& prompt,
                                        const std::vector<double>& theta, double step) {
  const int64_t d = prompt.x.rows();
  std::vector<double> gradient, moved = theta;
  for (size_t i = 0; i < theta.size(); ++i) {
    moved[i] = theta[i] + step;
    const Model up = reference::model_of(shape, d, moved);
    moved[i] = theta[i] - step;
    const Model down = reference::model_of(shape, d, moved);
    moved[i] = theta[i];
    gradient.push_back(slope(up, prompt, down, prompt, step));
  }
  return gradient;
}

std::vector<double> difference_data_gradient(const ModelShape& shape, const PromptLayout& layout,
                                             const std::vector<double>& theta,
                                             const std::vector<double>& pack, int lane,
                                             double step) {
  const Model model = reference::model_of(shape, layout.d, theta);
  std::vector<double> gradient, moved = pack;
  for (int64_t entry = 0; entry < layout.entries(); ++entry) {
    double& number = moved[static_cast<size_t>(entry * kPack + lane)];
    const double here = number;
    number = here + step;
    const Prompt up = reference::prompt_of(layout, moved.data(), lane);
    number = here - step;
    const Prompt down = reference::prompt_of(layout, moved.data(), lane);
    number = here;
    gradient.push_back(slope(model, up, model, down, step));
  }
  return gradient;
}

}  // namespace weft::icl
