#include "lab/icl/setting.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace weft::icl {
namespace {

Setting load(const std::string& name, std::initializer_list<const char*> sets) {
  std::vector<io::Override> overrides;
  for (const char* set : sets) overrides.push_back(io::parse_override(set));
  return load_setting(name, overrides);
}

std::string refusal(const std::string& name, std::initializer_list<const char*> sets) {
  try {
    load(name, sets);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("weft-icl-" + std::to_string(getpid()) + "-" + name)) {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

Setting round_trip(const Setting& s) {
  const TemporaryFile file("setting.toml", to_toml(s));
  return load_setting(file.path(), {});
}

TEST(IclSetting, NamedOnesComeBack) {
  for (const NamedSetting& named : named_settings()) {
    const Setting s = load_setting(std::string(named.name), {});
    EXPECT_EQ(s, named.make()) << named.name;
    EXPECT_EQ(s.name, named.name);
    EXPECT_EQ(round_trip(s), s) << to_toml(s);
  }
}

TEST(IclSetting, EveryKeyComesBack) {
  const Setting s = load("default", {"d=3",
                                     "n=7",
                                     "covariates=gamma",
                                     "gamma_shape=1.5",
                                     "covariance=1,0.5,2",
                                     "whitened_weights=true",
                                     "noise_levels=1,3",
                                     "teacher=mlp",
                                     "layers=2",
                                     "heads=2",
                                     "form=full",
                                     "attention=softmax",
                                     "tied=true",
                                     "divide_softmax=false",
                                     "hidden=4",
                                     "init=0.2",
                                     "optimizer=sgd",
                                     "lr=0.003",
                                     "momentum=0.5",
                                     "beta1=0.8",
                                     "beta2=0.99",
                                     "eps=1e-7",
                                     "weight_decay=0.01",
                                     "clip=0",
                                     "halve_every=10",
                                     "batch=32",
                                     "steps=12",
                                     "eval_every=3",
                                     "eval_batch=64",
                                     "eval_seed=5",
                                     "seed=9",
                                     "precision=f64"});
  EXPECT_EQ(s.law.covariance, (std::vector<double>{1, 0.5, 2}));
  EXPECT_EQ(s.law.noise_levels, (std::vector<double>{1, 3}));
  EXPECT_EQ(s.model.path, Path::literal);
  EXPECT_EQ(s.training.eps, 1e-7);
  EXPECT_EQ(s.training.precision, Precision::f64);
  EXPECT_EQ(round_trip(s), s) << to_toml(s);
}

TEST(IclSetting, CovarianceInEverySpelling) {
  const std::vector<double> eigenvalues{1, 1, 0.25, 0.0625, 1};
  EXPECT_EQ(load("default", {"covariance=1,1,0.25,0.0625,1"}).law.covariance, eigenvalues);
  EXPECT_EQ(load("default", {"covariance=[1, 1, 0.25, 0.0625, 1]"}).law.covariance, eigenvalues);
  EXPECT_EQ(load("default", {"d=1", "covariance=2"}).law.covariance, std::vector<double>{2});
  const std::vector<double> matrix{2, 0.5, 0.5, 1};
  const TemporaryFile json("a.json", "[[2, 0.5],\n [0.5, 1]]\n");
  const TemporaryFile plain("b.txt", "2 0.5\n0.5 1\n");
  for (const std::string& path : {json.path(), plain.path()}) {
    const std::string set = "covariance=" + path;
    EXPECT_EQ(load("default", {"d=2", set.c_str()}).law.covariance, matrix);
  }
  EXPECT_EQ(load("default", {"d=2", "covariance=[[2, 0.5], [0.5, 1]]"}).law.covariance, matrix);
}

TEST(IclSetting, RatesFollowSettingAndOptimiser) {
  const auto rates = [](const char* name, const char* optimizer) {
    const Training t = load(name, {optimizer}).training;
    return std::pair(t.lr, t.clip);
  };
  EXPECT_EQ(rates("default", "optimizer=sgd"), std::pair(0.02, 1.0));
  EXPECT_EQ(rates("few", "optimizer=sgd"), std::pair(0.01, 1.0));
  EXPECT_EQ(rates("few", "optimizer=adam"), std::pair(0.005, 1.0));
  EXPECT_EQ(rates("heavy", "optimizer=adam"), std::pair(0.02, 1.0));
  EXPECT_EQ(rates("sphere", "optimizer=sgd"), std::pair(5.0, 0.1));
  EXPECT_EQ(rates("sphere", "optimizer=adam"), std::pair(0.1, 0.1));
  EXPECT_EQ(rates("nonlinear", "optimizer=sgd"), std::pair(0.05, 1.0));
  EXPECT_EQ(load("default", {"covariates=sphere"}).training.lr, 0.1);  // the law decides
  EXPECT_EQ(load("sphere", {"lr=0.3", "clip=0"}).training.clip, 0);
}

TEST(IclSetting, FilesStartFromANameAndAreOverridden) {
  const TemporaryFile file("c.toml", "setting = \"few\"\nlayers = 2\nbatch = 10\n");
  const std::vector<io::Override> overrides{io::parse_override("batch=20")};
  const Setting s = load_setting(file.path(), overrides);
  EXPECT_EQ(s.law.n, 5);
  EXPECT_EQ(s.model.layers, 2);
  EXPECT_EQ(s.training.batch, 20);
}

TEST(IclSetting, RefusalsSayWhy) {
  const struct {
    const char* name;
    std::initializer_list<const char*> sets;
    const char* part;
  } kCases[] = {
      {"defualt", {}, "did you mean \"default\""},
      {"no/such.toml", {}, "no/such.toml"},
      {"default", {"layer=2"}, "layers"},
      {"default", {"model.layers=2"}, "flat"},
      {"default", {"layers=0"}, "from 1 to 64"},
      {"default", {"d=2.5"}, "integer"},
      {"default", {"optimizer=adm"}, "adam"},
      {"default", {"attention=softmax", "path=gram"}, "Gram matrix"},
      {"default", {"attention=relu", "path=gram"}, "Gram matrix"},
      {"default", {"heads=2"}, "form = full"},
      {"default", {"hidden=30"}, "form = full"},
      {"default", {"divide_softmax=false"}, "softmax"},
      {"default", {"gamma_shape=2"}, "covariates = gamma"},
      {"default", {"half_width=2"}, "covariates = uniform"},
      {"default", {"covariance=1,2"}, "2 numbers"},
      {"default", {"covariance=1,2,3,4,-5"}, "positive"},
      {"default", {"d=2", "covariance=1,1e200"}, "covariance"},
      {"default", {"d=2", "covariance=1,1e-7"}, "1e-06 .. 1e+06"},
      {"default", {"d=2", "covariance=[1e7, 0, 0, 1]"}, "1e-06 .. 1e+06"},
      {"default", {"d=64", "n=4096", "eval_batch=16000000"}, "eval_batch"},
      {"default", {"d=64", "layers=64", "heads=64", "form=full"}, "layers"},
      {"default", {"d=2", "covariance=[1, 0.5, 0.25, 1]"}, "symmetric"},
      {"default", {"d=2", "covariance=[1, 2, 2, 1]"}, "positive definite"},
      {"default", {"covariance=[1, 2, 3, 4, nan]"}, "finite"},
      {"default", {"covariance=1,two"}, "file of numbers"},
      {"default", {"covariance=true"}, "numbers"},
      {"default", {"label_noise=-1"}, "from 0"},
      {"default", {"label_noise=1", "noise_max=2"}, "one of label_noise"},
      {"default", {"noise_levels=1,-3"}, "at least 0"},
      {"default", {"precision=bf16"}, "one of f32, f64"},
  };
  for (const auto& c : kCases) {
    EXPECT_NE(refusal(c.name, c.sets).find(c.part), std::string::npos)
        << c.part << " in: " << refusal(c.name, c.sets);
  }
}

}  // namespace
}  // namespace weft::icl
