#include "io/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"
#include "io/utf8.h"

namespace weft::io {
namespace {

using nlohmann::json;

// Watches the parser at work, so that a limit is met before memory is spent.
class Watch {
 public:
  Watch(std::string_view where, const JsonLimits& limits) : where_(where), limits_(limits) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= limits_.depth) {
          refuse("at most " + std::to_string(limits_.depth) + " levels of nesting", "more");
        }
        keys_.emplace_back();
        count();
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get_ref<const std::string&>()).second) {
          refuse("every key once", in_quotes(parsed.get_ref<const std::string&>()) + " twice");
        }
        count();
        break;
      case json::parse_event_t::value:
        count();
        break;
    }
    return true;
  }

 private:
  void count() {
    if (++values_ > limits_.values) {
      refuse("at most " + std::to_string(limits_.values) + " values", "more");
    }
  }
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) {
    fail(ErrorCode::input, {std::string(where_), "JSON with " + expected, got, ""});
  }

  std::string_view where_;
  const JsonLimits& limits_;
  std::vector<std::set<std::string>> keys_;  // one set an open object (unused for arrays)
  size_t values_ = 0;
};

}  // namespace

json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits) {
  const std::string place(where);
  if (text.size() > limits.bytes) {
    fail(ErrorCode::input, {place, "JSON of at most " + std::to_string(limits.bytes) + " bytes",
                            std::to_string(text.size()), ""});
  }
  Watch watch(where, limits);
  try {
    return json::parse(text, std::ref(watch));
  } catch (const json::parse_error& e) {
    fail(ErrorCode::input,
         {place, "well-formed JSON in UTF-8", "an error at byte " + std::to_string(e.byte), ""});
  } catch (const json::exception&) {
    fail(ErrorCode::input, {place, "JSON with numbers that a double can hold", "a larger one", ""});
  }
}

json read_json(const Path& path, const JsonLimits& limits) {
  return parse_json(read_text(path, limits.bytes), path.string(), limits);
}

std::string to_json_text(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string to_json_line(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace weft::io
