// The fixed header of a plan file, shared by the writer, the reader and the fuzzer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/tensor.h"

namespace vivace::plan {

static_assert(std::endian::native == std::endian::little, "plans are little-endian");

// The first byte is no text and the last one breaks when a transfer rewrites line ends.
constexpr unsigned char kMagic[8] = {0x89, 'V', 'I', 'V', 'A', 'C', 'E', '\n'};
constexpr uint32_t kFormatVersion = 1;

/// Everything up to `library_version` stays as it is in every later format, so that any version can name the other.
struct Header {
  unsigned char magic[8];
  uint32_t format_version;
  uint32_t header_bytes;
  char library_version[32];  // of the writer, padded with zeros
  uint64_t metadata_offset, metadata_bytes;
  uint64_t weights_offset, weights_bytes;
  uint64_t metadata_hash;
  uint64_t weights_hash;
  uint64_t reserved;
  uint64_t header_hash;  // of all that comes before
};
static_assert(sizeof(Header) == 112);

/// What a plan's dimension is.
enum class DimKind : uint8_t { number, symbol, unknown };

constexpr uint64_t align_up(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

/// The first bytes of a file that begins with a header.
Header read_header(std::span<const std::byte> bytes);
uint64_t header_hash(const Header& header);
/// Makes the checksums of header and metadata right again after a change; for tests and the fuzzer. Does nothing where
/// the bytes are no whole plan.
void reseal(std::span<std::byte> bytes);

}  // namespace vivace::plan
