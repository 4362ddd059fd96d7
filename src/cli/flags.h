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

/// The number that `text` spells in whole; 1e3 is an integer too. Throws Error(usage) naming
/// `flag`.
int64_t parse_integer(const std::string& flag, const std::string& text, IntegerRange range = {});
double parse_number(const std::string& flag, const std::string& text);

/// What was declared, for help, manual page and completion.
struct Declared {
  std::string name;  ///< "--tokens", or "MODEL" of a positional argument
  std::string type;  ///< what stands behind a flag: "N"; "" of positional arguments and switches
  std::string help;
  std::vector<std::string> words = {};  ///< that it takes
  bool only_words = false;              ///< and no others
  bool required = false;
  bool configures = false;  ///< takes key=value of a configuration (train/config_keys.h)

  bool positional() const { return name.rfind("--", 0) != 0; }
  bool takes_value() const { return positional() || !type.empty(); }
};

/// Declares. The variables must live until the command line is parsed. `name`: "--tokens" for a
/// flag, "MODEL" for a positional argument.
class Flags {
 public:
  explicit Flags(CLI::App& app) : app_(app) {}

  Flags& text(const std::string& name, std::string& to, const std::string& help);
  Flags& text(const std::string& name, std::optional<std::string>& to, const std::string& help);
  /// A text that is not empty.
  Flags& word(const std::string& name, std::string& to, const std::string& help);
  /// One of a few words; others are refused with the nearest, before anything else is looked at.
  Flags& choice(const std::string& name, std::string& to, std::vector<std::string> choices,
                const std::string& help);
  /// Every occurrence takes one value.
  Flags& repeated(const std::string& name, std::vector<std::string>& to, const std::string& help);
  /// --set key=value, any number of times, each an override of a configuration.
  Flags& settings(std::vector<std::string>& to);
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
  /// Words that the last one often is; it takes others too.
  Flags& such_as(std::vector<std::string> words);

  const std::vector<Declared>& declared() const { return declared_; }

  /// After parsing. Throws Error(usage) at an argument that nothing takes, with the nearest flag,
  /// and at a required one that is missing.
  void check() const;

 private:
  Flags& value(const std::string& name, const std::string& help, const std::string& type,
               std::function<void(const std::string&)> take);
  Flags& declare(CLI::Option* option, const std::string& name, const std::string& help,
                 const std::string& type);
  [[noreturn]] void refuse(const std::vector<std::string>& extra) const;

  CLI::App& app_;
  CLI::Option* last_ = nullptr;
  std::vector<CLI::Option*> required_;
  std::vector<Declared> declared_;
};

}  // namespace weft::cli
