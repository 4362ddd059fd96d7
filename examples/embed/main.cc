// Builds a small ResFormer, trains it for 20 steps, lets it write, saves it and loads it again.
#include <weft/weft.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace {

std::string some_text() {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "the quick brown fox jumps over the lazy dog. ";
  return text;
}

int run(const std::filesystem::path& folder) {
  const std::string text = some_text();
  weft::LanguageModel model = weft::LanguageModel::make(
      "resformer",
      {"model.dim=64", "model.layers=2", "model.heads=4", "model.ffn=128", "model.context=64"});
  std::printf("%lld parameters\n", static_cast<long long>(model.numbers().parameters));

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

  model.save(folder);
  const bool same = weft::LanguageModel::load(folder).generate("the quick", ask) == written;
  std::filesystem::remove_all(folder);
  return after < before && same ? 0 : 1;
}

}  // namespace

int main() try {
  return run(std::filesystem::temp_directory_path() / "weft-embed-example");
} catch (const weft::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
