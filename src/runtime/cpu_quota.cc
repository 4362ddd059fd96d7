#include "runtime/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace weft {
namespace {

namespace fs = std::filesystem;

/// A hierarchy that is mounted: its group `top` is what one sees at `point`.
struct Hierarchy {
  std::string top;
  fs::path point;
  bool unified;  ///< version 2
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

bool holds(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// mountinfo writes a space as \040.
std::string unescaped(const std::string& text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Those that can limit CPU time, from lines "31 23 0:28 /top /point rw shared:1 - cgroup none
/// rw,cpu".
std::vector<Hierarchy> mounted(const fs::path& root) {
  std::vector<Hierarchy> found;
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (dash - words.begin() < 6 || words.end() - dash < 4) continue;
    const bool unified = dash[1] == "cgroup2";
    if (!unified && (dash[1] != "cgroup" || !holds(split(dash[3], ','), "cpu"))) continue;
    found.push_back(
        {unescaped(words[3]), root / fs::path(unescaped(words[4])).relative_path(), unified});
  }
  return found;
}

/// The group of this process, from lines "4:cpu,cpuacct:/group" or, in version 2, "0::/group".
std::optional<std::string> own_group(const fs::path& root, bool unified) {
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : holds(split(controllers, ','), "cpu")) {
      return line.substr(second + 1);
    }
  }
  return {};
}

std::optional<double> number_in(const fs::path& file) {
  std::ifstream in(file);
  double value = 0;
  return in >> value ? std::optional<double>(value) : std::nullopt;
}

/// What the group in this folder grants; nothing: as much as the one above.
std::optional<double> quota_of(const fs::path& group, bool unified) {
  std::optional<double> quota, period;
  if (unified) {
    std::ifstream in(group / "cpu.max");  // "50000 100000", or "max 100000"
    double q = 0, p = 0;
    if (in >> q >> p) quota = q, period = p;
  } else {
    quota = number_in(group / "cpu.cfs_quota_us");  // -1: none
    period = number_in(group / "cpu.cfs_period_us");
  }
  if (!quota || !period || !(*quota > 0) || !(*period > 0)) return {};
  return *quota / *period;
}

/// The folders from the process's group up to what is mounted.
std::vector<fs::path> groups_of(const Hierarchy& h, const std::string& own) {
  // What is mounted may be a group further down, as in a container. Where the process is outside of
  // it ("/../other" in a namespace), only that one can be seen.
  fs::path below = fs::path(own).lexically_relative(h.top);
  if (below.empty() || *below.begin() == "..") below = ".";
  std::vector<fs::path> groups = {h.point};
  for (const fs::path& part : below) {
    if (part == ".") continue;
    if (part == "..") return {h.point};
    groups.push_back(groups.back() / part);
  }
  return groups;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const Hierarchy& h : mounted(root)) {
    const std::optional<std::string> own = own_group(root, h.unified);
    if (!own) continue;
    for (const fs::path& group : groups_of(h, *own)) {
      const std::optional<double> quota = quota_of(group, h.unified);
      if (quota && (!least || *quota < *least)) least = quota;
    }
  }
  return least;
}

}  // namespace weft
