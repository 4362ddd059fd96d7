#include "io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "io/atomic.h"
#include "io/hash.h"
#include "io/testing.h"

namespace weft::io {
namespace {

namespace fs = std::filesystem;

std::string content(const Path& path) {
  return read_text(path, size_t{1} << 30);
}

size_t entries(const Path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(FileBytes, HoldsTheBytesOfSmallAndLargeFiles) {
  const ScratchFolder folder;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65535}, size_t{65536}, size_t{300001}}) {
    std::string text(size, 'x');
    if (size > 0) text.back() = 'y';
    FileBytes file(folder.put("f", text));
    const FileBytes moved = std::move(file);
    EXPECT_EQ(moved.text(), text);
    FileBytes assigned(folder.put("g", "old"));
    assigned = FileBytes(folder / "f");
    EXPECT_EQ(assigned.text(), text);
  }
}

TEST(FileBytes, RefusesWhatIsNoReadableFile) {
  const ScratchFolder folder;
  expect_error(ErrorCode::input, "No such file", [&] { FileBytes file(folder / "absent"); });
  expect_error(ErrorCode::input, "a folder", [&] { FileBytes file(folder.path()); });
  expect_error(ErrorCode::input, "a device", [&] { FileBytes file("/dev/zero"); });
  const Path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_error(ErrorCode::input, "a device, pipe", [&] { FileBytes file(pipe); });
  expect_error(ErrorCode::input, "Not a directory",
               [&] { FileBytes file(folder.put("f", "") / "below"); });
}

TEST(FileBytes, AreThoseOfTheMomentOfOpening) {
  const ScratchFolder folder;
  const std::string text(300'000, 'x');
  const FileBytes file(folder.put("f", text));
  fs::resize_file(folder / "f", 10);  // of a mapping, reading on would be a fatal signal
  EXPECT_EQ(file.text(), text);
}

TEST(FilePieces, ReadsAnyPieceKeptOpenOrNot) {
  const ScratchFolder folder;
  const Path path = folder.put("f", "0123456789");
  for (const bool keep_open : {true, false}) {
    const FilePieces file(path, keep_open);
    EXPECT_EQ(file.size(), 10u);
    std::string piece(4, ' ');
    file.read(3, std::as_writable_bytes(std::span(piece)));
    EXPECT_EQ(piece, "3456");
  }
}

TEST(FilePieces, SaysThatAFileWasTouchedRemovedOrReplaced) {
  const ScratchFolder folder;
  std::string piece(4, ' ');
  const auto read = [&](const FilePieces& file) {
    file.read(0, std::as_writable_bytes(std::span(piece)));
  };
  for (const bool keep_open : {true, false}) {
    const FilePieces cut(folder.put("cut", "0123456789"), keep_open);
    fs::resize_file(folder / "cut", 2);
    expect_error(ErrorCode::input, "written to since", [&] { read(cut); });
    const FilePieces rewritten(folder.put("rewritten", "0123456789"), keep_open);
    fs::last_write_time(folder / "rewritten",
                        fs::file_time_type::clock::now() + std::chrono::seconds(5));
    expect_error(ErrorCode::input, "rewritten", [&] { read(rewritten); });
  }
  const FilePieces gone(folder.put("gone", "0123456789"), false);
  fs::remove(folder / "gone");
  expect_error(ErrorCode::input, "No such file", [&] { read(gone); });
  folder.put("gone", "0123456789");
  expect_error(ErrorCode::input, "written to since", [&] { read(gone); });
  const FilePieces kept(folder.put("kept", "0123456789"), true);
  fs::remove(folder / "kept");
  read(kept);
  EXPECT_EQ(piece, "0123");
}

TEST(TryLock, TellsFreeFromBusyFromUnknown) {
  const ScratchFolder folder;
  const Path path = folder.put("f", "x");
  const FileHandle first(::open(path.c_str(), O_RDWR)), second(::open(path.c_str(), O_RDWR));
  EXPECT_EQ(try_lock(first), Lock::taken);
  EXPECT_EQ(try_lock(second), Lock::busy);
  EXPECT_EQ(try_lock(FileHandle()), Lock::none);
}

TEST(ContentHash, DependsOnTheBytesAlone) {
  ContentHash whole, parts, other;
  whole.add("the same text");
  parts.add("the same");
  parts.add(" text");
  other.add("the same texu");
  EXPECT_EQ(whole.hex(), parts.hex());
  EXPECT_NE(whole.hex(), other.hex());
  EXPECT_EQ(whole.hex().size(), 16u);
  // The published value of no bytes, seed 0.
  EXPECT_EQ(ContentHash().hex(), "2d06800538d394c2");
}

TEST(ReadText, StopsAtItsLimit) {
  const ScratchFolder folder;
  const Path path = folder.put("f", "12345");
  EXPECT_EQ(read_text(path, 5), "12345");
  expect_error(ErrorCode::input, "at most 4 bytes, got 5", [&] { read_text(path, 4); });
}

TEST(WriteAtomic, CreatesAndReplacesAndLeavesNothingElse) {
  const ScratchFolder folder;
  const Path path = folder / "f";
  write_atomic(path, "first");
  EXPECT_EQ(content(path), "first");
  write_atomic(path, std::string(3'000'000, 'z'));
  EXPECT_EQ(content(path).size(), 3'000'000u);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(WriteAtomic, FollowsALinkAndKeepsIt) {
  const ScratchFolder folder;
  folder.put("deep/real", "old");
  fs::create_symlink("deep/real", folder / "link");
  write_atomic(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(content(folder / "deep/real"), "new");
}

TEST(WriteAtomic, RefusesFoldersAndDevices) {
  const ScratchFolder folder;
  expect_error(ErrorCode::runtime, "a folder or device", [&] { write_atomic(folder.path(), "x"); });
  expect_error(ErrorCode::runtime, "a folder or device", [] { write_atomic("/dev/null", "x"); });
  expect_error(ErrorCode::runtime, "No such file", [&] { write_atomic(folder / "no/f", "x"); });
}

// Runs f with files limited to `bytes`, which the system reports as it reports a full disk: a short
// write, then an error.
template <class F>
void with_file_limit(rlim_t bytes, F&& f) {
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limited{bytes, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  f();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
}

TEST(WriteAtomic, AFailureInTheMiddleLeavesTheOldContent) {
  const ScratchFolder folder;
  const Path path = folder / "f";
  write_atomic(path, "precious");
  std::string message;
  with_file_limit(1000, [&] {
    try {
      write_atomic(path, std::string(100'000, 'x'));
    } catch (const Error& e) {
      message = e.code() == ErrorCode::runtime ? e.what() : "wrong code";
    }
  });
  EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  EXPECT_EQ(content(path), "precious");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicDir, AppearsWholeOrNotAtAll) {
  const ScratchFolder folder;
  {
    const AtomicDir abandoned(folder / "step-1");
    write_atomic(abandoned.path() / "a", "1");
  }
  EXPECT_EQ(entries(folder.path()), 0u);
  AtomicDir dir(folder / "step-1");
  write_atomic(dir.path() / "a", "1");
  fs::create_directory(dir.path() / "sub");
  std::ofstream(dir.path() / "sub/b") << "2";
  EXPECT_FALSE(fs::exists(folder / "step-1"));
  dir.commit();
  EXPECT_EQ(content(folder / "step-1/a"), "1");
  EXPECT_EQ(content(folder / "step-1/sub/b"), "2");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicDir, ReplacesAFolderOfThatNameWhole) {
  const ScratchFolder folder;
  folder.put("step-1/stale", "old");
  AtomicDir dir(folder.path().string() + "/step-1/");
  write_atomic(dir.path() / "fresh", "new");
  EXPECT_TRUE(fs::exists(folder / "step-1/stale"));
  dir.commit();
  EXPECT_FALSE(fs::exists(folder / "step-1/stale"));
  EXPECT_EQ(content(folder / "step-1/fresh"), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicDir, RefusesTheNameOfAFile) {
  const ScratchFolder folder;
  const Path path = folder.put("f", "x");
  expect_error(ErrorCode::runtime, "a file of that name", [&] { AtomicDir dir(path); });
}

// A process that dies (SIGKILL) with a file and a folder half written.
void die_writing(const ScratchFolder& folder) {
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder / "f");
    file.write("half");
    const AtomicDir dir(folder / "step-2");
    write_atomic(dir.path() / "a", "1");
    ::kill(::getpid(), SIGKILL);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(RemoveStale, TakesLeftoversOfTheDeadAndNothingElse) {
  const ScratchFolder folder;
  folder.put("f", "kept");
  folder.put(".hidden", "kept");
  die_writing(folder);
  EXPECT_EQ(entries(folder.path()), 4u);
  AtomicFile living(folder / "g");
  living.write("whole");
  AtomicDir living_dir(folder / "step-3");
  EXPECT_EQ(remove_stale(folder.path()), 2);
  living.commit();
  living_dir.commit();
  EXPECT_EQ(content(folder / "f"), "kept");
  EXPECT_EQ(content(folder / "g"), "whole");
  EXPECT_TRUE(fs::is_directory(folder / "step-3"));
  EXPECT_EQ(entries(folder.path()), 4u);
  EXPECT_EQ(remove_stale(folder.path()), 0);
  EXPECT_EQ(remove_stale(folder / "absent"), 0);
}

}  // namespace
}  // namespace weft::io
