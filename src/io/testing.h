// What tests of files share: a folder that goes away, and the check for one clear error.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weft::io {

/// A fresh folder, removed with all it holds.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = testing::TempDir() + "weft-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  /// Writes a file below the folder, with the folders above it, and returns its path.
  std::filesystem::path put(std::string_view name, std::string_view content) const {
    const std::filesystem::path path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
    return path;
  }

 private:
  std::filesystem::path path_;
};

/// Expects an Error of this code, of one line of bearable length, that mentions `part`.
template <class F>
void expect_error(ErrorCode code, std::string_view part, F&& f) {
  try {
    f();
    ADD_FAILURE() << "no error; expected one that mentions \"" << part << "\"";
  } catch (const Error& e) {
    const std::string_view text = e.what();
    EXPECT_EQ(e.code(), code) << text;
    EXPECT_NE(text.find(part), std::string_view::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string_view::npos) << text;
    EXPECT_LT(text.size(), 600u) << text;
  }
}

}  // namespace weft::io
