// Decoders of image files.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"

namespace vivace::ops::images {

using Bytes = std::span<const uint8_t>;

/// Pixels in rows from the top, red, green and blue each; without rows where a file cannot be decoded.
struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> rgb;

  uint8_t* at(int64_t y, int64_t x) { return rgb.data() + (y * width + x) * 3; }
};

/// An error for more pixels than the decoders make: what a file says of its size is hostile.
Status check_size(int64_t height, int64_t width);
/// An image of zeros, checked likewise.
Result<Image> blank(int64_t height, int64_t width);

/// Decodes a BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file. An empty image where the bytes are none of these, or
/// are damaged, as the standard has it; an error where the library of the format is absent or the image is too large.
Result<Image> decode(Bytes file);

// One format each, as decode() finds it by its signature.
Result<Image> decode_bmp(Bytes file);
Result<Image> decode_pnm(Bytes file);
Result<Image> decode_png(Bytes file);
Result<Image> decode_jpeg(Bytes file);
Result<Image> decode_jpeg2000(Bytes file);
Result<Image> decode_tiff(Bytes file);
Result<Image> decode_webp(Bytes file);

/// What deflate packed (RFC 1951), at most `most` bytes of it; empty where the bytes are damaged.
std::vector<uint8_t> inflate(Bytes packed, size_t most);

}  // namespace vivace::ops::images
