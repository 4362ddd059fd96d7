// What must hold between models, exactly: symmetries of prompts and parameters, one form as a case
// of another, heads that add up, closed forms of single layers; and that Weft's own linear
// attention is the attention of this lab.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <functional>

#include "attention/attention.h"
#include "base/random.h"
#include "lab/icl/models_test.h"
#include "ops/test_support/run_op.h"

namespace weft::icl {
namespace {

using Eigen::MatrixXd;
using Vector = std::vector<double>;

constexpr PromptLayout kLayout{5, 7};

Vector residuals(const ModelShape& shape, const Vector& theta, const Vector& pack,
                 const PromptLayout& layout = kLayout) {
  return run_kernel(kernel_for(shape, layout.d, best_isa()), shape, layout, theta, pack).residual;
}
// y_q - residual
Vector predictions(const ModelShape& shape, const Vector& theta, const Vector& pack,
                   const PromptLayout& layout = kLayout) {
  Vector p = residuals(shape, theta, pack, layout);
  for (size_t lane = 0; lane < kPack; ++lane) {
    p[lane] = pack[static_cast<size_t>(layout.label()) * kPack + lane] - p[lane];
  }
  return p;
}
double apart(const Vector& a, const Vector& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a[i] - b[i]) / std::max(1., std::abs(b[i])));
  }
  return most;
}

// f(x) for every covariate vector of a pack, the query's too.
Vector with_covariates(Vector pack, const PromptLayout& layout,
                       const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& f) {
  for (int64_t t = 0; t <= layout.n; ++t) {
    const auto entry = [&](int64_t c) { return t < layout.n ? layout.x(t, c) : layout.query(c); };
    for (int64_t lane = 0; lane < kPack; ++lane) {
      Eigen::VectorXd x(layout.d);
      for (int64_t c = 0; c < layout.d; ++c) {
        x(c) = pack[static_cast<size_t>(entry(c) * kPack + lane)];
      }
      x = f(x);
      for (int64_t c = 0; c < layout.d; ++c) {
        pack[static_cast<size_t>(entry(c) * kPack + lane)] = x(c);
      }
    }
  }
  return pack;
}
Vector with_labels_times(Vector pack, const PromptLayout& layout, double k) {
  for (int64_t i = 0; i < layout.n; ++i) {
    for (size_t lane = 0; lane < kPack; ++lane) {
      pack[static_cast<size_t>(layout.y(i)) * kPack + lane] *= k;
    }
  }
  return pack;
}

MatrixXd random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  const Random random(seed, "test.matrix");
  MatrixXd m(rows, cols);
  for (int64_t i = 0; i < m.size(); ++i) m(i) = random.normal(static_cast<uint64_t>(i));
  return m;
}

// left * M * right for every block whose name ends with `letter`.
void transform(const ParameterLayout& layout, Vector& theta, char letter, const MatrixXd& left,
               const MatrixXd& right) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  for (const ParameterBlock& b : layout.blocks) {
    if (b.name.back() != letter) continue;
    Eigen::Map<RowMajor> m(theta.data() + b.offset, b.rows, b.cols);
    m = (left * m * right).eval();
  }
}

std::vector<ModelShape> block_shapes() {
  return {{},
          {.layers = 2, .heads = 2},
          {.tied = true},
          {.layers = 4, .path = Path::literal},
          {.layers = 2, .scores = Scores::relu, .path = Path::literal},
          {.layers = 2, .scores = Scores::softmax, .path = Path::literal}};
}

TEST(IclIdentities, InvertibleMapsOfTheCovariatesAreUndoneByTheParameters) {
  const Vector pack = test_pack(kLayout, 1);
  const MatrixXd any = MatrixXd::Identity(5, 5) + 0.3 * random_matrix(5, 5, 1);
  const MatrixXd rotation = Eigen::HouseholderQR<MatrixXd>(any).householderQ();
  for (const MatrixXd& T : {rotation, any}) {
    const MatrixXd inverse = T.inverse();
    const Vector moved =
        with_covariates(pack, kLayout, [&](const Eigen::VectorXd& x) { return T * x; });
    for (const ModelShape& shape : block_shapes()) {
      SCOPED_TRACE(describe(shape));
      const Vector theta = test_parameters(shape, 5, 2);
      Vector turned = theta;
      transform(layout_of(shape, 5), turned, 'B', T, inverse);
      transform(layout_of(shape, 5), turned, 'Q', inverse.transpose(), inverse);
      EXPECT_LT(apart(residuals(shape, turned, moved), residuals(shape, theta, pack)), 1e-12);
      transform(layout_of(shape, 5), turned, 'Q', MatrixXd::Identity(5, 5),
                MatrixXd::Identity(5, 5) * 1.01);
      EXPECT_GT(apart(residuals(shape, turned, moved), residuals(shape, theta, pack)), 1e-4);
    }
  }
}

TEST(IclIdentities, PredictionsScaleWithTheLabelsOfBlocksOnly) {
  const Vector pack = test_pack(kLayout, 3);
  const auto off = [&](const ModelShape& shape) {
    const Vector theta = test_parameters(shape, 5, 4);
    Vector expected = predictions(shape, theta, pack);
    for (double& p : expected) p *= 3;
    return apart(predictions(shape, theta, with_labels_times(pack, kLayout, 3)), expected);
  };
  for (const ModelShape& shape : block_shapes()) EXPECT_LT(off(shape), 1e-12) << describe(shape);
  for (ModelShape shape : block_shapes()) {
    shape.form = Form::full;
    EXPECT_GT(off(shape), 1e-2) << describe(shape);
  }
}

TEST(IclIdentities, OrderOfTheContextDoesNotMatter) {
  const Vector pack = test_pack(kLayout, 5);
  Vector turned = pack;
  for (int64_t i = 0; i < kLayout.n; ++i) {
    const int64_t from = (3 * i + 2) % kLayout.n;
    for (size_t lane = 0; lane < kPack; ++lane) {
      const auto move = [&](int64_t to, int64_t source) {
        turned[static_cast<size_t>(to) * kPack + lane] =
            pack[static_cast<size_t>(source) * kPack + lane];
      };
      for (int64_t c = 0; c < kLayout.d; ++c) move(kLayout.x(i, c), kLayout.x(from, c));
      move(kLayout.y(i), kLayout.y(from));
    }
  }
  for (const ModelShape& shape : test_shapes()) {
    SCOPED_TRACE(describe(shape));
    const Vector theta = test_parameters(shape, 5, 6);
    EXPECT_LT(apart(residuals(shape, theta, turned), residuals(shape, theta, pack)), 1e-13);
  }
}

// n^2 scores, Gram matrices of block and of full form, and the context read token by token.
TEST(IclIdentities, EveryWayToComputeALinearModelAgrees) {
  for (const PromptLayout layout : {PromptLayout{5, 20}, PromptLayout{3, 3}, PromptLayout{4, 9}}) {
    const Vector pack = test_pack(layout, 7);
    for (const int64_t layers : {1, 2, 3, 4}) {
      const ModelShape block{.layers = layers};
      ModelShape literal = block, full = block;
      literal.path = Path::literal;
      full.form = Form::full;
      const Vector theta = test_parameters(block, layout.d, 8, 0.2);
      const reference::Model model = reference::model_of(block, layout.d, theta);
      Vector wide;  // the same matrices as parameters of the full form
      for (const reference::Layer& layer : model.layers) {
        for (const MatrixXd* m : {&layer[0].P, &layer[0].Q}) {
          for (int64_t i = 0; i <= layout.d; ++i) {
            for (int64_t j = 0; j <= layout.d; ++j) wide.push_back((*m)(i, j));
          }
        }
      }
      const Vector expected = residuals(block, theta, pack, layout);
      EXPECT_LT(apart(residuals(literal, theta, pack, layout), expected), 1e-12);
      EXPECT_LT(apart(residuals(full, wide, pack, layout), expected), 1e-12);
      const PackKernel& other = wide_kernel_for(block, layout.d, best_isa());
      EXPECT_LT(apart(run_kernel(other, block, layout, theta, pack).residual, expected), 1e-12);
      for (int lane = 0; lane < kPack; ++lane) {
        const reference::Prompt prompt = reference::prompt_of(layout, pack.data(), lane);
        const double e = expected[static_cast<size_t>(lane)];
        EXPECT_NEAR(reference::residual(model, prompt), e, 1e-12 * std::max(1., std::abs(e)));
        EXPECT_NEAR(reference::gram_residual(model, prompt), e, 1e-12 * std::max(1., std::abs(e)));
      }
    }
  }
}

TEST(IclIdentities, TiedLayersAreEqualOnesAndTheirGradientIsTheSum) {
  const Vector pack = test_pack(kLayout, 9);
  for (ModelShape tied : test_shapes()) {
    if (!tied.tied || tied.hidden > 0) continue;
    SCOPED_TRACE(describe(tied));
    ModelShape loose = tied;
    loose.tied = false;
    const Vector theta = test_parameters(tied, 5, 10);
    Vector repeated;
    for (int64_t l = 0; l < tied.layers; ++l) {
      repeated.insert(repeated.end(), theta.begin(), theta.end());
    }
    const Outcome<double> one =
        run_kernel(kernel_for(tied, 5, best_isa()), tied, kLayout, theta, pack);
    const Outcome<double> many =
        run_kernel(kernel_for(loose, 5, best_isa()), loose, kLayout, repeated, pack);
    EXPECT_EQ(one.residual, many.residual);
    Vector sum(one.gradient.size());
    for (size_t i = 0; i < many.gradient.size(); ++i) sum[i % sum.size()] += many.gradient[i];
    EXPECT_LT(apart(one.gradient, sum), 1e-12);
  }
}

TEST(IclIdentities, HeadsThatShareTheirPAddTheirQ) {
  const Vector pack = test_pack(kLayout, 11);
  for (const Path path : {Path::gram, Path::literal}) {
    const ModelShape two{.layers = 3, .heads = 2, .form = Form::full, .path = path};
    const ModelShape one{.layers = 3, .form = Form::full, .path = path};
    Vector pair = test_parameters(two, 5, 12), single(static_cast<size_t>(layout_of(one, 5).size));
    const ParameterLayout of_two = layout_of(two, 5), of_one = layout_of(one, 5);
    for (size_t b = 0; b < of_one.blocks.size(); b += 2) {  // P, Q against P, Q1, P, Q2
      const auto at = [](const ParameterLayout& layout, size_t block, int64_t i) {
        return static_cast<size_t>(layout.blocks[block].offset + i);
      };
      for (int64_t i = 0; i < 36; ++i) {
        pair[at(of_two, 2 * b + 2, i)] = pair[at(of_two, 2 * b, i)];
        single[at(of_one, b, i)] = pair[at(of_two, 2 * b, i)];
        single[at(of_one, b + 1, i)] =
            pair[at(of_two, 2 * b + 1, i)] + pair[at(of_two, 2 * b + 3, i)];
      }
    }
    EXPECT_LT(apart(residuals(two, pair, pack), residuals(one, single, pack)), 1e-13);
  }
}

// The diagonal form as 2402.14180 writes it, four numbers a layer.
TEST(IclIdentities, DiagonalLayersFollowTheirFormula) {
  const Vector pack = test_pack(kLayout, 13);
  const ModelShape shape{.layers = 3, .form = Form::diag4};
  const Vector theta = test_parameters(shape, 5, 14, 0.5);
  const Vector got = residuals(shape, theta, pack);
  for (int lane = 0; lane < kPack; ++lane) {
    const reference::Prompt prompt = reference::prompt_of(kLayout, pack.data(), lane);
    MatrixXd x(5, 8);
    x << prompt.x, prompt.query;
    Eigen::VectorXd y(8);
    y << prompt.y, 0;
    for (size_t l = 0; l < 3; ++l) {
      const double px = theta[4 * l], py = theta[4 * l + 1], qx = theta[4 * l + 2],
                   qy = theta[4 * l + 3];
      const MatrixXd X = x.leftCols(7), G = X * X.transpose() / 7;
      const Eigen::VectorXd Y = y.head(7), g = X * Y / 7;
      const double h = Y.squaredNorm() / 7;
      const MatrixXd new_x = x + px * qx * G * x + px * qy * g * y.transpose();
      y = (y + py * qx * (g.transpose() * x).transpose() + py * qy * h * y).eval();
      x = new_x;
    }
    EXPECT_NEAR(got[static_cast<size_t>(lane)], prompt.label + y(7), 1e-12 * (1 + std::abs(y(7))));
  }
}

// Softmax at Q = 0 weighs all n + 1 keys alike, the query's own among them.
TEST(IclIdentities, SoftmaxWithoutScoresAverages) {
  const Vector pack = test_pack(kLayout, 15);
  for (const bool divide : {true, false}) {
    const ModelShape shape{
        .layers = 1, .scores = Scores::softmax, .path = Path::literal, .divide_softmax = divide};
    const Vector got = predictions(shape, Vector(50), pack);
    for (size_t lane = 0; lane < kPack; ++lane) {
      double sum = 0;
      for (int64_t i = 0; i < kLayout.n; ++i) {
        sum += pack[static_cast<size_t>(kLayout.y(i)) * kPack + lane];
      }
      const double n = static_cast<double>(kLayout.n);
      EXPECT_NEAR(got[lane], -sum / (n + 1) / (divide ? n : 1), 1e-14);
    }
  }
}

// Scores far beyond the range of exp: the largest one takes everything, and nothing overflows.
TEST(IclIdentities, SoftmaxOfLargeScoresPicksTheLargest) {
  const Vector pack = test_pack(kLayout, 16);
  const ModelShape shape{
      .layers = 1, .scores = Scores::softmax, .path = Path::literal, .divide_softmax = false};
  Vector theta(50);
  for (size_t c = 0; c < 5; ++c) theta[25 + 6 * c] = 1e5;
  const Outcome<double> out =
      run_kernel(kernel_for(shape, 5, best_isa()), shape, kLayout, theta, pack);
  for (int lane = 0; lane < kPack; ++lane) {
    const reference::Prompt prompt = reference::prompt_of(kLayout, pack.data(), lane);
    Eigen::Index best = 0;
    const double most = (prompt.x.transpose() * prompt.query).maxCoeff(&best);
    const double slot = most > prompt.query.squaredNorm() ? prompt.y(best) : 0;
    EXPECT_NEAR(out.residual[static_cast<size_t>(lane)], prompt.label + slot, 1e-9);
  }
  for (const double g : out.gradient) EXPECT_TRUE(std::isfinite(g));
}

// One layer of ReLU scores over Gaussian prompts: Q = -c I is best at c = 1/[(n-1)/(2n) + (d+2)/n],
// where the loss is d (1 - c/2): 1.96970 at n = 20, d = 5. Sampled: 32,000 prompts leave 1.5 %.
TEST(IclIdentities, OneReluLayerReachesItsClosedForm) {
  const PromptLayout layout{5, 20};
  const ModelShape shape{
      .layers = 1, .form = Form::gdpp, .scores = Scores::relu, .path = Path::literal};
  const double c = 1 / (19. / 40 + 7. / 20);
  const Random random(17, "test.relu");
  Vector pack(static_cast<size_t>(layout.entries() * kPack)), theta = {0, -c};
  double loss = 0, slope = 0;
  constexpr int kPacks = 2000;
  uint64_t draw = 0;
  for (int p = 0; p < kPacks; ++p) {
    for (double& number : pack) number = random.normal(draw++);
    for (size_t lane = 0; lane < kPack; ++lane) {
      Vector w(5);
      for (double& number : w) number = random.normal(draw++);
      for (int64_t t = 0; t <= layout.n; ++t) {
        double y = 0;
        for (int64_t k = 0; k < 5; ++k) {
          const int64_t entry = t < layout.n ? layout.x(t, k) : layout.query(k);
          y += w[static_cast<size_t>(k)] * pack[static_cast<size_t>(entry) * kPack + lane];
        }
        const int64_t entry = t < layout.n ? layout.y(t) : layout.label();
        pack[static_cast<size_t>(entry) * kPack + lane] = y;
      }
    }
    const Outcome<double> out =
        run_kernel(kernel_for(shape, 5, best_isa()), shape, layout, theta, pack);
    for (size_t lane = 0; lane < kPack; ++lane) {
      loss += out.residual[lane] * out.residual[lane] / (kPacks * kPack);
      slope += out.gradient[kPack + lane] / (kPacks * kPack);
    }
  }
  EXPECT_NEAR(c, 1.21212, 1e-5);
  EXPECT_NEAR(loss, 1.96970, 0.06);
  EXPECT_NEAR(slope, 0, 0.1);  // -5 at Q = 0
}

// Weft's linear attention, features the identity and rows not normalised: queries Q z_t, keys z_i,
// values P z_i, scale 1/n. Columns ask in rows behind the context, with keys of 0 for themselves.
MatrixXd attention_op(const reference::Head& head, const MatrixXd& Z) {
  const int64_t D = Z.rows(), n = Z.cols() - 1, time = 2 * n + 1;
  AttentionSpec spec;
  spec.head_dim = spec.value_dim = D;
  spec.scale = 1. / static_cast<double>(n);
  spec.mechanism = "linear";
  spec.args = Args("linear", MechanismRegistry().find("linear").args,
                   {{"feature", Arg("identity")}, {"normalise", Arg(false)}});
  spec.q = {{0, 0}};
  spec.k = {{1, 0}};
  spec.v = {{2, 0}};
  MatrixXd of[3] = {MatrixXd::Zero(D, time), MatrixXd::Zero(D, time), MatrixXd::Zero(D, time)};
  of[0].rightCols(n + 1) = head.Q * Z;
  of[1].leftCols(n) = Z.leftCols(n);
  of[2].leftCols(n) = head.P * Z.leftCols(n);
  std::vector<Tensor> in;
  for (const MatrixXd& m : of) {  // [time, D] row-major is [D, time] column by column
    in.emplace_back(DType::f64, Shape{time, D});
    std::copy_n(m.data(), m.size(), in.back().as<double>());
  }
  PlanContext context;
  context.runtime = {.threads = 1, .isa = best_isa()};
  context.time = time;
  const std::unique_ptr<Op> op = make_attention(spec);
  const test::RunResult result = test::run_op(*op, context, {.time = time}, in, {}, {}, {});
  EXPECT_EQ(result.fault, "");
  const Eigen::Map<const MatrixXd> o(result.out[0].as<double>(), D, time);
  return o.rightCols(n + 1);
}

TEST(IclIdentities, WeftsLinearAttentionIsTheAttentionOfTheLab) {
  const ModelShape shape{.layers = 3, .heads = 2, .form = Form::full};
  const Vector pack = test_pack(kLayout, 18), theta = test_parameters(shape, 5, 19);
  const reference::Model model = reference::model_of(shape, 5, theta);
  const Vector got = residuals(shape, theta, pack);
  for (const int lane : {0, 5, 15}) {
    const reference::Prompt prompt = reference::prompt_of(kLayout, pack.data(), lane);
    MatrixXd Z = reference::start(model, prompt);
    for (const reference::Layer& layer : model.layers) {
      MatrixXd next = Z;
      for (const reference::Head& head : layer) next += attention_op(head, Z);
      Z = next;
    }
    const double e = prompt.label + Z(5, kLayout.n);
    EXPECT_NEAR(got[static_cast<size_t>(lane)], e, 1e-12 * std::max(1., std::abs(e)));
    reference::Head swapped = model.layers[0][0];
    swapped.Q.transposeInPlace();
    const MatrixXd Z0 = reference::start(model, prompt);
    EXPECT_GT((attention_op(swapped, Z0) - attention_op(model.layers[0][0], Z0)).norm(), 0.1);
  }
}

}  // namespace
}  // namespace weft::icl
