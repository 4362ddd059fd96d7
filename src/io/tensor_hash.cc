#include "io/tensor_hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/json.h"

namespace weft::io {

std::string hash_of(std::span<const std::byte> bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

std::string write_hashes(const TensorHashes& hashes) {
  return to_json_line(hashes);
}

TensorHashes read_hashes(std::string_view text, const std::string& where) {
  const std::string place = where + ": " + std::string(kHashKey);
  const nlohmann::json json = parse_json(text, place, {.depth = 1, .values = 2'000'000});
  TensorHashes hashes;
  for (const auto& [name, hash] : json.items()) {
    if (!json.is_object() || !hash.is_string()) {
      fail(ErrorCode::input,
           {place, "names of tensors with their hashes", "another value", "the file is damaged"});
    }
    hashes[name] = hash.get<std::string>();
  }
  return hashes;
}

}  // namespace weft::io
