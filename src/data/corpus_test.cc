#include "data/corpus.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/random.h"
#include "io/testing.h"

namespace weft {
namespace {

using io::expect_error;
using io::Path;
using io::ScratchFolder;

// One token for each pair of bytes, a last odd byte dropped: a tokenizer whose tokens are not
// bytes.
class PairTokenizer final : public Tokenizer {
 public:
  std::string_view name() const override { return "pair"; }
  int64_t vocab() const override { return 65536; }
  int32_t separator() const override { return 7; }
  bool tokens_are_bytes() const override { return false; }
  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> tokens;
    for (size_t i = 0; i + 1 < text.size(); i += 2) tokens.push_back(text[i] * 256 + text[i + 1]);
    return tokens;
  }
  std::string decode(std::span<const int32_t> tokens) const override {
    std::string text;
    for (const int32_t id : tokens) (text += static_cast<char>(id / 256)) += static_cast<char>(id);
    return text;
  }
};

Corpus open(const std::vector<Path>& paths) {
  return Corpus::open(paths, ByteTokenizer());
}

std::string text_of(const Corpus& corpus) {
  std::vector<int32_t> tokens(static_cast<size_t>(corpus.size()), -1);
  corpus.read(0, tokens);
  return ByteTokenizer().decode(tokens);
}

TEST(Corpus, JoinsFilesWithTheSeparator) {
  const ScratchFolder folder;
  const Corpus corpus = open({folder.put("b", "second"), folder.put("a", "\xff\x80")});
  EXPECT_EQ(text_of(corpus), std::string("second\0\xff\x80", 9));
  EXPECT_EQ(corpus.files(), 2);
  EXPECT_EQ(corpus.bytes_per_token(), 1.0);
}

TEST(Corpus, TakesFoldersInSortedOrder) {
  const ScratchFolder folder;
  for (const std::string_view name : {"c", "b/z", "b/a", "a.txt", "b-file"}) {
    folder.put(fmt::format("text/{}", name), name);
  }
  folder.put("text/.hidden", "no");
  folder.put("text/.git/config", "no");
  folder.put("text/empty", "");
  std::filesystem::create_directory(folder / "text/nothing");
  std::filesystem::create_symlink("absent", folder / "text/dangling");
  std::filesystem::create_symlink("c", folder / "text/link");
  ASSERT_EQ(::mkfifo((folder / "text/pipe").c_str(), 0600), 0);
  const Corpus corpus = open({folder / "text", folder.put("last", "!")});
  const std::string_view expected("a.txt\0b-file\0b/a\0b/z\0c\0!", 24);
  EXPECT_EQ(text_of(corpus), expected);
  const std::vector<std::string> notes{
      "skipped 1 other name of a file that is taken: " + (folder / "text/link").string(),
      "skipped 1 link that leads nowhere: " + (folder / "text/dangling").string(),
      "skipped 1 pipe, socket or device: " + (folder / "text/pipe").string()};
  EXPECT_EQ(corpus.notes(), notes);
}

// From memory, from files on disk, and from both.
TEST(Corpus, ReadsAnyRangeOfAnyFiles) {
  const ScratchFolder folder;
  const Random random(11, "files");
  uint64_t draw = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<Path> paths;
    std::string expected;
    for (uint64_t n = 1 + random.below(draw++, 6); n > 0; --n) {
      // One file in eight is large enough to stay on disk.
      const uint64_t least = random.below(draw++, 8) == 0 ? size_t{1} << 20 : 0;
      std::string text(least + 1 + random.below(draw++, 5), ' ');
      for (char& c : text) c = static_cast<char>(random.bits(draw++));
      paths.push_back(folder.put(fmt::format("f{}", n), text));
      expected += (expected.empty() ? "" : std::string(1, '\0')) + text;
    }
    const Corpus corpus = Corpus::open(paths, ByteTokenizer(),
                                       {.binary = true, .in_memory = round % 2 == 0 ? 100u : ~0u});
    ASSERT_EQ(corpus.size(), static_cast<int64_t>(expected.size()));
    EXPECT_EQ(text_of(corpus), expected);
    for (int i = 0; i < 50; ++i) {
      const size_t begin = random.below(draw++, expected.size());
      const size_t n = random.below(draw++, std::min<size_t>(20, expected.size() - begin) + 1);
      std::vector<int32_t> tokens(n + 2, -5);
      corpus.read(static_cast<int64_t>(begin), std::span(tokens).subspan(1, n));
      EXPECT_EQ(tokens.front(), -5);
      EXPECT_EQ(tokens.back(), -5);
      tokens.pop_back();
      tokens.erase(tokens.begin());
      EXPECT_EQ(ByteTokenizer().decode(tokens), expected.substr(begin, n));
    }
  }
}

TEST(Corpus, EncodesWhereTokensAreNotBytes) {
  const ScratchFolder folder;
  const std::vector<Path> paths{folder.put("a", "abcd"), folder.put("b", "x"),
                                folder.put("c", "ef")};
  const Corpus corpus = Corpus::open(paths, PairTokenizer());
  std::vector<int32_t> tokens(5);
  ASSERT_EQ(corpus.size(), 5);
  corpus.read(0, tokens);
  EXPECT_EQ(tokens,
            (std::vector<int32_t>{'a' * 256 + 'b', 'c' * 256 + 'd', 7, 7, 'e' * 256 + 'f'}));
  EXPECT_DOUBLE_EQ(corpus.bytes_per_token(), 9.0 / 5.0);
  EXPECT_EQ(corpus.bytes(0, 5), 8);  // three pairs, two separators of a byte; "x" is no pair
  EXPECT_EQ(corpus.bytes(1, 3), 3);
  expect_error(ErrorCode::input, "at least one token",
               [&] { Corpus::open(std::vector<Path>{folder / "b"}, PairTokenizer()); });
}

TEST(Corpus, HoldsATextInMemory) {
  const Corpus corpus = Corpus::of_text("abcdef", ByteTokenizer());
  ASSERT_EQ(corpus.size(), 6);
  EXPECT_EQ(corpus.files(), 1);
  EXPECT_EQ(corpus.bytes_per_token(), 1);
  std::vector<int32_t> tokens(3);
  corpus.read(2, tokens);
  EXPECT_EQ(tokens, (std::vector<int32_t>{'c', 'd', 'e'}));
  EXPECT_THROW(Corpus::of_text("", ByteTokenizer()), Error);
}

TEST(Corpus, RefusesWhatHoldsNoText) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "folder");
  expect_error(ErrorCode::input, "at least one file", [] { open({}); });
  expect_error(ErrorCode::input, "check the path", [&] { open({folder / "absent"}); });
  expect_error(ErrorCode::input, "an empty file", [&] { open({folder.put("empty", "")}); });
  expect_error(ErrorCode::input, "none that is not empty", [&] { open({folder / "folder"}); });
  folder.put("folder/.hidden", "text");
  folder.put("folder/empty", "");
  expect_error(ErrorCode::input, "hidden files are not read", [&] { open({folder / "folder"}); });
  expect_error(ErrorCode::input, "a device", [] { open({"/dev/zero"}); });
}

TEST(Corpus, FollowsLinksToFoldersAndTakesEachFileOnce) {
  const ScratchFolder folder;
  folder.put("shared/b", "b");
  folder.put("shared/deep/c", "c");
  folder.put("data/a", "a");
  folder.put("data/z/y", "y");
  const auto link = [&](const char* to, const char* name) {
    std::filesystem::create_directory_symlink(to, folder / name);
  };
  link("../shared", "data/linked");
  link("../../shared", "data/z/again");  // the same folder
  link("z", "data/b-link");              // of a folder that has a path of its own
  link("..", "data/up");                 // would hold everything
  link(".", "data/here");
  link("../linked", "shared/deep/circle");  // leads nowhere from there
  link("..", "shared/deep/back");           // a circle below the linked folder
  const Corpus corpus = open({folder / "data"});
  EXPECT_EQ(text_of(corpus), std::string("a\0b\0c\0y", 7));
  ASSERT_EQ(corpus.contents().size(), 4u);
  EXPECT_EQ(corpus.contents()[1].path, (folder / "data/linked/b").string());
  EXPECT_EQ(corpus.contents()[3].path, (folder / "data/z/y").string());
  ASSERT_EQ(corpus.notes().size(), 2u);
  EXPECT_NE(corpus.notes()[0].find("skipped 2 links to folders above the data"), std::string::npos)
      << corpus.notes()[0];
}

TEST(Corpus, LeavesOutRunsModelsAndWhatIsNoText) {
  const ScratchFolder folder;
  folder.put("a.txt", "text");
  folder.put("old/config.toml", "steps = 1");
  folder.put("old/checkpoints/step-1/state.json", "{}");
  folder.put("model/config.json", "{}");
  folder.put("model/model.safetensors", "weights");
  folder.put("mine/notes.txt", "written by the run");
  folder.put("z/picture.png", "\x89PNG\r\n\x1a\n and more");
  folder.put("z/numbers", std::string(4000, '\0') + "x");
  Corpus::Options options{.run = folder / "mine"};
  const std::vector<Path> paths{folder.path()};
  const Corpus corpus = Corpus::open(paths, ByteTokenizer(), options);
  EXPECT_EQ(text_of(corpus), "text");
  const std::vector<std::string> notes{
      "skipped 2 files that are not text: " + (folder / "z/numbers").string() +
          ", binary data (and 1 more)",
      "skipped 2 folders of runs: " + (folder / "mine").string() + " (and 1 more)",
      "skipped 1 folder of a model: " + (folder / "model").string()};
  EXPECT_EQ(corpus.notes(), notes);
  options.binary = true;
  EXPECT_EQ(Corpus::open(paths, ByteTokenizer(), options).files(), 3);
}

// The run lies in the folder of its own data.
TEST(Corpus, LeavesOutTheFilesOfTheRunThatTheFolderIs) {
  const ScratchFolder folder;
  folder.put("a.txt", "text");
  const std::vector<Path> paths{folder.path()};
  const Corpus before = Corpus::open(paths, ByteTokenizer(), {.run = folder.path()});
  folder.put("config.toml", "steps = 1");
  folder.put("metrics.jsonl", "{}");
  folder.put("checkpoints/step-1/state.json", "{}");
  folder.put("latest/state.json", "{}");
  const Corpus after = Corpus::open(paths, ByteTokenizer(), {.run = folder.path()});
  EXPECT_EQ(text_of(before), "text");
  EXPECT_EQ(after.contents(), before.contents());
}

TEST(Corpus, RefusesANamedBinaryFile) {
  const ScratchFolder folder;
  const Path file = folder.put("x.gz", "\x1f\x8b\x08 compressed");
  expect_error(ErrorCode::input, "a gzip file", [&] { open({file}); });
  expect_error(ErrorCode::input, "data.binary", [&] { open({file}); });
  expect_error(ErrorCode::input, "skipped 1 file that is not text", [&] { open({folder.path()}); });
}

TEST(Corpus, TakesTextOfAnotherEncodingAndSaysSo) {
  const ScratchFolder folder;
  const Corpus corpus = open({folder.put("latin", "caf\xe9 au lait\n")});
  EXPECT_EQ(corpus.size(), 13);
  ASSERT_EQ(corpus.notes().size(), 1u);
  EXPECT_EQ(corpus.notes()[0],
            "1 text is not in UTF-8, taken byte by byte: " + (folder / "latin").string());
}

TEST(Corpus, KeepsToTheTextOfTheMomentOfOpening) {
  const ScratchFolder folder;
  const std::string text(100'000, 'x');
  const Corpus corpus = open({folder.put("f", text)});
  std::filesystem::resize_file(folder / "f", 0);
  EXPECT_EQ(text_of(corpus), text);
}

TEST(Corpus, NamesTheFileOnDiskThatWasCutShort) {
  const ScratchFolder folder;
  const std::vector<Path> paths{folder.put("large", std::string(3 << 20, 'x'))};
  const Corpus corpus = Corpus::open(paths, ByteTokenizer(), {.in_memory = 0});
  std::vector<int32_t> tokens(100);
  corpus.read(1 << 20, tokens);
  EXPECT_EQ(tokens, std::vector<int32_t>(100, 'x'));
  std::filesystem::resize_file(folder / "large", 1 << 20);
  expect_error(ErrorCode::input, "large", [&] { corpus.read(2 << 20, tokens); });
}

TEST(Corpus, TellsContentBySizeAndHash) {
  const ScratchFolder folder;
  for (const size_t in_memory : {~size_t{0}, size_t{0}}) {
    const Corpus::Options options{.in_memory = in_memory};
    std::string text(9 << 20, 'x');
    const auto hash = [&] {
      const std::vector<Path> paths{folder.put("f", text)};
      return Corpus::open(paths, ByteTokenizer(), options).contents().front().hash;
    };
    const std::string before = hash();
    EXPECT_EQ(hash(), before);
    for (const size_t at : {size_t{0}, size_t{8} << 20, text.size() - 1}) {
      text[at] = 'y';
      EXPECT_NE(hash(), before) << at;
      text[at] = 'x';
    }
  }
}

// What is left out has no say in how the rest is kept and told.
TEST(Corpus, TellsContentWhateverBinaryFilesLieBeside) {
  const ScratchFolder folder;
  folder.put("data/text", std::string(2 << 20, 'x'));
  const std::vector<Path> paths{folder / "data"};
  const Corpus::Options options{.in_memory = size_t{3} << 20};
  const auto contents = [&] { return Corpus::open(paths, ByteTokenizer(), options).contents(); };
  const std::vector<DataFile> before = contents();
  folder.put("data/weights", std::string(4 << 20, '\0'));
  EXPECT_EQ(contents(), before);
}

// More than a process may have open at once, and names that no terminal should see.
TEST(Corpus, TakesThousandsOfFiles) {
  const ScratchFolder folder;
  for (int i = 0; i < 3000; ++i) folder.put(fmt::format("d{}/f{}", i % 7, i), "text");
  folder.put("odd \n\x1b[31m name", "text");
  const std::vector<Path> paths{folder.path()};
  for (const size_t in_memory : {size_t{256} << 20, size_t{0}}) {
    const Corpus corpus = Corpus::open(paths, ByteTokenizer(), {.in_memory = in_memory});
    EXPECT_EQ(corpus.files(), 3001);
    EXPECT_EQ(corpus.size(), 3001 * 5 - 1);
  }
}

// Runs f without the superuser's right to read everything.
template <class F>
void without_privileges(F&& f) {
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  f();
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

TEST(Corpus, RefusesWhatMayNotBeRead) {
  const ScratchFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  const Path file = folder.put("secret", "text");
  const Path below = folder.put("closed/f", "text").parent_path();
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  ASSERT_EQ(::chmod(below.c_str(), 0), 0);
  without_privileges([&] {
    expect_error(ErrorCode::input, "Permission denied", [&] { open({file}); });
    expect_error(ErrorCode::input, "Permission denied", [&] { open({below}); });
    expect_error(ErrorCode::input, "Permission denied", [&] { open({folder.path()}); });
  });
  ASSERT_EQ(::chmod(below.c_str(), 0700), 0);
}

TEST(SplitTail, HoldsOutTheEnd) {
  const ScratchFolder folder;
  const Corpus corpus = open({folder.put("f", std::string(1001, 'x'))});
  const Splits none = split_tail(corpus, 0);
  EXPECT_EQ(none.train.size(), 1001);
  EXPECT_EQ(none.held_out.size(), 0);
  const Splits tenth = split_tail(corpus, 0.1);
  EXPECT_EQ(tenth.train.end, 901);
  EXPECT_EQ(tenth.held_out.begin, 901);
  EXPECT_EQ(tenth.held_out.end, 1001);
  for (const double wrong : {-0.1, 1.0, 2.0, std::nan("")}) {
    expect_error(ErrorCode::config, "a fraction from 0", [&] { split_tail(corpus, wrong); });
  }
}

}  // namespace
}  // namespace weft
