// XXH3 hashes, for cache keys and checksums (not for secrets).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vivace {

uint64_t hash_bytes(const void* data, size_t bytes, uint64_t seed = 0);
inline uint64_t hash_text(std::string_view text, uint64_t seed = 0) { return hash_bytes(text.data(), text.size(), seed); }
/// 16 hexadecimal digits.
std::string to_hex(uint64_t hash);

}  // namespace vivace
