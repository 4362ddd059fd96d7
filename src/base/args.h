// Arguments of mechanisms, positions and wirings: declared once as data, from which come defaults,
// checks, error messages and documentation.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft {

using Arg = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

/// Declares one argument. The type of `fallback` is the type expected (an integer is taken where a
/// real number is expected; a number or a string where `fallback` is a string).
struct ArgSpec {
  std::string_view name;
  Arg fallback;
  std::string_view help;
  std::vector<std::string_view> choices = {};  ///< of a string; empty: any
  double least = -1e300, most = 1e300;         ///< of a number
};

/// Checked arguments: every declared name has a value.
class Args {
 public:
  Args() = default;
  /// Fills in defaults and checks. Throws Error(config) naming `where` at an unknown name (with the
  /// nearest known one), a wrong type, a value out of range or not among the choices.
  Args(std::string_view where, std::span<const ArgSpec> specs,
       const std::map<std::string, Arg>& given);

  bool flag(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<int64_t>& list(std::string_view name) const;
  /// True where the user gave a value, even if it equals the default.
  bool given(std::string_view name) const;
  const std::map<std::string, Arg, std::less<>>& values() const { return values_; }
  bool operator==(const Args& other) const { return values_ == other.values_; }

 private:
  std::map<std::string, Arg, std::less<>> values_;
  std::map<std::string, bool, std::less<>> given_;
};

/// "true", "2", "0.5", "identity", "[1, 2]": as TOML spells it, strings bare.
std::string to_string(const Arg& value);
/// The candidate with the fewest edits, or "" where none is near (more than a third of the length).
std::string nearest(std::string_view word, std::span<const std::string> candidates);
/// "; did you mean X?" style hint for an unknown word, or the list of what there is.
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

}  // namespace weft
