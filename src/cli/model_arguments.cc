#include "cli/model_arguments.h"

#include <unistd.h>

#include "base/error.h"
#include "cli/table.h"
#include "data/tasks/task_file.h"
#include "io/utf8.h"

namespace weft::cli {

std::optional<DType> parse_precision(const std::string& text) {
  if (text.empty()) return {};
  for (const DType t : {DType::f32, DType::bf16, DType::f64}) {
    if (text == name_of(t)) return t;
  }
  fail(ErrorCode::usage, {"--precision", "f32, bf16, f64 or int8", io::in_quotes(text)});
}

bool is_of_task(const std::string& model) {
  try {
    return std::filesystem::exists(find_checkpoint(model) / "task.json");
  } catch (const std::exception&) {
    return false;
  }
}

namespace {

Model load_as(const std::filesystem::path& checkpoint, const std::string& precision,
              const std::vector<io::Override>& overrides) {
  const bool int8 = precision == "int8";
  Model model = load_model(checkpoint, parse_precision(int8 ? "" : precision), Axes(), overrides);
  if (int8) model.parameters.quantise(model.config.tie_embeddings);
  return model;
}

}  // namespace

LoadedModel load(const std::string& model, const std::string& precision,
                 const std::vector<std::string>& settings) {
  if (precision != "int8") parse_precision(precision);  // before anything is looked for
  std::vector<io::Override> overrides;
  for (const std::string& text : settings) overrides.push_back(io::parse_override(text));
  std::filesystem::path checkpoint = find_checkpoint(model);
  // The small files first: a folder without them is refused before weights are read.
  std::error_code ignored;
  if (std::filesystem::exists(checkpoint / "task.json", ignored)) {
    TaskSettings task = read_task(checkpoint / "task.json");
    return {checkpoint, load_as(checkpoint, precision, overrides), nullptr, std::move(task)};
  }
  std::unique_ptr<Tokenizer> tokenizer = read_tokenizer(checkpoint / "tokenizer.json");
  return {checkpoint, load_as(checkpoint, precision, overrides), std::move(tokenizer), {}};
}

void refuse_beyond_memory(double bytes, const std::string& what, const std::string& hint) {
  const double have =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (bytes <= have) return;
  fail(ErrorCode::usage, {"memory", "at most the " + human_bytes(have) + " of this machine",
                          human_bytes(bytes) + " for " + what, hint});
}

}  // namespace weft::cli
