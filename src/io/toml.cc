#include "io/toml.h"

#include <algorithm>

#include "base/error.h"
#include "io/utf8.h"

// Deep nesting would overflow the stack of a recursive parser.
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

namespace weft::io {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;
constexpr int kMostDepth = 32;
// Dotted keys nest as well, and toml++ does not count them: 16 nested values of 256 dots each stay
// within a few thousand levels, which its recursive destructors stand.
constexpr auto kMostDots = 256;

std::string at_line(std::string_view where, int line) {
  return std::string(where) + ":" + std::to_string(line);
}

int line_of(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

void check_size(std::string_view text, std::string_view where) {
  if (text.size() > kMostBytes) {
    fail(ErrorCode::config,
         {std::string(where), "at most 1048576 bytes of TOML", std::to_string(text.size()), ""});
  }
  int line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const auto dots = std::count(text.begin() + static_cast<ptrdiff_t>(at),
                                 text.begin() + static_cast<ptrdiff_t>(end), '.');
    if (dots > kMostDots) {
      fail(ErrorCode::config, {at_line(where, line), "at most 256 dots in a line",
                               std::to_string(dots), "break the line"});
    }
    at = end + 1;
  }
}

class Converter {
 public:
  explicit Converter(std::string_view where) : where_(where) {}

  Value value(const toml::node& node, int depth) const {
    if (depth > kMostDepth) refuse(node, "at most 32 levels of nesting", "more");
    switch (node.type()) {
      case toml::node_type::boolean:
        return {node.as_boolean()->get(), line_of(node)};
      case toml::node_type::integer:
        return {node.as_integer()->get(), line_of(node)};
      case toml::node_type::floating_point:
        return {node.as_floating_point()->get(), line_of(node)};
      case toml::node_type::string:
        return {node.as_string()->get(), line_of(node)};
      case toml::node_type::array:
        return array(*node.as_array(), depth);
      case toml::node_type::table:
        return table(*node.as_table(), depth);
      default:
        refuse(node, "a boolean, number, string, array or table", "a date or time");
    }
  }

 private:
  [[noreturn]] void refuse(const toml::node& node, std::string expected, std::string got) const {
    fail(ErrorCode::config,
         {at_line(where_, line_of(node)), std::move(expected), std::move(got), ""});
  }

  Value array(const toml::array& array, int depth) const {
    Value::Array elements;
    for (const toml::node& element : array) elements.push_back(value(element, depth + 1));
    return {std::move(elements), line_of(array)};
  }

  // toml++ sorts keys by name; the order of the text is kept in their positions.
  Value table(const toml::table& table, int depth) const {
    std::vector<std::pair<const toml::key*, const toml::node*>> members;
    for (auto&& [key, node] : table) members.emplace_back(&key, &node);
    std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      return a.first->source().begin < b.first->source().begin;
    });
    Value::Table fields;
    for (const auto& [key, node] : members) {
      fields.push_back({std::string(key->str()), value(*node, depth + 1)});
    }
    return {std::move(fields), line_of(table)};
  }

  std::string_view where_;
};

}  // namespace

Value parse_toml(std::string_view text, std::string_view where) {
  check_size(text, where);
  try {
    return Converter(where).value(toml::parse(text, where), 0);
  } catch (const toml::parse_error& e) {
    fail(ErrorCode::config, {at_line(where, static_cast<int>(e.source().begin.line)), "valid TOML",
                             without_controls(to_utf8(e.description())), ""});
  }
}

Value read_toml(const Path& path) {
  return parse_toml(read_text(path, kMostBytes), path.string());
}

}  // namespace weft::io
