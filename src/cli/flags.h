// Arguments and flags of a verb, over CLI11. Values are read here, so that every mistake is one
// line with what was expected and what came.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

// CLI11 is large: only flags.cc and run.cc compile it.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace weft::cli {

struct IntegerRange {
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
};

/// The number that `text` spells in whole. Throws Error(usage) naming `flag`.
int64_t parse_integer(const std::string& flag, const std::string& text, IntegerRange range = {});
double parse_number(const std::string& flag, const std::string& text);

/// Declares. The variables must live until the command line is parsed. `name`: "--tokens" for a
/// flag, "MODEL" for a positional argument.
class Flags {
 public:
  explicit Flags(CLI::App& app) : app_(app) {}

  Flags& text(const std::string& name, std::string& to, const std::string& help);
  /// A text that is not empty.
  Flags& word(const std::string& name, std::string& to, const std::string& help);
  /// One of a few words; others are refused with the nearest, before anything else is looked at.
  Flags& choice(const std::string& name, std::string& to, std::vector<std::string> choices,
                const std::string& help);
  /// Every occurrence takes one value.
  Flags& repeated(const std::string& name, std::vector<std::string>& to, const std::string& help);
  /// One or more values after the flag.
  Flags& several(const std::string& name, std::vector<std::string>& to, const std::string& help);
  Flags& integer(const std::string& name, int64_t& to, IntegerRange range, const std::string& help);
  /// "256,512": a list in one value.
  Flags& integers(const std::string& name, std::vector<int64_t>& to, IntegerRange range,
                  const std::string& help);
  Flags& number(const std::string& name, double& to, const std::string& help);
  Flags& flag(const std::string& name, bool& to, const std::string& help);
  /// The last one declared must be given.
  Flags& required();

  /// After parsing. Throws Error(usage) at an argument that nothing takes, with the nearest flag,
  /// and at a required one that is missing.
  void check() const;

 private:
  Flags& value(const std::string& name, const std::string& help, const std::string& type,
               std::function<void(const std::string&)> take);

  CLI::App& app_;
  CLI::Option* last_ = nullptr;
  std::vector<CLI::Option*> required_;
};

}  // namespace weft::cli
