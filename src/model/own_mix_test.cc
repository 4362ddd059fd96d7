// [[model.mix]]: schemes of the registry written by hand give the same layout; every mistake has
// its message.
#include "model/own_mix.h"

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "io/toml.h"
#include "model/config_json.h"
#include "model/config_toml.h"
#include "model/draw.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

const std::string kModel = "[model]\nlayers = 4\nheads = 4\ndim = 16\nhead_dim = 4\nffn = 8\n";

ModelConfig read(const std::string& text) {
  const io::Value root = io::parse_toml(text, "c.toml");
  return read_model(*root.find("model"), "c.toml");
}

ModelConfig own(const std::string& tables, const std::string& model = "") {
  return read(kModel + model + tables);
}

// Gain tensors are compared by shape and values: their names are the user's.
void expect_same_layout(const ModelConfig& a, const ModelConfig& b) {
  const Layout one = derive_layout(a), two = derive_layout(b);
  ASSERT_EQ(one.mixes.size(), two.mixes.size());
  for (size_t m = 0; m < one.mixes.size(); ++m) {
    EXPECT_EQ(one.mixes[m].destination, two.mixes[m].destination);
    EXPECT_EQ(one.mixes[m].heads, two.mixes[m].heads);
    EXPECT_EQ(one.mixes[m].terms, two.mixes[m].terms);
    EXPECT_EQ(one.mixes[m].alias, two.mixes[m].alias);
  }
  ASSERT_EQ(one.gain_tensors.size(), two.gain_tensors.size());
  for (size_t g = 0; g < one.gain_tensors.size(); ++g) {
    EXPECT_EQ(one.gain_tensors[g].shape, two.gain_tensors[g].shape);
    EXPECT_EQ(one.gain_tensors[g].init, two.gain_tensors[g].init);
  }
  EXPECT_EQ(one.k_heads, two.k_heads);
  EXPECT_EQ(one.v_heads, two.v_heads);
  EXPECT_EQ(one.cache.bytes_per_token(4, 2), two.cache.bytes_per_token(4, 2));
  EXPECT_EQ(draw_wiring(a, one), draw_wiring(b, two));
}

TEST(OwnMix, RegisteredSchemesWrittenByHandHaveTheSameLayout) {
  const auto registered = [](const std::string& model) { return read(kModel + model); };
  expect_same_layout(own(R"([[model.mix]]
to = "v[1..]"
terms = [{ from = "v[0]", scale = 0.5 }, { from = "v[l]", scale = 0.5 }])"),
                     registered("design = 'resformer'"));
  expect_same_layout(own(R"([[model.mix]]
to = "v[2..3]"
terms = [{ from = "v[0]", gain = 3 }, { from = "v[l]" }])"),
                     registered("wiring = 'value-residual'\nwiring_args.value-residual = { variant "
                                "= 'constant', lambda = 3, layers = [2, 3] }"));
  expect_same_layout(own(R"([[model.mix]]
to = "v[1..]"
terms = [{ from = "v[0]", gain = 0.5, learn = true }, { from = "v[l]", gain = 0.5, learn = true }])"),
                     registered("design = 'resformer'\nwiring_args.value-residual.variant = "
                                "'learnable'"));
  expect_same_layout(own("[[model.mix]]\nto = 'v[1..]'\nterms = [{ from = 'v[0]' }]"),
                     registered("design = 'svformer'"));
  expect_same_layout(own(R"([[model.mix]]
to = "v[1..]"
heads = [2, 4]
terms = [{ from = "v[0]" }])"),
                     registered("design = 'skipv1'"));
  for (const char* raw : {"true", "false"}) {
    const std::string r = std::string(", raw = ") + raw + " }]\n";
    expect_same_layout(
        own("[[model.mix]]\nto = 'k[1..]'\nheads = [2, 4]\nterms = [{ from = 'k[l-1]'" + r +
            "[[model.mix]]\nto = 'v[1..]'\nheads = [2, 4]\nterms = [{ from = 'v[l-1]'" + r),
        registered(std::string("design = 'sla'\nwiring_args.skip-kv.source = '") +
                   (*raw == 't' ? "raw'" : "final'")));
  }
}

TEST(OwnMix, RangesAndStepsExpandInOrder) {
  const ModelConfig c = own(R"([[model.mix]]
name = "average"
to = "x[2..:2]"
terms = [{ from = "y[-1..l-2]", gain = 0, learn = true }, { from = "y[l-1]", learn = true }])");
  const Wiring w = own_wiring(c);
  ASSERT_EQ(w.mixes.size(), 2u);
  EXPECT_EQ(w.mixes[0].destination, (Tap{Port::x, 2}));
  EXPECT_EQ(w.mixes[1].destination, (Tap{Port::x, 4}));  // the input of the final norm
  ASSERT_EQ(w.mixes[1].terms.size(), 5u);
  for (int j = 0; j < 5; ++j) {
    const Term& term = w.mixes[1].terms[static_cast<size_t>(j)];
    EXPECT_EQ(term.source, (Tap{Port::y, j - 1}));
    EXPECT_EQ(w.gains[static_cast<size_t>(term.gain)].init, j == 4 ? 1 : 0);
  }
  const Layout layout = derive_layout(c);
  ASSERT_EQ(layout.gain_tensors.size(), 2u);
  EXPECT_EQ(layout.gain_tensors[0].name, "mix.average.2");
  EXPECT_EQ(layout.gain_tensors[0].shape, (Shape{3}));
  EXPECT_EQ(layout.gain_tensors[1].name, "mix.average.4");
  EXPECT_EQ(layout.gain_tensors[1].shape, (Shape{5}));
}

TEST(OwnMix, GainsAreNamedByTheTable) {
  const Layout layout = derive_layout(own(R"([[model.mix]]
to = "k[1..]"
terms = [{ from = "k[0]", learn = true }, { from = "k[l]", scale = 0.5 }]
[[model.mix]]
to = "v[2..]"
terms = [{ from = "v[0]", learn = true, gain = 0.1 }, { from = "v[l]", learn = true }]
[[model.mix]]
name = "my-own"
to = "x[L]"
terms = [{ from = "y[0]", learn = true, gain = -2, scale = 3 }, { from = "x[l]" }])"));
  ASSERT_EQ(layout.gain_tensors.size(), 3u);
  EXPECT_EQ(layout.gain_tensors[0].name, "mix.k0");
  EXPECT_EQ(layout.gain_tensors[0].shape, (Shape{3}));
  EXPECT_EQ(layout.gain_tensors[1].name, "mix.v1");
  EXPECT_EQ(layout.gain_tensors[1].shape, (Shape{2, 2}));
  EXPECT_EQ(layout.gain_tensors[1].init, (std::vector<double>{0.1, 1, 0.1, 1}));
  EXPECT_EQ(layout.gain_tensors[2].name, "mix.my-own");
  EXPECT_EQ(layout.gain_tensors[2].init, (std::vector<double>{-2}));
}

TEST(OwnMix, AComplementTakesOneMinusTheGainBefore) {
  const Wiring learned = own_wiring(own(R"([[model.mix]]
to = "v[1]"
terms = [{ from = "v[0]", gain = 0.3, learn = true }, { from = "v[l]", complement = true, scale = 2 }])"));
  ASSERT_EQ(learned.gains.size(), 1u);
  EXPECT_EQ(learned.mixes[0].terms[1].gain, 0);
  EXPECT_TRUE(learned.mixes[0].terms[1].complement);
  EXPECT_EQ(learned.mixes[0].terms[1].scale, 2);
  const Wiring constant = own_wiring(own(R"([[model.mix]]
to = "v[1]"
terms = [{ from = "v[0]", gain = 0.25 }, { from = "v[l]", complement = true, scale = 2 }])"));
  EXPECT_EQ(constant.mixes[0].terms[1].scale, 1.5);
  EXPECT_EQ(constant.mixes[0].terms[1].gain, -1);
}

TEST(OwnMix, TablesComeBackFromTomlAndJson) {
  const ModelConfig c = own(R"([[model.mix]]
name = "first"
to = "v[ 1.. ]"
heads = [0, 2]
terms = [
  { from = "v[0]", scale = 0.5, gain = 0.25, learn = true },
  { from = "v[l]", complement = true },
]
[[model.mix]]
to = "x[1..L]"
terms = [{ from = "y[-1..l-1]", scale = 1e-3, raw = true }]
)",
                            "wiring = 'skipv1'\n");
  ASSERT_EQ(c.mixes.size(), 2u);
  EXPECT_EQ(c.mixes[0].to, "v[ 1.. ]");  // as it was written
  io::Value root;
  root.at("model") = write_model(c);
  const std::string text = io::to_toml(root);
  EXPECT_EQ(read(text), c) << text;
  EXPECT_NE(text.find("  { from = \"v[l]\", complement = true },\n"), std::string::npos) << text;
  const nlohmann::json j = config_to_json(c, DType::f32);
  EXPECT_EQ(config_from_json(nlohmann::json::parse(j.dump()), "config.json"), c) << j.dump();
  EXPECT_EQ(config_to_json(own("[[model.mix]]\nto = 'v[1]'\nterms = [{ from = 'v[0]' }]"),
                           DType::f32)["model_type"],
            "weft");
}

TEST(OwnMix, ComposesLikeARegisteredWiring) {
  const Layout layout = derive_layout(own(
      "[[model.mix]]\nto = 'v[1..]'\nheads = [0, 2]\nterms = [{ from = 'v[0]', scale = 0.5 }, { "
      "from = 'v[l]' }]",
      "wiring = 'skipv1'\n"));
  EXPECT_EQ(layout.mixes.size(), 6u);
  EXPECT_EQ(layout.v_heads[1], (std::vector<int>{0, 1}));
  const Layout overruled = derive_layout(own(
      "[[model.mix]]\nto = 'v[1..]'\nterms = [{ from = 'v[0]', scale = 0.5 }, { from = 'v[l]' }]",
      "wiring = 'skipv1'\n"));
  ASSERT_EQ(overruled.notes.size(), 1u);
  EXPECT_NE(overruled.notes[0].find("mix: gives way on v"), std::string::npos);
}

TEST(OwnMix, ANeutralTableIsThePlainStack) {
  EXPECT_TRUE(derive_layout(own("[[model.mix]]\nto = 'v[0..]'\nterms = [{ from = 'v[l]' }]"))
                  .mixes.empty());
  EXPECT_TRUE(derive_layout(own("[[model.mix]]\nto = 'v[1..]'\nterms = [{ from = 'v[0]', gain = 0 "
                                "}, { from = 'v[l]' }]"))
                  .mixes.empty());
}

// Refused while the tables are read, with line, table and key.
TEST(OwnMix, RefusesWhatIsSpelledWrong) {
  const auto refused = [](const std::string& tables, const std::vector<std::string>& parts) {
    expect_refused([&] { own(tables); }, parts);
  };
  const std::string to = "[[model.mix]]\nto = 'v[1..]'\n", terms = "terms = [{ from = 'v[0]' }]\n";
  refused("mix = 3", {"c.toml", "model.mix", "[[model.mix]]", "an integer"});
  refused("[model.mix]\nto = 'v[1]'", {"model.mix", "[[model.mix]]", "a table"});
  refused("[[model.mix]]\n" + terms, {"c.toml: model.mix[0].to", "none"});
  refused(to, {"model.mix[0].terms", "none"});
  refused(to + "terms = []", {"model.mix[0].terms", "1 to 64 terms", "0"});
  refused(to + "terms = 'v[0]'", {"model.mix[0].terms", "a list of terms", "a string"});
  refused(to + "terms = ['v[0]']", {"model.mix[0].terms[0]", "a table", "a string"});
  refused(to + "terms = [{ scale = 1 }]", {"model.mix[0].terms[0].from", "none"});
  refused(to + "terms = [{ form = 'v[0]', from = 'v[0]' }]", {"form", "did you mean \"from\""});
  refused(to + "source = 'v[0]'\n" + terms, {"c.toml:9: model.mix[0].source", "a known key"});
  refused(to + terms + "[[model.mix]]\nto = 'w[1]'\n" + terms,
          {"c.toml:10: model.mix[1].to", "a tap of port", "w[1]"});
  refused(to + "terms = [{ from = 'v[0]' }, { from = 'v[i]' }]",
          {"model.mix[0].terms[1].from", "a layer", "v[i]"});
  refused(to + "terms = [{ from = 'v[0]', scale = 'x' }]", {"terms[0].scale", "a number"});
  refused(to + "terms = [{ from = 'v[0]', scale = 1e7 }]", {"terms[0].scale", "1000000"});
  refused(to + "terms = [{ from = 'v[0]', gain = nan }]", {"terms[0].gain", "a number"});
  refused(to + "terms = [{ from = 'v[0]', learn = 1 }]", {"terms[0].learn", "true or false"});
  refused(to + "terms = [{ from = 'v[0]', learn = true, scale = 0 }]",
          {"terms[0].scale", "other than 0", "gain = 0"});
  refused(to + "terms = [{ from = 'v[0]', complement = true }]",
          {"terms[0].complement", "a term before", "the first term"});
  refused(to + "terms = [{ from = 'v[0..l]' }, { from = 'v[0]', complement = true }]",
          {"terms[1].complement", "a term before", "a range"});
  refused(to + "terms = [{ from = 'v[l]' }, { from = 'v[0]', complement = true }, { from = 'v[0]', "
               "complement = true }]",
          {"terms[2].complement", "a term before", "another complement"});
  refused(to + "terms = [{ from = 'v[l]' }, { from = 'v[0]', complement = true, gain = 2 }]",
          {"terms[1].complement", "no gain", "gain = 2"});
  refused(to + terms + "heads = [1]", {"model.mix[0].heads", "[1]", "[0, 2] is heads 0 and 1"});
  refused(to + terms + "heads = [2, 2]", {"model.mix[0].heads", "[2, 2]"});
  refused(to + terms + "heads = [-1, 2]", {"model.mix[0].heads"});
  refused(to + terms + "heads = [0, 9223372036854775807]", {"model.mix[0].heads"});
  refused(to + terms + "heads = ['a']", {"model.mix[0].heads", "a list of integers"});
  refused(to + terms + "name = 'a.b'", {"model.mix[0].name", "letters, digits", "a.b"});
  refused(to + terms + "name = '" + std::string(65, 'a') + "'", {"model.mix[0].name", "up to 64"});
}

// Refused when the layout is derived: what depends on the model.
TEST(OwnMix, RefusesWhatDoesNotFitTheModel) {
  const auto refused = [](const std::string& tables, const std::vector<std::string>& parts) {
    expect_refused([&] { derive_layout(own(tables)); }, parts);
  };
  const auto one = [](const std::string& to, const std::string& from) {
    return "[[model.mix]]\nto = '" + to + "'\nterms = [{ from = '" + from + "' }]\n";
  };
  refused(one("v[4]", "v[0]"), {"model.mix[0].to", "0 to 3", "v[4]"});
  refused(one("v[2..1]", "v[0]"), {"model.mix[0].to", "ascending", "v[2..1]"});
  refused(one("v[-1]", "v[0]"), {"model.mix[0].to", "0 to 3"});
  refused(one("x[L-9..]", "y[-1]"), {"model.mix[0].to", "0 to 4"});
  refused(one("v[0..]", "v[l-1]"),
          {"model.mix[0].terms[0].from", "v[-1] for layer 0", "change the layers of to"});
  refused(one("x[1..]", "y[-2]"), {"model.mix[0].terms[0].from", "y[-2] for layer 1"});
  refused(one("v[1..]", "v[0..l-2]"), {"terms[0].from", "v[0..-1] for layer 1"});
  refused(one("v[1..]", "v[0..1000000]"), {"terms[0].from", "v[0..1000000] for layer 1"});
  refused(one("v[1]", "v[3]"),
          {"wiring mix, model.mix[0], layer 1, v", "a source that is computed before", "v[3]"});
  refused(one("x[1..]", "x[L]"), {"model.mix[0], layer 1, x", "computed before", "x[4]"});
  refused(one("v[1..]", "k[0]"), {"model.mix[0], layer 1, v", "sources of port v", "k[0]"});
  refused(one("v[1..]", "v[0]") + "heads = [2, 5]\n",
          {"model.mix[0], layer 1, v", "heads within 0-3", "2-4"});
  refused(one("v[1..]", "v[0]") + one("v[3]", "v[1]"),
          {"model.mix[1], layer 3, v", "at most one mix on a head"});
  refused(
      "[[model.mix]]\nto = 'v[1..]'\nterms = [{ from = 'v[0]' }, { from = 'v[0]', scale = -1 }]",
      {"wiring mix", "a term that does not vanish"});
  refused("[[model.mix]]\nname = 'v1'\nto = 'v[1]'\nterms = [{ from = 'v[0]' }]\n" +
              one("v[2]", "v[0]"),
          {"model.mix[1].name", "no other table", "v1"});
  expect_refused(
      [&] {
        derive_layout(own(one("v[1..]", "v[0]"), "[[model.layer]]\nlayers = [2]\nkv_heads = 2\n"));
      },
      {"model.mix[0], layer 2, v", "a source with 2 kv heads"});
  expect_refused(
      [&] {
        derive_layout(
            own("[[model.mix]]\nto = 'v[1..]'\nterms = [{ from = 'v[0]' }, { from = "
                "'v[l]' }]",
                "wiring = 'value-residual'\n"));
      },
      {"mix", "value-residual", "one blend on a head"});
}

TEST(OwnMix, HostileSizesAreRefusedAtOnce) {
  std::string table = "[[model.mix]]\nto = 'v[1..]'\nterms = [\n";
  for (int i = 0; i < 65; ++i) table += "{ from = 'v[0]' },\n";
  expect_refused([&] { own(table + "]\n"); }, {"model.mix[0].terms", "1 to 64 terms", "65"});
  std::string many;
  for (int i = 0; i < 257; ++i) many += "[[model.mix]]\nto = 'v[1]'\nterms = [{ from = 'v[0]' }]\n";
  expect_refused([&] { derive_layout(own(many)); }, {"model.mix", "at most 256 tables", "257"});
  const std::string wide = "[model]\nlayers = 1024\nheads = 64\n";
  expect_refused(
      [&] {
        derive_layout(read(
            wide + "[[model.mix]]\nto = 'v[1..]'\nterms = [{ from = 'v[0..l]', learn = true }]"));
      },
      {"model.mix[0].terms", "262144", "fewer layers or heads"});
}

TEST(OwnMix, AnOverrideCannotReachIntoATable) {
  io::Value root =
      io::parse_toml(kModel + "[[model.mix]]\nto = 'v[1]'\nterms = [{ from = 'v[0]' }]", "c.toml");
  const io::Override o = io::parse_override("model.mix.to=v[2]");
  expect_refused([&] { io::set_path(root, o.path, o.value); }, {"model.mix.to", "an array"});
  const io::Override all = io::parse_override("model.mix=[{to='v[2]', terms=[{from='v[0]'}]}]");
  io::set_path(root, all.path, all.value);
  EXPECT_EQ(read_model(*root.find("model")).mixes.at(0).to, "v[2]");
}

// Tables of random but well-formed pieces: a layout or one error, never anything else.
TEST(OwnMix, RandomTablesAreTakenOrRefused) {
  const Random random(9, "tables");
  const std::string_view taps[] = {"v[0]",   "v[1]", "v[1..]",     "v[l]",   "v[l-1]", "x[1..]",
                                   "y[l-1]", "x[L]", "y[-1..l-1]", "o[2]",   "o[l]",   "k[l-1]",
                                   "k[2..]", "q[3]", "y[0..]",     "v[L-1]", "x[0]",   "v[0..l]"};
  uint64_t draw = 0;
  const auto pick = [&] { return std::string(taps[random.below(draw++, std::size(taps))]); };
  int taken = 0;
  for (int round = 0; round < 3000; ++round) {
    ModelConfig c = plain({3, 2, 8, 8, 11});
    for (uint64_t n = 1 + random.below(draw++, 2); n > 0; --n) {
      MixConfig mix{"", pick(), {}, {}};
      if (random.below(draw++, 4) == 0) mix.heads = {0, 1};
      for (uint64_t t = 1 + random.below(draw++, 3); t > 0; --t) {
        mix.terms.push_back({pick(), 0.5, random.normal(draw++), random.below(draw++, 2) == 0,
                             random.below(draw++, 4) == 0, random.below(draw++, 5) == 0});
      }
      c.mixes.push_back(mix);
    }
    try {
      derive_layout(c);
      ++taken;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::config) << e.what();
    }
  }
  EXPECT_GT(taken, 10);
}

}  // namespace
}  // namespace weft
