// weft explain: the counts of the specification through the command line, and the picture.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

using Settings = std::vector<std::string>;

// The shapes of the published comparisons (arXiv 2410.17897): layers, heads, dim, ffn.
struct Published {
  const char* name;
  int64_t layers, heads, dim, ffn, parameters;
};
constexpr Published kShapes[] = {{"82M", 8, 8, 512, 1792, 81901056},
                                 {"180M", 12, 12, 768, 2688, 179874048},
                                 {"468M", 24, 16, 1024, 3584, 467921920}};

nlohmann::json explain(const Published& s, const Settings& settings) {
  Settings args = {"explain", "transformer", "--json"};
  const auto set = [&](const std::string& text) { args.insert(args.end(), {"--set", text}); };
  set("model.layers=" + std::to_string(s.layers));
  set("model.heads=" + std::to_string(s.heads));
  set("model.dim=" + std::to_string(s.dim));
  set("model.ffn=" + std::to_string(s.ffn));
  set("model.vocab=50277");
  set("model.context=64");
  set("train.precision=bf16");
  for (const std::string& text : settings) set(text);
  const Output got = weft(args);
  EXPECT_EQ(got.code, 0) << got.err;
  return got.code == 0 ? io::parse_json(got.out, "explain") : nlohmann::json();
}

// By shape: parameters beside the plain stack's, and bytes of cache in a type of two bytes.
struct Row {
  const char* name;
  Settings settings;
  std::array<int64_t, 3> parameters;
  std::array<int64_t, 3> bytes;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

// "$H/2", "$H*3/4": heads; "$L/4", "$L-1": layers of a shape.
void fill_in(std::string& text, const Published& s) {
  const std::pair<const char*, int64_t> names[] = {{"$H*3/4", s.heads * 3 / 4},
                                                   {"$H/2", s.heads / 2},
                                                   {"$H/4", s.heads / 4},
                                                   {"$L/4", s.layers / 4},
                                                   {"$L-1", s.layers - 1}};
  for (const auto& [name, value] : names) {
    const size_t at = text.find(name);
    if (at != std::string::npos) text.replace(at, std::strlen(name), std::to_string(value));
  }
}

class ExplainTable : public testing::TestWithParam<Row> {};

TEST_P(ExplainTable, CountsParametersAndCacheBytes) {
  for (size_t i = 0; i < 3; ++i) {
    const Published& s = kShapes[i];
    Settings settings = GetParam().settings;
    for (std::string& text : settings) fill_in(text, s);
    const nlohmann::json json = explain(s, settings);
    ASSERT_TRUE(json.is_object());
    EXPECT_EQ(json["parameters"]["total"], s.parameters + GetParam().parameters[i]) << s.name;
    EXPECT_EQ(json["kv_cache"]["bytes_per_token"], GetParam().bytes[i]) << s.name;
    EXPECT_EQ(json["kv_cache"]["total"], 64 * GetParam().bytes[i]) << s.name;
  }
}

constexpr std::array<int64_t, 3> kPlain = {16384, 36864, 98304};

INSTANTIATE_TEST_SUITE_P(
    Specification, ExplainTable,
    testing::Values(
        Row{"vanilla", {}, {0, 0, 0}, kPlain},
        Row{"value_residual", {"model.wiring=value-residual"}, {0, 0, 0}, kPlain},
        Row{"learnable",
            {"model.wiring=value-residual", "model.wiring_args.value-residual.variant=learnable"},
            {14, 22, 46},
            kPlain},
        Row{"learnable_plus",
            {"model.wiring=value-residual",
             "model.wiring_args.value-residual.variant=learnable-plus"},
            {15, 23, 47},
            kPlain},
        Row{"all_earlier_values",
            {"model.wiring=value-residual", "model.wiring_args.value-residual.variant=dense"},
            {35, 77, 299},
            kPlain},
        Row{"gated",
            {"model.wiring=value-residual", "model.wiring_args.value-residual.variant=gated"},
            {28728, 101508, 377200},
            kPlain},
        Row{"neutreno", {"model.wiring=neutreno"}, {0, 0, 0}, kPlain},
        Row{"cross_layer", {"model.wiring=cross-layer"}, {0, 0, 0}, kPlain},
        Row{"denseformer", {"model.wiring=dense"}, {44, 90, 324}, kPlain},
        Row{"denseformer_dilation_2",
            {"model.wiring=dense", "model.wiring_args.dense.dilation=2"},
            {24, 48, 168},
            kPlain},
        Row{"denseformer_dilation_4",
            {"model.wiring=dense", "model.wiring_args.dense.dilation=4"},
            {14, 27, 90},
            kPlain},
        Row{"svformer",
            {"model.wiring=shared-value"},
            {-1835008, -6488064, -24117248},
            {9216, 19968, 51200}},
        Row{"svformer_last_anchor",
            {"model.wiring=shared-value", "model.wiring_args.shared-value.anchors=[$L-1]"},
            {-1572864, -5898240, -23068672},
            {10240, 21504, 53248}},
        Row{"gqa2", {"model.kv_heads=$H/2"}, {-2097152, -7077888, -25165824}, {8192, 18432, 49152}},
        Row{"gqa4", {"model.kv_heads=$H/4"}, {-3145728, -10616832, -37748736}, {4096, 9216, 24576}},
        Row{"svformer_gqa4",
            {"model.wiring=shared-value", "model.kv_heads=$H/4"},
            {-3604480, -12238848, -43778048},
            {2304, 4992, 12800}},
        Row{"cla2", {"model.wiring=cla"}, {-2097152, -7077888, -25165824}, {8192, 18432, 49152}},
        Row{"cla2_gqa4",
            {"model.wiring=cla", "model.kv_heads=$H/4"},
            {-3670016, -12386304, -44040192},
            {2048, 4608, 12288}},
        Row{"svformer_cla2",
            {"model.wiring=[\"shared-value\", \"cla\"]"},
            {-2883584, -10027008, -36700160},
            {5120, 10752, 26624}},
        Row{"sla",
            {"model.wiring=skip-kv", "model.wiring_args.skip-kv.distance=$L/4",
             "model.wiring_args.skip-kv.heads=$H*3/4"},
            {-786432, -2654208, -9437184},
            {13312, 29952, 79872}},
        Row{"skipv1",
            {"model.wiring=skipv1"},
            {-917504, -3244032, -12058624},
            {12800, 28416, 74752}},
        Row{"yoco", {"model.wiring=yoco"}, {-1572864, -5898240, -23068672}, {10240, 21504, 53248}}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(CliExplain, CountsWithoutAllocatingTheWeights) {
  const auto start = std::chrono::steady_clock::now();
  explain(kShapes[2], {});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 2);  // 0.1 s on a machine that does nothing else
  rusage children{};
  getrusage(RUSAGE_CHILDREN, &children);
  EXPECT_LT(children.ru_maxrss, 300 << 10);  // KiB; the weights are 1.8 GiB
}

TEST(CliExplain, JsonHasTheNumbersOfTheText) {
  const nlohmann::json json =
      io::parse_json(weft({"explain", "svformer", "--json", "--context", "100"}).out, "explain");
  EXPECT_EQ(json["context"], 100);
  EXPECT_EQ(json["kv_cache"]["total"], 100 * json["kv_cache"]["bytes_per_token"].get<int64_t>());
  EXPECT_EQ(json["kv_cache"]["read_per_token"], 100 * 2 * 6 * 384 * 4);
  EXPECT_EQ(json["flops"]["training"], json["flops_per_token"]);
  EXPECT_EQ(json["flops"]["forward"], json["flops_per_token"].get<double>() / 3);
  EXPECT_EQ(json["bandwidth"]["total"], json["bandwidth"]["weights"].get<int64_t>() +
                                            json["kv_cache"]["read_per_token"].get<int64_t>());
  ASSERT_EQ(json["projections"].size(), 6u);
  EXPECT_EQ(json["projections"][0]["v"].size(), 6u);
  EXPECT_EQ(json["projections"][5]["v"].size(), 0u);
  ASSERT_EQ(json["wiring"].size(), 5u);
  EXPECT_EQ(json["wiring"][2]["to"], "v[3]");
  EXPECT_EQ(json["wiring"][2]["alias"], true);
  EXPECT_EQ(json["wiring"][2]["terms"][0]["from"], "v[0]");
  EXPECT_EQ(json["wiring"][2]["formula"], "v[3] = v[0]");
}

TEST(CliExplain, ARecurrentStateHasNoCacheThatGrows) {
  const nlohmann::json json = io::parse_json(weft({"explain", "linear", "--json"}).out, "explain");
  EXPECT_EQ(json["kv_cache"]["bytes_per_token"], 0);
  // Sums of v k^T and of k, in f32: [64 + 1, 64] for each of 6 heads in 6 layers.
  EXPECT_EQ(json["kv_cache"]["fixed_bytes"], 6 * 6 * 65 * 64 * 4);
  EXPECT_EQ(json["kv_cache"]["total"], json["kv_cache"]["fixed_bytes"]);
}

TEST(CliExplain, ThePictureIsAFileOfItsOwn) {
  const Scratch scratch;
  const std::string file = scratch / "wiring.svg";
  const Output plain = weft({"explain", "resformer"});
  const Output got = weft({"explain", "resformer", "--svg", file});
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.out, plain.out);
  const std::string svg = content(file);
  EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  // Written whole or not at all, over what was there.
  EXPECT_EQ(weft({"explain", "transformer", "--svg", file}).code, 0);
  EXPECT_NE(content(file), svg);
  expect_refused(weft({"explain", "resformer", "--svg", ""}), "--svg");
  expect_refused(weft({"explain", "resformer", "--svg", scratch / "no/such/x.svg"}), "x.svg", 1);
}

TEST(CliExplain, FitsTheTerminal) {
  const Output got = weft({"explain", "sla", "--set", "model.layers=48"});
  EXPECT_EQ(got.code, 0) << got.err;
  std::istringstream lines(got.out);
  for (std::string line; std::getline(lines, line);) {
    const auto columns =
        std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(columns, 80) << line;
  }
}

std::string title_of(const std::string& svg) {
  const size_t at = svg.find("title\">") + 7;
  return svg.substr(at, svg.find('<', at) - at);
}

TEST(ExplainPicture, IsNamedAfterTheFileAndItsMixes) {
  const Scratch scratch;
  const std::string config = scratch.file(
      "idea one.toml",
      "[model]\nlayers = 3\n[[model.mix]]\nname = \"back\"\nto = \"v[1..]\"\nterms = [{ "
      "from = \"v[l]\" }, { from = \"v[l-1]\", raw = true, gain = 0, learn = true }]\n");
  EXPECT_EQ(weft({"explain", config, "--svg", scratch / "a.svg"}).code, 0);
  EXPECT_EQ(title_of(content(scratch / "a.svg")), "idea one: transformer + back");
  EXPECT_EQ(weft({"explain", "sla", "--svg", scratch / "b.svg"}).code, 0);
  EXPECT_EQ(title_of(content(scratch / "b.svg")), "sla");
}

TEST(ExplainPicture, OfARunShowsWhatWasLearned) {
  const Scratch scratch;
  const Settings learnable = {"--set", "model.wiring_args.value-residual.variant=\"learnable\""};
  const auto picture = [&](const Settings& args) {
    Settings all = {"explain"};
    all.insert(all.end(), args.begin(), args.end());
    all.insert(all.end(), {"--svg", scratch / "p.svg"});
    const Output got = weft(all);
    EXPECT_EQ(got.code, 0) << got.err;
    return content(scratch / "p.svg");
  };
  Settings settings = learnable;
  settings.insert(settings.end(), {"--set", "train.lr=0.1", "--set", "train.warmup=0"});
  const std::string run = train_tiny(scratch, "resformer", settings);
  const std::string svg = picture({run});
  EXPECT_EQ(title_of(svg), "run: resformer");
  EXPECT_NE(svg.find("that was learned"), std::string::npos);
  EXPECT_EQ(svg.find("class=\"gain\" text-anchor=\"middle\">0.5<"), std::string::npos)
      << "still the first values";
  EXPECT_EQ(title_of(picture({run + "/checkpoints/step-20"})), "run, step-20: resformer");
  // A changed configuration is not the model that was trained, nor is a run without a checkpoint.
  EXPECT_NE(picture({run, "--set", "model.layers=3"}).find("where it begins"), std::string::npos);
  std::filesystem::remove_all(run + "/checkpoints");
  std::filesystem::remove(run + "/latest");
  EXPECT_NE(picture({run}).find("where it begins"), std::string::npos);
}

}  // namespace
}  // namespace weft::system_test
