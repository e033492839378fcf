// Formats whose pixels lie in the file as they are: BMP, and portable bitmaps, graymaps and pixmaps.
#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "ops/images/images.h"

namespace vivace::ops::images {

namespace {

uint32_t little(Bytes file, size_t at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes && at + i < file.size(); ++i) value |= uint32_t{file[at + i]} << (8 * i);
  return value;
}

// The bits of `mask`, widened to 8.
uint8_t channel(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint64_t most = mask >> std::countr_zero(mask), value = (pixel & mask) >> std::countr_zero(mask);
  return static_cast<uint8_t>((value * 255 + most / 2) / most);
}

struct Bmp {
  int64_t width = 0, height = 0;
  uint32_t bits = 0, start = 0;
  std::array<uint32_t, 3> masks{};  // red, green, blue; of 16 and 32 bits
  std::vector<std::array<uint8_t, 3>> palette;
};

std::optional<Bmp> read_bmp_header(Bytes file) {
  Bmp b;
  const uint32_t size = little(file, 14, 4);
  if (file.size() < 26 || size < 12 || size > file.size() - 14) return std::nullopt;
  const bool old = size == 12;
  b.start = little(file, 10, 4);
  b.width = old ? int64_t{little(file, 18, 2)} : static_cast<int32_t>(little(file, 18, 4));
  b.height = old ? int64_t{little(file, 20, 2)} : static_cast<int32_t>(little(file, 22, 4));
  b.bits = little(file, old ? 24 : 28, 2);
  const uint32_t packing = old ? 0 : little(file, 30, 4);
  if (packing == 3 || packing == 6) {
    for (size_t c = 0; c < 3; ++c) b.masks[c] = little(file, 54 + 4 * c, 4);
  } else if (packing != 0) {
    return std::nullopt;  // run lengths
  } else if (b.bits == 16) {
    b.masks = {0x7c00, 0x3e0, 0x1f};
  } else {
    b.masks = {0xff0000, 0xff00, 0xff};
  }
  if (b.bits <= 8) {
    const size_t entry = old ? 3 : 4, at = 14 + size + (packing == 3 && size == 40 ? 12 : 0);
    const uint32_t said = old ? 0 : little(file, 46, 4);
    const size_t colors = said ? std::min<size_t>(said, 256) : size_t{1} << b.bits;
    for (size_t i = 0; i < colors && at + entry * (i + 1) <= file.size(); ++i)
      b.palette.push_back({file[at + entry * i + 2], file[at + entry * i + 1], file[at + entry * i]});
  }
  for (const uint32_t bits : {1, 4, 8, 16, 24, 32})
    if (b.bits == bits) return b;
  return std::nullopt;
}

}  // namespace

// Rows are padded to 4 bytes, and stand bottom up where the height is positive.
Result<Image> decode_bmp(Bytes file) {
  const std::optional<Bmp> b = read_bmp_header(file);
  if (!b || b->width < 1 || b->height == 0) return Image{};
  const int64_t height = std::abs(b->height);
  const auto row = static_cast<size_t>((b->width * b->bits + 31) / 32 * 4);
  if (b->start > file.size() || (file.size() - b->start) / row < static_cast<size_t>(height)) return Image{};
  VIVACE_ASSIGN(Image image, blank(height, b->width));
  for (int64_t y = 0; y < height; ++y) {
    const Bytes line = file.subspan(b->start + row * static_cast<size_t>(b->height > 0 ? height - 1 - y : y), row);
    for (int64_t x = 0; x < b->width; ++x) {
      uint8_t* to = image.at(y, x);
      const auto i = static_cast<size_t>(x);
      if (b->bits > 8) {
        const uint32_t pixel = little(line, i * b->bits / 8, b->bits / 8);
        for (size_t c = 0; c < 3; ++c) to[c] = channel(pixel, b->masks[c]);
        continue;
      }
      const size_t bit = i * b->bits;
      const size_t index = line[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1);
      if (index >= b->palette.size()) return Image{};
      std::copy_n(b->palette[index].begin(), 3, to);
    }
  }
  return image;
}

namespace {

// Numbers as text, with comments, and what follows them.
class PnmReader {
 public:
  explicit PnmReader(Bytes file) : file_(file) {}

  std::optional<uint32_t> number(size_t most_digits = 10) {
    for (; at_ < file_.size() && !is_digit(); ++at_) {
      if (file_[at_] == '#')
        while (at_ < file_.size() && file_[at_] != '\n') ++at_;
      if (at_ == file_.size()) return std::nullopt;
    }
    uint64_t value = 0;
    size_t digits = 0;
    for (; at_ < file_.size() && is_digit() && digits < most_digits; ++at_, ++digits)
      value = value * 10 + (file_[at_] - '0');
    return digits == 0 || value > UINT32_MAX ? std::nullopt : std::optional(static_cast<uint32_t>(value));
  }
  Bytes rest() const { return at_ < file_.size() ? file_.subspan(at_ + 1) : Bytes(); }  // after one white space
  size_t left() const { return file_.size() - at_; }

 private:
  bool is_digit() const { return file_[at_] >= '0' && file_[at_] <= '9'; }

  Bytes file_;
  size_t at_ = 2;
};

}  // namespace

// P1 to P3 are text, P4 to P6 binary; bits (1 is black), shades, colours.
Result<Image> decode_pnm(Bytes file) {
  const int kind = file[1] - '1';
  const bool text = kind < 3, bits = kind % 3 == 0, colors = kind % 3 == 2;
  PnmReader reader(file);
  const auto width = reader.number(), height = reader.number(), most = bits ? std::optional(1u) : reader.number();
  if (!width || !height || !most || *width < 1 || *height < 1 || *most < 1 || *most > 65535) return Image{};
  const size_t samples = colors ? 3 : 1, bytes = *most > 255 ? 2 : 1;
  const size_t row = bits ? (size_t{*width} + 7) / 8 : size_t{*width} * samples * bytes;
  const Bytes data = reader.rest();
  if (text ? reader.left() / (size_t{*width} * samples) < *height : data.size() / row < *height) return Image{};
  VIVACE_ASSIGN(Image image, blank(*height, *width));
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      uint8_t* to = image.at(y, x);
      for (size_t c = 0; c < samples; ++c) {
        const auto i = static_cast<size_t>(x) * samples + c;
        const Bytes line = text ? Bytes() : data.subspan(row * static_cast<size_t>(y), row);
        uint32_t value = 0;
        if (text) {
          const auto read = reader.number(bits ? 1 : 10);
          if (!read) return Image{};
          value = *read;
        } else if (bits) {
          value = line[i / 8] >> (7 - i % 8) & 1;
        } else {
          value = bytes == 1 ? line[i] : uint32_t{line[2 * i]} << 8 | line[2 * i + 1];
        }
        if (bits) value ^= 1;
        to[c] = static_cast<uint8_t>((uint64_t{std::min(value, *most)} * 255 + *most / 2) / *most);
      }
      if (!colors) to[1] = to[2] = to[0];
    }
  }
  return image;
}

}  // namespace vivace::ops::images
