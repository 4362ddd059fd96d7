// rdata_text FILE.rdb: the lines of every character vector in an R data base, to stdout.
//
// Debian packages the Austen novels only as an R package. Its .rdb file is a sequence of
// [4-byte big-endian unpacked size][zlib stream]; each unpacks to R's XDR serialisation
// (R Internals, section 1.8). Written in C++ because a fresh Debian has neither R nor Python nor
// Perl's zlib module, while scripts/bootstrap brings a compiler and zlib anyway.
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

// Items of R's serialisation; the low byte of the flags in front of each says which.
constexpr uint32_t kCharSxp = 9, kStrSxp = 16;
constexpr uint32_t kMissing = 0xffffffff;  // the length of a missing string
constexpr uint32_t kLargest = 64u << 20;   // no novel is longer than 64 MiB

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool at_end() const { return bytes_.empty(); }
  std::string_view rest() const { return bytes_; }
  std::string_view take(size_t size) {
    if (size > bytes_.size()) throw std::runtime_error("the file ends inside an item");
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  uint32_t u32() {  // big-endian
    uint32_t value = 0;
    for (const char c : take(4)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

 private:
  std::string_view bytes_;
};

// Unpacks the zlib stream at the front of `in` and steps over it.
std::string inflate_one(Reader& in, uint32_t unpacked_size) {
  if (unpacked_size > kLargest) throw std::runtime_error("an item claims more than 64 MiB");
  std::string out(unpacked_size, '\0');
  uLongf written = unpacked_size;
  uLong consumed = in.rest().size();
  const int status = uncompress2(reinterpret_cast<Bytef*>(out.data()), &written,
                                 reinterpret_cast<const Bytef*>(in.rest().data()), &consumed);
  if (status != Z_OK || written != unpacked_size) throw std::runtime_error("a bad zlib stream");
  in.take(consumed);
  return out;
}

// Appends the lines of one serialised value; values that are no character vector add nothing.
void append_lines(std::string_view serialised, std::string& text) {
  Reader in(serialised);
  if (in.take(2) != "X\n") throw std::runtime_error("not R's XDR serialisation");
  const uint32_t version = in.u32();
  in.take(8);                           // the R that wrote it, the oldest that can read it
  if (version >= 3) in.take(in.u32());  // the native encoding
  if ((in.u32() & 0xff) != kStrSxp) return;
  for (uint32_t lines = in.u32(); lines > 0; --lines) {
    if ((in.u32() & 0xff) != kCharSxp) throw std::runtime_error("expected a string");
    const uint32_t length = in.u32();
    if (length != kMissing) text += in.take(length);
    text += '\n';
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("expected one argument: FILE.rdb");
  std::ifstream file(argv[1], std::ios::binary);
  if (!file) throw std::runtime_error("cannot read it");
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::string text;
  for (Reader in(bytes); !in.at_end();) {
    const uint32_t unpacked_size = in.u32();
    append_lines(inflate_one(in, unpacked_size), text);
  }
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::runtime_error("cannot write to stdout");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "rdata_text: %s: %s\n", argc > 1 ? argv[1] : "usage", error.what());
  return 1;
}
