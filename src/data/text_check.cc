#include "data/text_check.h"

#include <algorithm>

#include "io/utf8.h"

namespace weft {
namespace {

using namespace std::string_view_literals;

struct Format {
  std::string_view begin;
  const char* name;
  size_t offset = 0;
};

// Only what text does not begin with. Most of these have text in them somewhere, or so few bytes
// that counting them says little.
constexpr Format kFormats[] = {
    {"\x7f"
     "ELF"sv,
     "a program or library"},
    {"\x89PNG\r\n"sv, "a PNG image"},
    {"\xff\xd8\xff"sv, "a JPEG image"},
    {"GIF87a"sv, "a GIF image"},
    {"GIF89a"sv, "a GIF image"},
    {"%PDF-"sv, "a PDF document"},
    {"PK\x03\x04"sv, "a zip archive"},
    {"\x1f\x8b"sv, "a gzip file"},
    {"BZh91AY&SY"sv, "a bzip2 file"},
    {"\xfd"
     "7zXZ\0"sv,
     "an xz file"},
    {"\x28\xb5\x2f\xfd"sv, "a zstd file"},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
    {"ustar"sv, "a tar archive", 257},
    {"!<arch>\n"sv, "an archive of object files"},
    {"SQLite format 3\0"sv, "an SQLite database"},
    {"\x93NUMPY"sv, "a NumPy array"},
    {"\x89HDF\r\n"sv, "an HDF5 file"},
    {"\r\n\0\0"sv, "compiled Python", 2},
    {"PAR1"sv, "a Parquet file"},
    {"\0asm"sv, "a WebAssembly module"},
    {"OggS\0"sv, "an Ogg recording"},
    {"fLaC\0"sv, "a FLAC recording"},
    {"GGUF\x03\0"sv, "a GGUF model"},
    {"\xff\xfe"sv, "UTF-16 text"},
    {"\xfe\xff"sv, "UTF-16 text"},
};

struct Counts {
  size_t bytes = 0, nul = 0, control = 0, invalid = 0;
};

// Control characters that no text has; tabs, ends of lines and pages, backspaces and escapes do.
bool is_control(unsigned char c) {
  return (c < 0x20 && !(c >= 0x08 && c <= 0x0d) && c != 0x1b && c != 0) || c == 0x7f;
}

// Bytes outside well-formed sequences; a sequence that the ends of the piece cut is none of them.
size_t count_invalid(std::string_view piece) {
  size_t invalid = 0, first = 0;
  while (first < piece.size() && first < 3 && (piece[first] & 0xc0) == 0x80) ++first;
  piece.remove_prefix(first);
  while (!piece.empty()) {
    const size_t at = io::first_invalid_utf8(piece);
    if (at == std::string_view::npos) break;
    piece.remove_prefix(at);
    const auto lead = static_cast<unsigned char>(piece.front());
    if (piece.size() < 4 && lead >= 0xc2 && lead < 0xf5) break;
    ++invalid;
    piece.remove_prefix(1);
  }
  return invalid;
}

void count(std::string_view piece, Counts& counts) {
  counts.bytes += piece.size();
  for (const char c : piece) {
    if (c == 0) ++counts.nul;
    if (is_control(static_cast<unsigned char>(c))) ++counts.control;
  }
  counts.invalid += count_invalid(piece);
}

}  // namespace

TextCheck check_text(std::span<const std::string_view> pieces) {
  Counts n;
  for (const Format& f : kFormats) {
    if (pieces.empty() || pieces.front().size() < f.offset) continue;
    const std::string_view begin = pieces.front().substr(f.offset);
    if (begin.starts_with(f.begin)) return {TextKind::binary, f.name};
  }
  for (const std::string_view piece : pieces) count(piece, n);
  // UTF-16 of Latin letters is half NULs, words that NULs separate a fifth.
  const bool nuls = n.nul * 5 > 2 * n.bytes;
  const bool random = n.control * 50 > n.bytes && n.invalid * 50 > n.bytes;
  if (nuls || random) return {TextKind::binary, "binary data"};
  return {n.invalid > 0 ? TextKind::other : TextKind::utf8, ""};
}

std::vector<FilePiece> pieces_to_judge(size_t size) {
  constexpr size_t kHead = size_t{1} << 16, kPiece = size_t{1} << 12, kPlaces = 16;
  if (size <= 2 * kHead) return {{0, size}};
  std::vector<FilePiece> pieces{{0, kHead}};
  const size_t rest = size - kHead - kPiece;
  for (size_t i = 1; i <= kPlaces; ++i) pieces.push_back({kHead + rest / kPlaces * i, kPiece});
  return pieces;
}

}  // namespace weft
