#include "plan/header.h"

#include <cstring>

#include "base/hash.h"

namespace vivace::plan {

Header read_header(std::span<const std::byte> bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

uint64_t header_hash(const Header& header) { return hash_bytes(&header, offsetof(Header, header_hash)); }

void reseal(std::span<std::byte> bytes) {
  if (bytes.size() < sizeof(Header)) return;
  Header header = read_header(bytes);
  if (header.metadata_offset > bytes.size() || header.metadata_bytes > bytes.size() - header.metadata_offset) return;
  header.metadata_hash = hash_bytes(bytes.data() + header.metadata_offset, header.metadata_bytes);
  header.header_hash = header_hash(header);
  std::memcpy(bytes.data(), &header, sizeof(header));
}

}  // namespace vivace::plan
