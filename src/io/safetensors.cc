#include "io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft::io {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMostHeader = 100'000'000;  // the limit of the reference implementation
constexpr std::string_view kMetadata = "__metadata__";
constexpr std::string_view kDamaged = "the file is damaged or no safetensors file";

struct Spelling {
  DType dtype;
  std::string_view name;
};
constexpr Spelling kSpellings[] = {{DType::f64, "F64"}, {DType::f32, "F32"}, {DType::bf16, "BF16"},
                                   {DType::i64, "I64"}, {DType::i32, "I32"}, {DType::u8, "U8"}};

std::string_view spelling(DType dtype) {
  return std::find_if(std::begin(kSpellings), std::end(kSpellings),
                      [&](const Spelling& s) { return s.dtype == dtype; })
      ->name;
}

// Checks of one tensor of one file; every complaint names both.
class Reader {
 public:
  Reader(std::string where, uint64_t data_bytes)
      : where_(std::move(where)), data_bytes_(data_bytes) {}

  struct Span {
    TensorDesc desc;
    uint64_t begin, end;
  };

  Span read(const std::string& name, const json& tensor) const {
    if (!tensor.is_object())
      refuse(name, "an object with dtype, shape and data_offsets", "another value");
    const TensorDesc desc{dtype(name, member(name, tensor, "dtype")),
                          shape(name, member(name, tensor, "shape"))};
    const json& offsets = member(name, tensor, "data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      refuse(name, "data_offsets of two whole numbers from 0", brief(offsets));
    }
    const uint64_t begin = offsets[0], end = offsets[1];
    if (begin > end || end > data_bytes_) {
      refuse(name, fmt::format("data_offsets in order and within {} bytes of data", data_bytes_),
             brief(offsets));
    }
    if (end - begin != bytes_of(name, desc)) {
      refuse(name, fmt::format("{} bytes for {}", bytes_of(name, desc), desc.str()),
             fmt::format("{}", end - begin));
    }
    return {desc, begin, end};
  }

  [[noreturn]] void refuse(const std::string& name, std::string expected, std::string got) const {
    fail(ErrorCode::input, {where_ + ": tensor " + in_quotes(name), std::move(expected),
                            std::move(got), std::string(kDamaged)});
  }

 private:
  static std::string brief(const json& value) {
    return in_quotes(value.is_string() ? value.get<std::string>() : to_json_line(value));
  }

  const json& member(const std::string& name, const json& tensor, const char* key) const {
    const auto it = tensor.find(key);
    if (it == tensor.end()) refuse(name, std::string("a member ") + key, "none");
    return *it;
  }

  DType dtype(const std::string& name, const json& value) const {
    if (value.is_string()) {
      for (const Spelling& s : kSpellings) {
        if (s.name == value.get_ref<const std::string&>()) return s.dtype;
      }
    }
    fail(ErrorCode::input,
         {where_ + ": tensor " + in_quotes(name), "dtype F64, F32, BF16, I64, I32 or U8",
          brief(value), "convert the file to one of these types first"});
  }

  Shape shape(const std::string& name, const json& value) const {
    if (!value.is_array() || value.size() > Shape::kMaxRank) {
      refuse(name, fmt::format("a shape of at most {} dimensions", Shape::kMaxRank), brief(value));
    }
    std::vector<int64_t> dims;
    for (const json& dim : value) {
      if (!dim.is_number_unsigned() || dim.get<uint64_t>() > INT64_MAX) {
        refuse(name, "a shape of whole numbers from 0", brief(value));
      }
      dims.push_back(dim.get<int64_t>());
    }
    return Shape(dims);
  }

  // Numbers of the header are multiplied here and nowhere before. An empty tensor must have small
  // dimensions as well: strides are products of them.
  uint64_t bytes_of(const std::string& name, const TensorDesc& desc) const {
    uint64_t bytes = size_of(desc.dtype);
    bool empty = false;
    for (int i = 0; i < desc.shape.rank(); ++i) {
      const auto dim = static_cast<uint64_t>(desc.shape[i]);
      empty = empty || dim == 0;
      if (dim != 0 && __builtin_mul_overflow(bytes, dim, &bytes)) bytes = UINT64_MAX;
      if (bytes > INT64_MAX) refuse(name, "a shape that memory could hold", desc.shape.str());
    }
    return empty ? 0 : bytes;
  }

  std::string where_;
  uint64_t data_bytes_;
};

uint64_t header_length(std::span<const std::byte> file, const std::string& where) {
  if (file.size() < kLengthBytes) {
    fail(ErrorCode::input, {where, "a safetensors file: at least 8 bytes",
                            std::to_string(file.size()), std::string(kDamaged)});
  }
  uint64_t length;
  std::memcpy(&length, file.data(), kLengthBytes);
  const uint64_t most = std::min<uint64_t>(kMostHeader, file.size() - kLengthBytes);
  if (length > most) {
    fail(ErrorCode::input, {where, fmt::format("a safetensors header of at most {} bytes", most),
                            std::to_string(length), std::string(kDamaged)});
  }
  return length;
}

std::map<std::string, std::string> read_metadata(const json& value, const std::string& where) {
  std::map<std::string, std::string> metadata;
  const bool right =
      value.is_object() && std::all_of(value.begin(), value.end(),
                                       [](const json& member) { return member.is_string(); });
  if (!right) {
    fail(ErrorCode::input,
         {where, "__metadata__ from strings to strings", "another value", std::string(kDamaged)});
  }
  for (const auto& [key, text] : value.items()) metadata[key] = text.get<std::string>();
  return metadata;
}

[[noreturn]] void refuse_changed(const Path& path, const std::string& name, std::string got,
                                 const std::string& written = "") {
  fail(ErrorCode::input, {path.string() + ": tensor " + in_quotes(name),
                          fmt::format("data of the hash{} that was written with it",
                                      written.empty() ? "" : " " + written),
                          std::move(got),
                          "the file is damaged; or a program that changed it kept " +
                              std::string(kHashKey) + " in its __metadata__: then remove that"});
}

}  // namespace

SafeTensors SafeTensors::open(const Path& path) {
  SafeTensors file(path);
  file.parse();
  return file;
}

void SafeTensors::parse() {
  const std::string where = path_.string();
  const uint64_t length = header_length(file_.bytes(), where);
  const std::string_view text = file_.text().substr(kLengthBytes, length);
  const std::span<const std::byte> data = file_.bytes().subspan(kLengthBytes + length);
  // A tensor is 8 values or more, so the limit on values is one on tensors (250 thousand) as well.
  const json header = parse_json(text, where, {kMostHeader, 8, 2'000'000});
  if (!text.starts_with('{')) {
    fail(ErrorCode::input, {where, "a header that begins with {", in_quotes(text.substr(0, 8)),
                            std::string(kDamaged)});
  }
  const Reader reader(where, data.size());
  for (const auto& [name, tensor] : header.items()) {
    if (name == kMetadata) {
      metadata_ = read_metadata(tensor, where);
      continue;
    }
    const Reader::Span span = reader.read(name, tensor);
    entries_.push_back({name, span.desc, data.subspan(span.begin, span.end - span.begin)});
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  const std::byte* next = data.data();
  for (const Entry& entry : entries_) {
    if (entry.bytes.data() != next) {
      reader.refuse(entry.name, fmt::format("data_offsets from {}", next - data.data()),
                    fmt::format("{}, which {}", entry.bytes.data() - data.data(),
                                entry.bytes.data() < next ? "overlaps" : "leaves a hole"));
    }
    next += entry.bytes.size();
    index_[entry.name] = static_cast<size_t>(&entry - entries_.data());
  }
  const auto used = static_cast<size_t>(next - data.data());
  if (used != data.size()) {
    fail(ErrorCode::input, {where, fmt::format("{} bytes of data, as the header says", used),
                            std::to_string(data.size()), std::string(kDamaged)});
  }
  if (!has_hashes()) return;
  hashes_ = read_hashes(metadata_.at(std::string(kHashKey)), where);
  match_hashes();
}

// Every tensor has a hash, and no hash is of a tensor that was taken out.
void SafeTensors::match_hashes() const {
  for (const Entry& entry : entries_) {
    if (!hashes_.contains(entry.name)) refuse_changed(path_, entry.name, "none");
  }
  for (const auto& [name, hash] : hashes_) {
    if (find(name) == nullptr) refuse_changed(path_, name, "no such tensor");
  }
}

void SafeTensors::check_hash(const Entry& entry) const {
  const auto written = hashes_.find(entry.name);
  if (written == hashes_.end()) return;
  const std::string hash = hash_of(entry.bytes);
  if (hash != written->second) refuse_changed(path_, entry.name, hash, written->second);
}

const SafeTensors::Entry* SafeTensors::find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

const SafeTensors::Entry& SafeTensors::get(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) {
    fail(ErrorCode::input, {path_.string(), "a tensor named " + in_quotes(name), "none", ""});
  }
  return *entry;
}

Tensor SafeTensors::load(std::string_view name) const {
  const Entry& entry = get(name);
  Tensor tensor(entry.desc);
  read(name, tensor.view());
  return tensor;
}

void SafeTensors::read(std::string_view name, const TensorView& to) const {
  const Entry& entry = get(name);
  if (!(entry.desc == to.desc)) {
    fail(ErrorCode::input, {path_.string() + ": tensor " + in_quotes(name), to.desc.str(),
                            entry.desc.str(), "it belongs to a model of other sizes or type"});
  }
  check_hash(entry);
  if (!entry.bytes.empty()) std::memcpy(to.data, entry.bytes.data(), entry.bytes.size());
}

namespace {

std::span<const std::byte> bytes_of(const NamedTensor& t) {
  return {static_cast<const std::byte*>(t.tensor.data), t.tensor.desc.bytes()};
}

std::string metadata_text(std::span<const NamedTensor> tensors,
                          std::map<std::string, std::string> metadata) {
  TensorHashes hashes;
  for (const NamedTensor& t : tensors) hashes[t.name] = hash_of(bytes_of(t));
  metadata[std::string(kHashKey)] = write_hashes(hashes);
  return to_json_line(metadata);
}

std::string header_text(std::span<const NamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata) {
  std::set<std::string_view> names{kMetadata};
  std::string text;
  size_t offset = 0;
  for (const NamedTensor& t : tensors) {
    if (!is_utf8(t.name) || !names.insert(t.name).second) {
      fail(ErrorCode::usage,
           {"write safetensors", "names in UTF-8, each used once, not __metadata__",
            in_quotes(t.name), ""});
    }
    const Shape& shape = t.tensor.desc.shape;
    std::vector<int64_t> dims;
    for (int i = 0; i < shape.rank(); ++i) dims.push_back(shape[i]);
    const size_t end = offset + t.tensor.desc.bytes();
    text += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        to_json_line(t.name), spelling(t.tensor.desc.dtype), fmt::join(dims, ","),
                        offset, end);
    offset = end;
  }
  text = fmt::format("{{\"{}\":{}{}}}", kMetadata, metadata_text(tensors, metadata), text);
  // Padded, so that in the file the data begins at a multiple of 8.
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const Path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(tensors, metadata);
  const uint64_t length = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const NamedTensor& t : tensors) {
    file.write(bytes_of(t));
  }
  file.commit();
}

}  // namespace weft::io
