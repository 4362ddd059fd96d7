// weft op attention against the formulas, written out once more here.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "cli_run.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace weft::system_test {
namespace {

constexpr int64_t kB = 2, kT = 3, kS = 5, kH = 4, kKv = 2, kD = 6, kDv = 4;

struct Problem {
  Tensor q{DType::f64, {kB, kT, kH, kD}}, k{DType::f64, {kB, kS, kKv, kD}};
  Tensor v{DType::f64, {kB, kS, kKv, kDv}}, d_o{DType::f64, {kB, kT, kH, kDv}};
  Tensor d_rem{DType::f64, {kB, kT, kH}};

  Problem() {
    int name = 0;
    for (Tensor* t : {&q, &k, &v, &d_o, &d_rem}) {
      const Random random(4, "cli_op_test." + std::to_string(name++));
      for (int64_t i = 0; i < t->numel(); ++i) {
        t->as<double>()[i] = random.normal(static_cast<uint64_t>(i));
      }
    }
  }
};

/// Weights of the visible keys, nearest first, and what is left over.
using Weigh = std::function<double(std::vector<double>& scores)>;

double softmax(std::vector<double>& z) {
  double sum = 0;
  for (double& x : z) sum += x = std::exp(x);
  for (double& x : z) x /= sum;
  return 0;
}

double relu(std::vector<double>& z) {
  for (double& x : z) x = std::max(x, 0.0);
  return 0;
}

double sigmoid(std::vector<double>& z) {
  for (double& x : z) x = 1 / (1 + std::exp(-x - 0.5));
  return 0;
}

double normalised_sigmoid(std::vector<double>& z) {
  sigmoid(z);
  double sum = 0;
  for (const double x : z) sum += x;
  for (double& x : z) x /= sum;
  return 0;
}

/// Linear attention without feature and divisor: scores times 1 + 1/2 + ... by distance.
double with_momentum(std::vector<double>& z) {
  double weight = 0, power = 1;
  for (double& x : z) {
    weight += power;
    power *= 0.5;
    x *= weight;
  }
  return 0;
}

double off_by_one(std::vector<double>& z) {
  double sum = 1;
  for (double& x : z) sum += x = std::exp(x);
  for (double& x : z) x /= sum;
  return 1 / sum;
}

double stick(std::vector<double>& z) {
  double left = 1;
  for (double& x : z) {
    const double gate = 1 / (1 + std::exp(-x));
    x = gate * left;
    left *= 1 - gate;
  }
  return left;
}

struct Result {
  Tensor o{DType::f64, {kB, kT, kH, kDv}}, rem{DType::f64, {kB, kT, kH}};
};

Result formula(const Problem& p, const Weigh& weigh, bool strict) {
  Result r;
  for (int64_t b = 0; b < kB; ++b) {
    for (int64_t h = 0; h < kH; ++h) {
      const int64_t g = h / (kH / kKv);
      for (int64_t t = 0; t < kT; ++t) {
        const int64_t last = kS - kT + t - (strict ? 1 : 0);
        std::vector<double> w;
        for (int64_t j = last; j >= 0; --j) {
          double z = 0;
          for (int64_t d = 0; d < kD; ++d) {
            z += p.q.as<double>()[((b * kT + t) * kH + h) * kD + d] *
                 p.k.as<double>()[((b * kS + j) * kKv + g) * kD + d];
          }
          w.push_back(z / std::sqrt(double(kD)));
        }
        r.rem.as<double>()[(b * kT + t) * kH + h] = weigh(w);
        for (int64_t j = last; j >= 0; --j) {
          for (int64_t d = 0; d < kDv; ++d) {
            r.o.as<double>()[((b * kT + t) * kH + h) * kDv + d] +=
                w[static_cast<size_t>(last - j)] *
                p.v.as<double>()[((b * kS + j) * kKv + g) * kDv + d];
          }
        }
      }
    }
  }
  return r;
}

/// What `do` and `drem` make a scalar of.
double scalar(const Problem& p, const Weigh& weigh, bool strict) {
  const Result r = formula(p, weigh, strict);
  double sum = 0;
  for (int64_t i = 0; i < r.o.numel(); ++i) sum += r.o.as<double>()[i] * p.d_o.as<double>()[i];
  for (int64_t i = 0; i < r.rem.numel(); ++i) {
    sum += r.rem.as<double>()[i] * p.d_rem.as<double>()[i];
  }
  return sum;
}

void expect_near(const Tensor& got, const Tensor& want, double limit, const std::string& what) {
  ASSERT_EQ(got.shape(), want.shape()) << what;
  for (int64_t i = 0; i < want.numel(); ++i) {
    EXPECT_NEAR(get(got.view(), i), get(want.view(), i), limit) << what << " " << i;
  }
}

/// Runs the program in `type`; checks o, rem and the gradients of q, k, v.
void check(const std::vector<std::string>& settings, const Weigh& weigh, bool strict, bool rem,
           DType type, double limit) {
  const Scratch scratch;
  Problem p;
  if (!rem) std::fill_n(p.d_rem.as<double>(), p.d_rem.numel(), 0.0);
  std::vector<Tensor> in;
  for (const Tensor* t : {&p.q, &p.k, &p.v, &p.d_o}) in.push_back(convert(t->view(), type));
  const DType wide = type == DType::f64 ? DType::f64 : DType::f32;
  in.push_back(convert(p.d_rem.view(), wide));
  std::vector<io::NamedTensor> named = {
      {"q", in[0].view()}, {"k", in[1].view()}, {"v", in[2].view()}, {"do", in[3].view()}};
  if (rem) named.push_back({"drem", in[4].view()});
  io::write_safetensors(scratch / "in", named);
  std::vector<std::string> args = {"op",           "attention", "--in",
                                   scratch / "in", "--out",     scratch / "out"};
  for (const std::string& s : settings) args.insert(args.end(), {"--set", s});
  const Output got = weft(args);
  ASSERT_EQ(got.code, 0) << got.err;
  const io::SafeTensors out = io::SafeTensors::open(scratch / "out");
  const Result want = formula(p, weigh, strict);
  expect_near(out.load("o"), want.o, limit, "o");
  EXPECT_EQ(out.load("o").dtype(), type);
  EXPECT_EQ(out.find("rem") != nullptr, rem);
  if (rem) expect_near(out.load("rem"), want.rem, limit, "rem");
  const char* names[] = {"dq", "dk", "dv"};
  Tensor* inputs[] = {&p.q, &p.k, &p.v};
  for (size_t n = 0; n < 3; ++n) {
    Tensor difference(DType::f64, inputs[n]->shape());
    for (int64_t i = 0; i < difference.numel(); ++i) {
      double& x = inputs[n]->as<double>()[i];
      const double before = x, step = 1e-5;
      x = before + step;
      const double up = scalar(p, weigh, strict);
      x = before - step;
      const double down = scalar(p, weigh, strict);
      x = before;
      difference.as<double>()[i] = (up - down) / (2 * step);
    }
    expect_near(out.load(names[n]), difference, std::max(limit, 1e-8), names[n]);
  }
}

TEST(CliOp, Softmax) {
  check({}, softmax, false, false, DType::f64, 1e-12);
  check({"mechanism=softmax"}, softmax, false, false, DType::f32, 1e-5);
}

TEST(CliOp, StickBreaking) {
  check({"mechanism=stick-breaking"}, stick, true, true, DType::f64, 1e-12);
  check({"mechanism=stick-breaking", "inclusive=true"}, stick, false, true, DType::f32, 1e-5);
}

TEST(CliOp, TheScaleMayBeAnyNumber) {
  // Scores of the formula are scaled by 1 / sqrt(D) already.
  const auto scaled = [](const Weigh& weigh) -> Weigh {
    return [weigh](std::vector<double>& z) {
      for (double& x : z) x *= -0.75 * std::sqrt(double(kD));
      return weigh(z);
    };
  };
  check({"scale=-0.75"}, scaled(softmax), false, false, DType::f64, 1e-12);
  check({"scale=-0.75"}, scaled(softmax), false, false, DType::f32, 1e-5);
  check({"mechanism=stick-breaking", "scale=-0.75"}, scaled(stick), true, true, DType::f32, 1e-5);
}

TEST(CliOp, Relu) {
  check({"mechanism=relu"}, relu, false, false, DType::f64, 1e-12);
  check({"mechanism=relu", "norm=none"}, relu, false, false, DType::f32, 1e-5);
}

TEST(CliOp, Sigmoid) {
  check({"mechanism=sigmoid", "bias=0.5"}, sigmoid, false, false, DType::f64, 1e-12);
  check({"mechanism=sigmoid", "bias=0.5", "normalise=true"}, normalised_sigmoid, false, false,
        DType::f32, 1e-5);
}

TEST(CliOp, Linear) {
  const std::vector<std::string> settings = {"mechanism=linear", "feature=identity",
                                             "normalise=false", "momentum=0.5"};
  check(settings, with_momentum, false, false, DType::f64, 1e-12);
  check(settings, with_momentum, false, false, DType::f32, 1e-5);
}

TEST(CliOp, SoftmaxOffByOne) {
  check({"sink=off-by-one"}, off_by_one, false, true, DType::f64, 1e-12);
  check({"sink=off-by-one"}, off_by_one, false, true, DType::f32, 1e-5);
}

/// Runs the program on the problem in f64 with further tensors.
Output run_with(const Problem& p, const Scratch& scratch, std::vector<io::NamedTensor> more,
                const std::vector<std::string>& settings) {
  std::vector<io::NamedTensor> in = {
      {"q", p.q.view()}, {"k", p.k.view()}, {"v", p.v.view()}, {"do", p.d_o.view()}};
  in.insert(in.end(), more.begin(), more.end());
  io::write_safetensors(scratch / "in", in);
  std::vector<std::string> args = {"op",           "attention", "--in",
                                   scratch / "in", "--out",     scratch / "out"};
  for (const std::string& s : settings) args.insert(args.end(), {"--set", s});
  return weft(args);
}

// A learned key of 0 and a value of 0 are off-by-one; a value of c adds c times the slot's weight.
TEST(CliOp, SinksWithParameters) {
  const Scratch scratch;
  const Problem p;
  Tensor key(DType::f64, {kH, kD}), value(DType::f64, {kH, kDv});
  for (int64_t i = 0; i < value.numel(); ++i) value.as<double>()[i] = 3;
  const Output got = run_with(p, scratch, {{"sink_key", key.view()}, {"sink_value", value.view()}},
                              {"sink=key-value"});
  ASSERT_EQ(got.code, 0) << got.err;
  const io::SafeTensors out = io::SafeTensors::open(scratch / "out");
  Result want = formula(p, off_by_one, false);
  for (int64_t i = 0; i < want.o.numel(); ++i) {
    want.o.as<double>()[i] += 3 * want.rem.as<double>()[i / kDv];
  }
  expect_near(out.load("o"), want.o, 1e-12, "o");
  expect_near(out.load("rem"), want.rem, 1e-12, "rem");
  EXPECT_EQ(out.load("dsink_key").shape(), key.shape());
  EXPECT_EQ(out.load("dsink_value").shape(), value.shape());
  expect_refused(run_with(p, scratch, {}, {"sink=key"}), "sink_key");
}

// A second set with the keys of the first halves the weights: o is that of the mean of the values.
TEST(CliOp, ASecondSetOfKeys) {
  const Scratch scratch;
  Problem p;
  Tensor v2(DType::f64, p.v.shape());
  for (int64_t i = 0; i < v2.numel(); ++i) v2.as<double>()[i] = double(i % 5) - 1;
  const std::vector<io::NamedTensor> more = {{"k2", p.k.view()}, {"v2", v2.view()}};
  const Output got = run_with(p, scratch, more, {});
  ASSERT_EQ(got.code, 0) << got.err;
  const io::SafeTensors out = io::SafeTensors::open(scratch / "out");
  const Tensor o = out.load("o"), dv2 = out.load("dv2");
  EXPECT_EQ(out.load("dk2").shape(), p.k.shape());
  EXPECT_EQ(dv2.shape(), v2.shape());
  expect_near(out.load("dv"), dv2, 1e-14, "dv");
  expect_refused(run_with(p, scratch, more, {"mechanism=stick-breaking"}), "one set");
  expect_refused(run_with(p, scratch, {{"k2", p.k.view()}}, {}), "v2");
  EXPECT_EQ(run_with(p, scratch, more, {"position=rope"}).code, 0);
  for (int64_t i = 0; i < v2.numel(); ++i) {
    p.v.as<double>()[i] = (p.v.as<double>()[i] + v2.as<double>()[i]) / 2;
  }
  expect_near(o, formula(p, softmax, false).o, 1e-12, "o");
}

TEST(CliOp, Bf16) {
  check({}, softmax, false, false, DType::bf16, 6e-2);
}

TEST(CliOp, RefusesWhatDoesNotFit) {
  const Scratch scratch;
  Tensor q(DType::f32, {1, 4, 2, 8}), k(DType::f32, {1, 4, 2, 8}),
      v = Tensor(DType::f32, {1, 4, 2, 8});
  const auto run = [&](std::vector<std::string> more = {}) {
    const io::NamedTensor in[] = {{"q", q.view()}, {"k", k.view()}, {"v", v.view()}};
    io::write_safetensors(scratch / "in", in);
    std::vector<std::string> args = {"op",           "attention", "--in",
                                     scratch / "in", "--out",     scratch / "out"};
    args.insert(args.end(), more.begin(), more.end());
    return weft(args);
  };
  EXPECT_EQ(run().code, 0);
  EXPECT_EQ(run({"--kernel", "ref"}).code, 0);
  EXPECT_EQ(run({"--set", "position=rope", "--set", "theta=500"}).code, 0);
  EXPECT_EQ(run({"--set", "position=alibi", "--set", "window=2"}).code, 0);
  EXPECT_EQ(run({"--set", "mechanism=stick-breaking", "--set", "head_norm=group"}).code, 0);
  std::filesystem::remove(scratch / "out");
  expect_refused(run({"--kernel", "fastest"}), "--kernel");
  expect_refused(run({"--set", "mechanism=sofmax"}), "softmax");
  expect_refused(run({"--set", "windw=3"}), "\"window\"");
  expect_refused(run({"--set", "inclusive=true"}), "inclusive");
  expect_refused(run({"--set", "mechanism=stick-breaking", "--set", "remainder=learned"}), "w");
  expect_refused(run({"--set", "scale=inf"}), "scale");
  k = Tensor(DType::f32, {1, 3, 2, 8});
  expect_refused(run(), "k");
  k = Tensor(DType::f32, {1, 4, 2, 7});
  expect_refused(run(), "k");
  k = Tensor(DType::f32, {2, 4, 2, 8});
  expect_refused(run(), "k");
  k = Tensor(DType::bf16, {1, 4, 2, 8});
  expect_refused(run(), "k");
  k = Tensor(DType::f32, {1, 4, 3, 8});
  expect_refused(run(), "k");
  k = Tensor(DType::f32, {4, 2, 8});
  expect_refused(run(), "k");
  EXPECT_FALSE(std::filesystem::exists(scratch / "out"));
  expect_refused(weft({"op", "attention", "--in", "/no/such", "--out", scratch / "out"}),
                 "/no/such");
}

Tensor turned(const Tensor& t) {
  const Shape& s = t.shape();
  const int64_t channels = s.rank() == 4 ? s[3] : 1;
  Tensor out(t.dtype(), s.rank() == 4 ? Shape{s[0], s[2], s[1], s[3]} : Shape{s[0], s[2], s[1]});
  for (int64_t b = 0; b < s[0]; ++b) {
    for (int64_t i = 0; i < s[1]; ++i) {
      for (int64_t j = 0; j < s[2]; ++j) {
        for (int64_t c = 0; c < channels; ++c) {
          out.as<double>()[((b * s[2] + j) * s[1] + i) * channels + c] =
              t.as<double>()[((b * s[1] + i) * s[2] + j) * channels + c];
        }
      }
    }
  }
  return out;
}

TEST(CliOp, TheOtherLayoutGivesTheSame) {
  const Scratch scratch;
  const Problem p;
  const std::vector<std::string> settings = {"mechanism=stick-breaking", "position=rope"};
  ASSERT_EQ(run_with(p, scratch, {{"drem", p.d_rem.view()}}, settings).code, 0);
  std::filesystem::rename(scratch / "out", scratch / "want");
  const io::SafeTensors want = io::SafeTensors::open(scratch / "want");
  const Tensor q = turned(p.q), k = turned(p.k), v = turned(p.v), d_o = turned(p.d_o),
               d_rem = turned(p.d_rem);
  io::write_safetensors(scratch / "in", {{{"q", q.view()},
                                          {"k", k.view()},
                                          {"v", v.view()},
                                          {"do", d_o.view()},
                                          {"drem", d_rem.view()}}});
  std::vector<std::string> args = {"op",    "attention",     "--in",     scratch / "in",
                                   "--out", scratch / "out", "--layout", "bhtd"};
  for (const std::string& s : settings) args.insert(args.end(), {"--set", s});
  const Output got = weft(args);
  ASSERT_EQ(got.code, 0) << got.err;
  const io::SafeTensors out = io::SafeTensors::open(scratch / "out");
  ASSERT_EQ(out.entries().size(), want.entries().size());
  for (const char* name : {"o", "rem", "dq", "dk", "dv"}) {
    const Tensor one = out.load(name), other = turned(want.load(name));
    ASSERT_EQ(one.shape(), other.shape()) << name;
    EXPECT_EQ(std::memcmp(one.data(), other.data(), one.desc().bytes()), 0) << name;
  }
}

TEST(CliOp, ASwappedLayoutIsNamed) {
  const Scratch scratch;
  Tensor q(DType::f32, {1, 4, 12, 8}), k(DType::f32, {1, 2, 12, 8}), v(DType::f32, {1, 2, 12, 8});
  const auto run = [&](const std::vector<std::string>& more = {}) {
    io::write_safetensors(scratch / "in", {{{"q", q.view()}, {"k", k.view()}, {"v", v.view()}}});
    std::vector<std::string> args = {"op",           "attention", "--in",
                                     scratch / "in", "--out",     scratch / "out"};
    args.insert(args.end(), more.begin(), more.end());
    return weft(args);
  };
  expect_refused(run(), "q, k, v] expected [batch, time, heads, channels]");
  expect_refused(run(), "--layout bhtd");
  EXPECT_EQ(run({"--layout", "bhtd"}).err, "");
  q = Tensor(DType::f32, {1, 12, 4, 8});
  for (Tensor* t : {&k, &v}) *t = Tensor(DType::f32, {1, 12, 2, 8});
  EXPECT_EQ(run().err, "");
  expect_refused(run({"--layout", "bhtd"}), "--layout bthd");
  // Either way an attention, but one of more heads than keys.
  for (Tensor* t : {&q, &k, &v}) *t = Tensor(DType::f32, {1, 4, 12, 8});
  const Output doubtful = run();
  EXPECT_EQ(doubtful.code, 0);
  EXPECT_NE(doubtful.err.find("warning: 12 heads over 4 keys"), std::string::npos) << doubtful.err;
  EXPECT_EQ(run({"--layout", "bhtd"}).err, "");
  expect_refused(run({"--layout", "thd"}), "one of bthd, bhtd");
  EXPECT_NE(weft({"op", "--help"}).out.find("[batch, time, heads,"), std::string::npos);
}

TEST(CliOp, JsonSaysWhatWasComputed) {
  const Scratch scratch;
  const Problem p;
  io::write_safetensors(scratch / "in",
                        {{{"q", p.q.view()}, {"k", p.k.view()}, {"v", p.v.view()}}});
  const Output got = weft({"op", "attention", "--in", scratch / "in", "--out", scratch / "out",
                           "--json", "--set", "position=rope"});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.err, "");
  const nlohmann::json json = io::parse_json(got.out, "op");
  EXPECT_EQ(json["op"], "attention");
  EXPECT_EQ(json["mechanism"], "softmax");
  EXPECT_EQ(json["position"], "rope");
  EXPECT_EQ(json["layout"], "bthd");
  EXPECT_EQ(json["dtype"], "f64");
  EXPECT_EQ(json["kernel"], "ref");
  EXPECT_EQ(json["sizes"]["kv_heads"], kKv);
  EXPECT_GT(json["seconds"].get<double>(), 0);
  ASSERT_EQ(json["outputs"].size(), 1u);
  EXPECT_EQ(json["outputs"][0]["name"], "o");
  EXPECT_EQ(json["outputs"][0]["shape"], nlohmann::json({kB, kT, kH, kDv}));
}

}  // namespace
}  // namespace weft::system_test
