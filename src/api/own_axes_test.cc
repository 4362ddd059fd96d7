// Mechanisms and wirings of a linking program, through the public face alone.
#include <gtest/gtest.h>

#include <filesystem>

#include "weft/weft.h"

namespace weft {
namespace {

/// Rectified weights, as they are; `args[0]` is a factor on the gradient, which should be 1.
struct Rectified {
  template <class C>
  static void weights(const double*, const C* z, std::int64_t n, C* w) {
    for (std::int64_t j = 0; j < n; ++j) w[j] = z[j] > 0 ? z[j] : 0;
  }
  template <class C>
  static void gradient(const double* args, const C* z, const C*, std::int64_t n, const C* g,
                       C* dz) {
    for (std::int64_t j = 0; j < n; ++j) dz[j] = z[j] > 0 ? C(args[0]) * g[j] : 0;
  }
};

own::Wires last_value(const own::Model& model, const own::Arguments& args) {
  own::Wires wires{{}, {args.at("share")}};
  const int last = model.layers - 1;
  wires.mixes.push_back({{'v', last}, {{{'v', 0}, 1, 0}, {{'v', last}}}, 0, 1});
  return wires;
}

own::Axes axes_of_a_program() {
  own::Axes axes;
  axes.add_mechanism<Rectified>({.name = "rectified", .arguments = {{"factor", 1}}});
  axes.add_wiring({.name = "last-value", .arguments = {{"share", 0.5}}, .make = last_value});
  return axes;
}

std::vector<std::string> settings(std::vector<std::string> more) {
  more.insert(more.end(), {"model.dim=32", "model.layers=2", "model.heads=2", "model.head_dim=16",
                           "model.ffn=48", "model.context=32"});
  return more;
}

std::vector<std::string> failing(const LanguageModel& model) {
  std::vector<std::string> names;
  for (const CheckReport& r : model.check(std::filesystem::temp_directory_path())) {
    if (!r.ok) names.push_back(r.name);
  }
  return names;
}

template <class F>
Fault fault_of(F&& f) {
  try {
    f();
  } catch (const Exception& error) {
    return error.fault();
  }
  ADD_FAILURE() << "nothing thrown";
  return Fault::runtime;
}

TEST(OwnAxes, AreAsGoodAsTheLibrarys) {
  const own::Axes axes = axes_of_a_program();
  LanguageModel model = LanguageModel::make(
      "transformer",
      settings({"model.mechanism=rectified", "model.wiring=[\"last-value\"]", "model.kv_heads=1"}),
      3, axes);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "one two three four five. ";
  const double before = model.loss(text);
  model.fit(text, {.steps = 20, .lr = 1e-2});
  EXPECT_LT(model.loss(text), before - 1);
  const auto folder = std::filesystem::temp_directory_path() / "weft-own-axes-test";
  model.save(folder);
  EXPECT_EQ(LanguageModel::load(folder, axes).loss(text), model.loss(text));
  EXPECT_NE(fault_of([&] { LanguageModel::load(folder); }), Fault::runtime);
  std::filesystem::remove_all(folder);
}

TEST(OwnAxes, AreCheckedLikeTheLibrarys) {
  const own::Axes axes = axes_of_a_program();
  const auto with = [&](const std::vector<std::string>& more) {
    return LanguageModel::make("transformer", settings(more), 0, axes);
  };
  EXPECT_EQ(failing(with({"model.wiring=[\"last-value\"]"})), std::vector<std::string>{});
  EXPECT_EQ(failing(with({"model.mechanism=rectified"})), std::vector<std::string>{});
  // A wrong gradient is wrong in every type alike.
  EXPECT_EQ(failing(with({"model.mechanism=rectified", "model.mechanism_args.factor=1.01"})),
            std::vector<std::string>{"gradients"});
}

TEST(OwnAxes, NameWhatIsWrongAfterTheyWereMoved) {
  own::Axes axes = axes_of_a_program();
  const own::Axes other = std::move(axes);
  EXPECT_EQ(fault_of([&] { axes.add_mechanism<Rectified>({.name = "again"}); }), Fault::usage);
  EXPECT_EQ(fault_of([&] {
              axes.add_wiring(
                  {.name = "again",
                   .make = [](const own::Model&, const own::Arguments&) { return own::Wires{}; }});
            }),
            Fault::usage);
  EXPECT_EQ(fault_of([&] { LanguageModel::make("transformer", {}, 0, axes); }), Fault::usage);
}

TEST(OwnAxes, RefuseWhatMakesNoSense) {
  own::Axes axes = axes_of_a_program();
  EXPECT_EQ(fault_of([&] { axes.add_mechanism<Rectified>({.name = "softmax"}); }), Fault::usage);
  EXPECT_EQ(fault_of([&] {
              axes.add_mechanism<Rectified>(
                  {.name = "many", .arguments = {{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}});
            }),
            Fault::usage);
  EXPECT_EQ(fault_of([&] { axes.add_wiring({.name = "nothing"}); }), Fault::usage);
  axes.add_wiring({.name = "no-port", .make = [](const own::Model&, const own::Arguments&) {
                     return own::Wires{{{{'z', 1}, {{{'v', 0}}}}}};
                   }});
  EXPECT_EQ(fault_of([&] {
              LanguageModel::make("transformer", settings({"model.wiring=[\"no-port\"]"}), 0, axes);
            }),
            Fault::config);
}

}  // namespace
}  // namespace weft
