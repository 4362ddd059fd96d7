// Which files a folder of data stands for, and what was left out of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/file.h"

namespace weft {

/// Why something in a folder of data is no part of it.
enum class LeftOut : uint8_t {
  not_text,       ///< a binary file
  run,            ///< a folder that holds a run, or the files of one
  model,          ///< a folder that holds a checkpoint or model
  above,          ///< a link to a folder that the data lie in
  twice,          ///< another name of a file that is taken already
  leads_nowhere,  ///< a dangling link
  no_file,        ///< a pipe, socket or device
  went_away       ///< removed while the folder was read
};

/// What was left out, for one line a reason: "skipped 3 files that are not text: a.png (and 2
/// more)".
class LeftOutList {
 public:
  /// `what`: said in brackets behind the path; may be empty.
  void add(LeftOut reason, const io::Path& path, const std::string& what = "");
  /// One line a reason, without control characters.
  std::vector<std::string> notes() const;

 private:
  struct Entry {
    io::Path first;
    std::string what;
    int64_t count = 0;
  };
  std::map<LeftOut, Entry> entries_;
};

/// All regular files below a folder that are not empty, sorted by path, so that the order does not
/// depend on the file system. Links are followed, also those to folders; every folder and every
/// file counts once, under the first of its paths, those without linked folders first. Hidden names
/// are left out, silently; folders of runs and models, and `run` (a run folder, "" for none) are
/// left out and listed. Where the folder is itself that of a run, only the files of the run are
/// left out. Throws Error(input) where a folder cannot be read or holds more than a million files.
std::vector<io::Path> files_below(const io::Path& folder, const io::Path& run, LeftOutList& left);

}  // namespace weft
