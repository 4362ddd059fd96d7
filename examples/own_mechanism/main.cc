// A mechanism and a wiring that the library does not have: described, checked, trained, decoded,
// saved and loaded, without a change to the library.
#include <weft/weft.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

/// Attention by a power: w_ij = p(s_ij) / sum_l p(s_il) with p(s) = (1 + max(0, s))^power, so that
/// far keys keep a share that softmax would take from them.
struct PowerLaw {
  template <class C>
  static C base(C z) {
    return 1 + (z > 0 ? z : 0);
  }
  /// z [n], the scores of the keys that a query sees, to weights w [n].
  template <class C>
  static void weights(const double* args, const C* z, std::int64_t n, C* w) {
    C total = 0;
    for (std::int64_t j = 0; j < n; ++j) total += w[j] = std::pow(base(z[j]), C(args[0]));
    for (std::int64_t j = 0; j < n; ++j) w[j] /= total;
  }
  /// dz [n] = dL/dz from g [n] = dL/dw: dw_j/dz_j as of a normalised weight, times dlog p/dz.
  template <class C>
  static void gradient(const double* args, const C* z, const C* w, std::int64_t n, const C* g,
                       C* dz) {
    C mean = 0;
    for (std::int64_t j = 0; j < n; ++j) mean += w[j] * g[j];
    for (std::int64_t j = 0; j < n; ++j) {
      dz[j] = z[j] > 0 ? w[j] * (g[j] - mean) * C(args[0]) / base(z[j]) : 0;
    }
  }
};

/// Every layer reads a learned blend of the values of layer 0, of the layer below, and its own.
weft::own::Wires three_values(const weft::own::Model& model, const weft::own::Arguments& args) {
  weft::own::Wires wires;
  for (int l = 2; l < model.layers; ++l) {
    const int gain = static_cast<int>(wires.gains.size());
    wires.gains.insert(wires.gains.end(), {args.at("share"), args.at("share"), 1});
    wires.mixes.push_back(
        {.to = {'v', l},
         .terms = {
             {{'v', 0}, 1, gain}, {{'v', l - 1, true}, 1, gain + 1}, {{'v', l}, 1, gain + 2}}});
  }
  return wires;
}

weft::own::Axes own_axes() {
  weft::own::Axes axes;
  axes.add_mechanism<PowerLaw>({.name = "power-law",
                                .formula = "w_ij ~ (1 + max(0, s_ij))^power",
                                .normalised = true,
                                .arguments = {{"power", 3, "of the scores", 1, 64}}});
  axes.add_wiring({.name = "three-values",
                   .summary = "values of the first layer, the layer below and the own",
                   .arguments = {{"share", 0.25, "of each other layer, at first", -10, 10}},
                   .make = three_values});
  return axes;
}

bool passes_every_check(const weft::LanguageModel& model, const std::filesystem::path& folder) {
  bool ok = true;
  for (const weft::CheckReport& r : model.check(folder)) {
    ok = ok && r.ok;
    std::printf("%-13s %-15s %s\n", r.name.c_str(),
                r.skipped ? "does not apply"
                : r.ok    ? "ok"
                          : "FAILED",
                r.message.c_str());
  }
  return ok;
}

int run(const std::filesystem::path& folder) {
  const weft::own::Axes axes = own_axes();
  weft::LanguageModel model = weft::LanguageModel::make(
      "transformer",
      {"model.mechanism=power-law", "model.mechanism_args.power=4",
       "model.wiring=[\"three-values\"]", "model.dim=64", "model.layers=3", "model.heads=4",
       "model.kv_heads=2", "model.head_dim=16", "model.ffn=128", "model.context=64"},
      0, axes);
  std::printf("%s\n", model.explain().c_str());
  std::filesystem::create_directories(folder);
  const bool checked = passes_every_check(model, folder);

  std::string text;
  for (int i = 0; i < 400; ++i) text += "the quick brown fox jumps over the lazy dog. ";
  const double before = model.loss(text);
  weft::FitOptions fit;
  fit.steps = 20;
  fit.lr = 1e-2;
  model.fit(text, fit);
  const double after = model.loss(text);
  std::printf("loss %.3f -> %.3f nats per byte\n", before, after);

  weft::GenerateOptions ask;
  ask.tokens = 32;
  ask.temperature = 0;
  const std::string written = model.generate("the quick", ask);
  std::printf("the quick|%s\n", written.c_str());

  model.save(folder / "model");
  const bool same =
      weft::LanguageModel::load(folder / "model", axes).generate("the quick", ask) == written;
  return checked && after < before && same ? 0 : 1;
}

}  // namespace

int main() try {
  const auto folder = std::filesystem::temp_directory_path() / "weft-own-mechanism-example";
  const int code = run(folder);
  std::filesystem::remove_all(folder);
  return code;
} catch (const weft::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
