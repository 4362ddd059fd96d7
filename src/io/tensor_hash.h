// The hashes by which our safetensors files notice that their data changed.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace weft::io {

/// The key of `__metadata__` with the hashes: JSON from the names of all tensors to hash_of().
inline constexpr std::string_view kHashKey = "weft.xxh3";

/// XXH3 of 64 bits over the bytes of a tensor as they lie in the file: 16 hexadecimal digits.
std::string hash_of(std::span<const std::byte> bytes);

using TensorHashes = std::map<std::string, std::string, std::less<>>;

std::string write_hashes(const TensorHashes& hashes);
/// Reads them back. Throws Error(input) at `where` where the text is something else.
TensorHashes read_hashes(std::string_view text, const std::string& where);

}  // namespace weft::io
