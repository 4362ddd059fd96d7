#include "io/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/compare.h"
#include "base/random.h"
#include "io/json.h"
#include "io/testing.h"

namespace weft::io {
namespace {

// A file of this header and so many bytes of data.
std::string file_bytes(std::string_view header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  bytes += header;
  return bytes + std::string(data_bytes, '\x3c');
}

std::string one_tensor(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return "{\"w\":{\"dtype\":" + std::string(dtype) + ",\"shape\":" + std::string(shape) +
         ",\"data_offsets\":" + std::string(offsets) + "}}";
}

Tensor filled(DType dtype, Shape shape, std::string_view name) {
  Tensor t(dtype, shape);
  auto* bytes = static_cast<uint8_t*>(t.data());
  const Random random(1, name);
  for (size_t i = 0; i < t.desc().bytes(); ++i) bytes[i] = static_cast<uint8_t>(random.bits(i));
  return t;
}

TEST(SafeTensors, ReturnsWhatWasWritten) {
  const ScratchFolder folder;
  // Odd byte counts put what follows at offsets that fit no type.
  const Tensor a = filled(DType::u8, {3}, "a"), b = filled(DType::f64, {2, 3}, "b"),
               c = filled(DType::bf16, {7}, "c"), d = filled(DType::f32, {0, 4}, "d"),
               e = filled(DType::i64, {}, "e"), f = filled(DType::i32, {1, 2, 1, 2, 1}, "f");
  const std::vector<NamedTensor> tensors{{"a", a.view()}, {"b", b.view()}, {"c \"é\"", c.view()},
                                         {"d", d.view()}, {"e", e.view()}, {"", f.view()}};
  write_safetensors(folder / "x", tensors, {{"format", "weft"}, {"note", "line\nbreak"}});

  const SafeTensors file = SafeTensors::open(folder / "x");
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor loaded = file.load(tensors[i].name);
    EXPECT_EQ(loaded.desc(), tensors[i].tensor.desc);
    if (loaded.numel() > 0) {
      EXPECT_TRUE(same_bits(loaded.view(), tensors[i].tensor)) << i;
    }
  }
  EXPECT_EQ(file.entries()[0].name, "a");
  EXPECT_EQ(file.entries()[2].name, "c \"é\"");
  EXPECT_EQ(file.metadata().at("note"), "line\nbreak");
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST(SafeTensors, WritesTheSameBytesEachTimeAndPadsTheHeader) {
  const ScratchFolder folder;
  const Tensor t = filled(DType::f32, {5}, "t");
  const std::vector<NamedTensor> tensors{{"t", t.view()}};
  write_safetensors(folder / "1", tensors, {{"b", "2"}, {"a", "1"}});
  write_safetensors(folder / "2", tensors, {{"a", "1"}, {"b", "2"}});
  const std::string bytes = read_text(folder / "1", 4096);
  EXPECT_EQ(bytes, read_text(folder / "2", 4096));
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  EXPECT_EQ(bytes.size(), 8 + length + 20);
}

// Flips one bit of the byte `from_end` bytes before the end of a file.
void flip(const Path& path, size_t from_end) {
  std::string bytes = read_text(path, 1 << 20);
  bytes[bytes.size() - from_end] ^= 0x10;
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(SafeTensors, NoticeEveryChangedByteOfEveryTensor) {
  const ScratchFolder folder;
  const Tensor a = filled(DType::f32, {3}, "a"), b = filled(DType::u8, {5}, "b");
  const std::vector<NamedTensor> tensors{{"a", a.view()}, {"b", b.view()}};
  for (size_t from_end = 1; from_end <= 17; ++from_end) {
    write_safetensors(folder / "x", tensors);
    flip(folder / "x", from_end);
    const SafeTensors file = SafeTensors::open(folder / "x");
    EXPECT_TRUE(file.has_hashes());
    const char *changed = from_end <= 5 ? "b" : "a", *other = from_end <= 5 ? "a" : "b";
    EXPECT_NO_THROW(file.load(other));
    expect_error(ErrorCode::input, (folder / "x").string() + ": tensor \"" + changed + "\"",
                 [&] { file.load(changed); });
    Tensor to(file.find(changed)->desc);
    expect_error(ErrorCode::input, "damaged", [&] { file.read(changed, to.view()); });
  }
}

// A program that changes a file and keeps its notes has made them false.
TEST(SafeTensors, HashesAndTensorsBelongToEachOther) {
  const ScratchFolder folder;
  const std::string hash = hash_of({});
  const auto header = [&](const std::string& hashes) {
    return file_bytes("{\"__metadata__\":{\"weft.xxh3\":" + to_json_line(hashes) +
                          "},\"w\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                      0);
  };
  const auto refused = [&](const std::string& hashes, std::string_view part) {
    const Path path = folder.put("x", header(hashes));
    expect_error(ErrorCode::input, part, [&] { SafeTensors::open(path).load("w"); });
  };
  EXPECT_NO_THROW(SafeTensors::open(folder.put("x", header("{\"w\":\"" + hash + "\"}"))).load("w"));
  refused("{}", "tensor \"w\"");
  refused("{\"w\":\"" + hash + "\",\"gone\":\"" + hash + "\"}", "tensor \"gone\"");
  refused("{\"w\":\"0\"}", "got " + hash);
  refused("{\"w\":1}", "weft.xxh3");
  refused("[\"w\"]", "weft.xxh3");
  refused("{\"w\":{}}", "weft.xxh3");
  refused("w", "weft.xxh3");
}

TEST(SafeTensors, WithoutHashesAreOfAnotherProgramAndRead) {
  const ScratchFolder folder;
  const Path path = folder.put("x", file_bytes(one_tensor("\"F32\"", "[2]", "[0,8]"), 8));
  const SafeTensors file = SafeTensors::open(path);
  EXPECT_FALSE(file.has_hashes());
  EXPECT_EQ(file.load("w").numel(), 2);
}

// XXH3 of the empty text and of "abc", as its authors publish and xxhsum -H3 prints them.
TEST(TensorHash, IsXxh3) {
  EXPECT_EQ(hash_of({}), "2d06800538d394c2");
  const std::string_view abc = "abc";
  EXPECT_EQ(hash_of(std::as_bytes(std::span(abc))), "78af5f94892f3950");
}

TEST(SafeTensors, HoldsNoTensorsAtAll) {
  const ScratchFolder folder;
  write_safetensors(folder / "x", {});
  EXPECT_TRUE(SafeTensors::open(folder / "x").entries().empty());
}

TEST(SafeTensors, RefusesToWriteNamesThatCannotBeReadBack) {
  const ScratchFolder folder;
  const Tensor t(DType::f32, {1});
  for (const std::vector<NamedTensor>& tensors :
       {std::vector<NamedTensor>{{"a", t.view()}, {"a", t.view()}},
        std::vector<NamedTensor>{{"__metadata__", t.view()}},
        std::vector<NamedTensor>{{"\xff", t.view()}}}) {
    expect_error(ErrorCode::usage, "names in UTF-8",
                 [&] { write_safetensors(folder / "x", tensors); });
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST(SafeTensors, ReadsIntoTheRightTypeAndShapeOnly) {
  const ScratchFolder folder;
  const Tensor t = filled(DType::f32, {2, 3}, "t");
  write_safetensors(folder / "x", std::vector<NamedTensor>{{"t", t.view()}});
  const SafeTensors file = SafeTensors::open(folder / "x");
  Tensor same(DType::f32, {2, 3});
  file.read("t", same.view());
  EXPECT_TRUE(same_bits(same.view(), t.view()));
  expect_error(ErrorCode::input, "expected f32[3, 2], got f32[2, 3]", [&] {
    file.read("t", Tensor(DType::f32, {3, 2}).view());
  });
  expect_error(ErrorCode::input, "expected bf16[2, 3]", [&] {
    file.read("t", Tensor(DType::bf16, {2, 3}).view());
  });
  expect_error(ErrorCode::input, "a tensor named \"u\"", [&] { file.load("u"); });
}

struct Bad {
  std::string_view what, message;
  std::string bytes;
};

std::string two_tensors(std::string_view first, std::string_view second, size_t data) {
  const std::string head = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":";
  return file_bytes(
      "{\"a\":" + head + std::string(first) + "},\"b\":" + head + std::string(second) + "}}", data);
}

std::vector<Bad> bad_framing() {
  const std::string good = file_bytes(one_tensor("\"F32\"", "[2]", "[0,8]"), 8);
  std::string huge = good, negative = good;
  huge.replace(0, 8, std::string("\0\0\0\0\1\0\0\0", 8));
  negative.replace(0, 8, std::string(8, '\xff'));
  return {
      {"empty", "at least 8 bytes", ""},
      {"cut in the length", "at least 8 bytes", good.substr(0, 7)},
      {"cut in the header", "a safetensors header of at most", good.substr(0, 20)},
      {"cut in the data", "data_offsets in order and within", good.substr(0, good.size() - 1)},
      {"trailing bytes", "8 bytes of data", good + "x"},
      {"header of 4 GiB", "a safetensors header of at most", huge},
      {"header of 2^64-1", "a safetensors header of at most", negative},
      {"empty header", "well-formed JSON", file_bytes("", 0)},
      {"array", "begins with {", file_bytes("[]", 0)},
      {"number", "begins with {", file_bytes("7", 0)},
      {"blank first", "begins with {", file_bytes(" {}", 0)},
      {"no JSON", "well-formed JSON", file_bytes("{\"w\":", 0)},
      {"two documents", "well-formed JSON", file_bytes("{}{}", 0)},
      {"not UTF-8", "well-formed JSON in UTF-8", file_bytes("{\"\xc3\x28\":{}}", 0)},
      {"deep", "levels of nesting", file_bytes(std::string(1000000, '['), 0)},
      {"deep objects", "levels of nesting",
       file_bytes("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1", 0)},
      {"many values", "values",
       file_bytes(
           "{\"w\":[0" +
               [] {
                 std::string zeros;
                 for (int i = 0; i < 2'000'100; ++i) zeros += ",0";
                 return zeros;
               }() +
               "]}",
           0)},
      {"huge number", "numbers that a double can hold",
       file_bytes(one_tensor("\"F32\"", "[1e999]", "[0,8]"), 8)},
      {"metadata of numbers", "__metadata__", file_bytes("{\"__metadata__\":{\"a\":1}}", 0)},
      {"metadata as text", "__metadata__", file_bytes("{\"__metadata__\":\"a\"}", 0)},
  };
}

std::vector<Bad> bad_tensors() {
  const auto one = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return file_bytes(one_tensor(dtype, shape, offsets), 8);
  };
  const std::string same = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
  return {
      {"twice", "\"w\" twice", file_bytes("{\"w\":" + same + ",\"w\":" + same + "}", 8)},
      {"key twice", "\"shape\" twice",
       file_bytes("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}",
                  8)},
      {"no object", "an object with dtype", file_bytes("{\"w\":3}", 8)},
      {"no dtype", "a member dtype",
       file_bytes("{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8)},
      {"no shape", "a member shape",
       file_bytes("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8)},
      {"no offsets", "a member data_offsets",
       file_bytes("{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8)},
      {"half", "I32 or U8, got \"F16\"; convert", one("\"F16\"", "[4]", "[0,8]")},
      {"unknown type", "dtype F64", one("\"f32\"", "[2]", "[0,8]")},
      {"type is a number", "dtype F64", one("32", "[2]", "[0,8]")},
      {"negative dimension", "whole numbers from 0", one("\"F32\"", "[-2]", "[0,8]")},
      {"two negative", "whole numbers from 0", one("\"F32\"", "[-2,-1]", "[0,8]")},
      {"real dimension", "whole numbers from 0", one("\"F32\"", "[2.0]", "[0,8]")},
      {"dimension above int64", "whole numbers from 0",
       one("\"F32\"", "[9223372036854775808]", "[0,8]")},
      {"product above int64", "that memory could hold",
       one("\"F32\"", "[4294967296,4294967296]", "[0,8]")},
      {"product wraps to 8", "that memory could hold",
       one("\"F32\"", "[4611686018427387906]", "[0,8]")},
      {"empty but huge", "that memory could hold",
       one("\"F32\"", "[0,4294967296,4294967296]", "[0,0]")},
      {"six dimensions", "at most 5 dimensions", one("\"F32\"", "[1,1,1,1,1,2]", "[0,8]")},
      {"shape is text", "at most 5 dimensions", one("\"F32\"", "\"2\"", "[0,8]")},
      {"other size", "8 bytes for f32[2]", one("\"F32\"", "[2]", "[0,7]")},
      {"outside", "within 8 bytes", one("\"F32\"", "[3]", "[0,12]")},
      {"far outside", "within 8 bytes",
       one("\"F32\"", "[2]", "[18446744073709551600,18446744073709551608]")},
      {"backwards", "data_offsets in order", one("\"F32\"", "[2]", "[8,0]")},
      {"negative offset", "two whole numbers", one("\"F32\"", "[2]", "[-8,0]")},
      {"three offsets", "two whole numbers", one("\"F32\"", "[2]", "[0,8,8]")},
      {"real offset", "two whole numbers", one("\"F32\"", "[2]", "[0,8.5]")},
      {"overlap", "overlaps", two_tensors("[0,4]", "[2,6]", 6)},
      {"same place", "overlaps", two_tensors("[0,4]", "[0,4]", 4)},
      {"hole", "leaves a hole", two_tensors("[0,4]", "[5,9]", 9)},
      {"hole in front", "leaves a hole", two_tensors("[1,5]", "[5,9]", 9)},
  };
}

TEST(SafeTensors, RefusesEveryKindOfBadFileWithOneClearLine) {
  const ScratchFolder folder;
  std::vector<Bad> bad = bad_framing();
  for (Bad& b : bad_tensors()) bad.push_back(std::move(b));
  for (const Bad& b : bad) {
    SCOPED_TRACE(b.what);
    const Path path = folder.put("bad.safetensors", b.bytes);
    expect_error(ErrorCode::input, b.message, [&] { SafeTensors::open(path); });
  }
}

TEST(SafeTensors, AnyDamageIsReadOrRefusedButNeverCrashes) {
  const ScratchFolder folder;
  const Tensor a = filled(DType::f32, {2, 3}, "a"), b = filled(DType::bf16, {5}, "b");
  write_safetensors(folder / "good", std::vector<NamedTensor>{{"a", a.view()}, {"b", b.view()}},
                    {{"k", "v"}});
  const std::string good = read_text(folder / "good", 4096);
  const Random random(7, "damage");
  int refused = 0;
  uint64_t draw = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = good;
    const uint64_t flips = 1 + random.below(draw++, 4);
    for (uint64_t i = 0; i < flips; ++i) {
      const uint64_t at = random.below(draw++, bytes.size());
      bytes[at] = static_cast<char>(random.bits(draw++));
    }
    if (random.below(draw++, 4) == 0) bytes.resize(random.below(draw++, bytes.size()));
    // A new file each time: rewriting one makes some file systems flush it to the disk first.
    const Path path = folder.put(fmt::format("damaged-{}", round), bytes);
    try {
      const SafeTensors file = SafeTensors::open(path);
      size_t total = 0;
      for (const SafeTensors::Entry& entry : file.entries()) {
        total += file.load(entry.name).desc().bytes();
      }
      EXPECT_LE(total, bytes.size());
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::input) << e.what();
      ++refused;
    }
    std::filesystem::remove(path);
  }
  EXPECT_GT(refused, 2000);
  EXPECT_LT(refused, 4000);
}

}  // namespace
}  // namespace weft::io
