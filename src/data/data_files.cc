#include "data/data_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "io/utf8.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 1'000'000;

struct Words {
  const char *one, *more;
};

Words words_of(LeftOut reason) {
  switch (reason) {
    case LeftOut::not_text:
      return {"file that is not text", "files that are not text"};
    case LeftOut::run:
      return {"folder of a run", "folders of runs"};
    case LeftOut::model:
      return {"folder of a model", "folders of models"};
    case LeftOut::above:
      return {"link to a folder above the data", "links to folders above the data"};
    case LeftOut::twice:
      return {"other name of a file that is taken", "other names of files that are taken"};
    case LeftOut::leads_nowhere:
      return {"link that leads nowhere", "links that lead nowhere"};
    case LeftOut::no_file:
      return {"pipe, socket or device", "pipes, sockets or devices"};
    case LeftOut::went_away:
      return {"file that went away meanwhile", "files that went away meanwhile"};
  }
  return {"", ""};
}

bool is_hidden(const io::Path& path) {
  return path.filename().string().starts_with('.');
}

bool by_path(const io::Path& a, const io::Path& b) {
  return a.native() < b.native();
}

// Of a file or folder, whatever names lead to it.
using Identity = std::pair<dev_t, ino_t>;

// False where nothing is there. Links are followed.
bool look(const io::Path& path, struct stat& info) {
  return ::stat(path.c_str(), &info) == 0;
}

bool is_there(const io::Path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool holds_run(const io::Path& folder) {
  return is_there(folder / "config.toml") &&
         (is_there(folder / "checkpoints") || is_there(folder / "metrics.jsonl"));
}

bool holds_model(const io::Path& folder) {
  return is_there(folder / "config.json") && is_there(folder / "model.safetensors");
}

class Walk {
 public:
  Walk(const io::Path& root, const io::Path& run, LeftOutList& left) : root_(root), left_(left) {
    std::error_code ignored;
    if (!run.empty()) run_ = fs::weakly_canonical(fs::absolute(run, ignored), ignored);
    for (io::Path p = fs::canonical(root, ignored); !ignored; p = p.parent_path()) {
      struct stat info {};
      if (look(p, info)) above_.insert({info.st_dev, info.st_ino});
      if (!p.has_relative_path()) break;
    }
  }

  std::vector<io::Path> files() {
    enter(root_);
    // Linked folders wait, so that a folder goes by its own path where it has one below the root.
    for (; !linked_.empty(); linked_.pop_front()) enter(linked_.front());
    std::sort(found_.begin(), found_.end(),
              [](const Found& a, const Found& b) { return by_path(a.path, b.path); });
    std::vector<io::Path> files;
    std::set<Identity> taken;
    for (const bool linked : {false, true}) {
      for (Found& file : found_) {
        if (file.linked != linked) continue;
        if (taken.insert(file.identity).second) {
          files.push_back(std::move(file.path));
        } else {
          left_.add(LeftOut::twice, file.path);
        }
      }
    }
    std::sort(files.begin(), files.end(), by_path);
    return files;
  }

 private:
  struct Found {
    io::Path path;
    Identity identity;
    bool linked;
  };

  // The folder and all real ones below it, one level after the other.
  void enter(const io::Path& top) {
    below_link_ = top != root_;
    std::deque<io::Path> folders{top};
    for (; !folders.empty(); folders.pop_front()) {
      const io::Path& folder = folders.front();
      struct stat info {};
      if (!look(folder, info) || !entered_.insert({info.st_dev, info.st_ino}).second) continue;
      if (folder != root_ && is_of_weft(folder)) continue;
      for (const io::Path& path : names_in(folder)) {
        if (folder == root_ && is_file_of_run(path)) continue;
        take(path, folders);
      }
    }
  }

  std::vector<io::Path> names_in(const io::Path& folder) const {
    std::vector<io::Path> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (!is_hidden(it->path())) names.push_back(it->path());
    }
    if (error) {
      fail(ErrorCode::input, {"data: " + folder.string(), "a readable folder", error.message()});
    }
    std::sort(names.begin(), names.end(), by_path);
    return names;
  }

  void take(const io::Path& path, std::deque<io::Path>& folders) {
    struct stat info {};
    std::error_code ignored;
    const bool link = fs::is_symlink(path, ignored);
    if (!look(path, info)) {
      left_.add(link ? LeftOut::leads_nowhere : LeftOut::went_away, path);
    } else if (S_ISDIR(info.st_mode) && link) {
      if (above_.contains({info.st_dev, info.st_ino})) {
        left_.add(LeftOut::above, path);
      } else {
        linked_.push_back(path);
      }
    } else if (S_ISDIR(info.st_mode)) {
      folders.push_back(path);
    } else if (!S_ISREG(info.st_mode)) {
      left_.add(LeftOut::no_file, path);
    } else if (info.st_size > 0) {
      found_.push_back({path, {info.st_dev, info.st_ino}, below_link_ || link});
      if (found_.size() > kMostFiles) {
        fail(ErrorCode::input, {"data: " + root_.string(), "at most 1000000 files", "more"});
      }
    }
  }

  // Folders that training wrote: never text that anybody means.
  bool is_of_weft(const io::Path& folder) {
    std::error_code ignored;
    const bool own = !run_.empty() && fs::weakly_canonical(folder, ignored) == run_;
    if (own || holds_run(folder)) {
      left_.add(LeftOut::run, folder);
      return true;
    }
    if (!holds_model(folder)) return false;
    left_.add(LeftOut::model, folder);
    return true;
  }

  // The data lie in the folder of a run: what the run wrote is no data.
  bool is_file_of_run(const io::Path& path) {
    if (!root_is_run_) {
      std::error_code ignored;
      root_is_run_ =
          holds_run(root_) || (!run_.empty() && fs::weakly_canonical(root_, ignored) == run_);
    }
    if (!*root_is_run_) return false;
    const std::string name = path.filename().string();
    for (const char* own : {"config.toml", "metrics.jsonl", "checkpoints", "latest"}) {
      if (name == own) return true;
    }
    return name.starts_with("latest-of-step-");
  }

  const io::Path root_;
  LeftOutList& left_;
  io::Path run_;
  std::optional<bool> root_is_run_;
  std::set<Identity> above_, entered_;
  std::deque<io::Path> linked_;
  std::vector<Found> found_;
  bool below_link_ = false;
};

}  // namespace

void LeftOutList::add(LeftOut reason, const io::Path& path, const std::string& what) {
  Entry& entry = entries_[reason];
  if (entry.count++ > 0) return;
  entry.first = path;
  entry.what = what;
}

std::vector<std::string> LeftOutList::notes() const {
  std::vector<std::string> notes;
  for (const auto& [reason, entry] : entries_) {
    const Words words = words_of(reason);
    std::string note = fmt::format("skipped {} {}: {}", entry.count,
                                   entry.count == 1 ? words.one : words.more, entry.first.string());
    if (!entry.what.empty()) note += ", " + entry.what;
    if (entry.count > 1) note += fmt::format(" (and {} more)", entry.count - 1);
    std::replace(note.begin(), note.end(), '\n', ' ');
    notes.push_back(io::without_controls(io::to_utf8(note)));
  }
  return notes;
}

std::vector<io::Path> files_below(const io::Path& folder, const io::Path& run, LeftOutList& left) {
  return Walk(folder, run, left).files();
}

}  // namespace weft
