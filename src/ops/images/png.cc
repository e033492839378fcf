// PNG (ISO 15948): all colour types and depths, interlaced or not. Transparency is left out; checksums are not checked.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "ops/images/images.h"

namespace vivace::ops::images {

namespace {

uint32_t big(Bytes file, size_t at) {
  return uint32_t{file[at]} << 24 | uint32_t{file[at + 1]} << 16 | uint32_t{file[at + 2]} << 8 | file[at + 3];
}

struct Png {
  uint32_t width = 0, height = 0;
  size_t depth = 0, color = 0;
  bool interlaced = false;
  Bytes palette;
  std::vector<uint8_t> packed;  // of all parts

  size_t samples() const { return color == 2 ? 3 : color == 4 ? 2 : color == 6 ? 4 : 1; }
  size_t bits() const { return depth * samples(); }
  size_t row(size_t pixels) const { return (pixels * bits() + 7) / 8; }
};

bool known_depth(size_t color, size_t depth) {
  const auto one_of = [&](std::initializer_list<size_t> depths) {
    return std::find(depths.begin(), depths.end(), depth) != depths.end();
  };
  switch (color) {
    case 0: return one_of({1, 2, 4, 8, 16});
    case 3: return one_of({1, 2, 4, 8});
    case 2:
    case 4:
    case 6: return one_of({8, 16});
    default: return false;
  }
}

std::optional<Png> read_chunks(Bytes file) {
  Png png;
  for (size_t at = 8; file.size() - at >= 12;) {
    const size_t length = big(file, at);
    if (length > file.size() - at - 12) return std::nullopt;
    const std::string_view name(reinterpret_cast<const char*>(file.data()) + at + 4, 4);
    const Bytes data = file.subspan(at + 8, length);
    if (name == "IHDR" && length == 13) {
      png.width = big(data, 0);
      png.height = big(data, 4);
      png.depth = data[8];
      png.color = data[9];
      png.interlaced = data[12] == 1;
      if (!known_depth(png.color, png.depth) || data[10] || data[11] || data[12] > 1) return std::nullopt;
    } else if (name == "PLTE") {
      png.palette = data;
    } else if (name == "IDAT") {
      png.packed.insert(png.packed.end(), data.begin(), data.end());
    } else if (name == "IEND") {
      break;
    }
    at += length + 12;
  }
  if (png.width < 1 || png.height < 1 || png.packed.size() < 6) return std::nullopt;
  return png;
}

// Undoes a row's filter; `before` is the row above it, undone.
bool unfilter(uint8_t filter, uint8_t* row, const uint8_t* before, size_t size, size_t pixel) {
  const auto left = [&](size_t i) { return i < pixel ? 0 : int{row[i - pixel]}; };
  const auto above = [&](size_t i) { return before ? int{before[i]} : 0; };
  const auto corner = [&](size_t i) { return i < pixel ? 0 : above(i - pixel); };
  const auto paeth = [&](size_t i) {
    const int a = left(i), b = above(i), c = corner(i), pa = std::abs(b - c), pb = std::abs(a - c),
              pc = std::abs(a + b - 2 * c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  };
  for (size_t i = 0; i < size && filter != 0; ++i) {
    const int add = filter == 1 ? left(i) : filter == 2 ? above(i) : filter == 3 ? (left(i) + above(i)) / 2 : paeth(i);
    row[i] = static_cast<uint8_t>(row[i] + add);
  }
  return filter <= 4;
}

// Sample i of a row as 8 bits; of a palette the index.
uint8_t sample(const Png& png, const uint8_t* row, size_t i) {
  if (png.depth == 8) return row[i];
  if (png.depth == 16) return row[2 * i];
  const size_t bit = i * png.depth, most = (size_t{1} << png.depth) - 1;
  const size_t value = row[bit / 8] >> (8 - png.depth - bit % 8) & most;
  return static_cast<uint8_t>(png.color == 3 ? value : value * 255 / most);
}

bool put(const Png& png, const uint8_t* row, size_t x, uint8_t* to) {
  const size_t samples = png.samples();
  if (png.color == 3) {
    const size_t index = sample(png, row, x);
    if (index * 3 + 3 > png.palette.size()) return false;
    std::memcpy(to, png.palette.data() + index * 3, 3);
  } else {
    for (size_t c = 0; c < 3; ++c) to[c] = sample(png, row, x * samples + (samples < 3 ? 0 : c));
  }
  return true;
}

// Every `step`th pixel from `first` on, in both directions.
struct Pass {
  size_t x, y, step_x, step_y;
};
constexpr Pass kWhole[] = {{0, 0, 1, 1}};
constexpr Pass kInterlaced[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

size_t count(size_t size, size_t first, size_t step) { return size > first ? (size - first + step - 1) / step : 0; }

}  // namespace

Result<Image> decode_png(Bytes file) {
  const std::optional<Png> png = read_chunks(file);
  if (!png) return Image{};
  VIVACE_TRY(check_size(png->height, png->width));
  const std::span<const Pass> passes = png->interlaced ? std::span<const Pass>(kInterlaced) : kWhole;
  size_t expected = 0;
  for (const Pass& pass : passes) {
    const size_t columns = count(png->width, pass.x, pass.step_x);
    if (columns) expected += count(png->height, pass.y, pass.step_y) * (png->row(columns) + 1);
  }
  std::vector<uint8_t> data = inflate(Bytes(png->packed).subspan(2), expected);  // after zlib's header
  if (data.size() != expected) return Image{};
  VIVACE_ASSIGN(Image image, blank(png->height, png->width));
  uint8_t* at = data.data();
  for (const Pass& pass : passes) {
    const size_t columns = count(png->width, pass.x, pass.step_x), row = png->row(columns);
    const uint8_t* before = nullptr;
    for (size_t y = pass.y; columns && y < png->height; y += pass.step_y) {
      uint8_t* pixels = at + 1;
      if (!unfilter(*at, pixels, before, row, std::max<size_t>(1, png->bits() / 8))) return Image{};
      for (size_t i = 0; i < columns; ++i)
        if (!put(*png, pixels, i, image.at(static_cast<int64_t>(y), static_cast<int64_t>(pass.x + i * pass.step_x))))
          return Image{};
      before = pixels;
      at = pixels + row;
    }
  }
  return image;
}

}  // namespace vivace::ops::images
