// Which decoder a file belongs to.
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "ops/images/images.h"

namespace vivace::ops::images {

namespace {

constexpr int64_t kMostPixels = int64_t{1} << 27;

struct Format {
  std::string_view signature;
  Result<Image> (*decode)(Bytes);
};
using namespace std::string_view_literals;
constexpr Format kFormats[] = {
    {"BM", decode_bmp},
    {"\xff\xd8\xff", decode_jpeg},
    {"\0\0\0\x0cjP  \r\n\x87\n"sv, decode_jpeg2000},
    {"\xff\x4f\xff\x51", decode_jpeg2000},
    {"\x89PNG\r\n\x1a\n", decode_png},
    {"II*\0"sv, decode_tiff},
    {"MM\0*"sv, decode_tiff},
    {"II+\0"sv, decode_tiff},
    {"MM\0+"sv, decode_tiff},
    {"RIFF", decode_webp},
    {"P1", decode_pnm},
    {"P2", decode_pnm},
    {"P3", decode_pnm},
    {"P4", decode_pnm},
    {"P5", decode_pnm},
    {"P6", decode_pnm},
};

}  // namespace

Status check_size(int64_t height, int64_t width) {
  if (width < 1 || height <= kMostPixels / width) return {};
  return {Code::unsupported, "an image of " + std::to_string(height) + " x " + std::to_string(width) +
                                 " pixels; at most " + std::to_string(kMostPixels) + " are decoded"};
}

Result<Image> blank(int64_t height, int64_t width) {
  if (height < 1 || width < 1) return Image{};
  VIVACE_TRY(check_size(height, width));
  Image image{height, width, {}};
  image.rgb.resize(static_cast<size_t>(height * width) * 3);
  return image;
}

Result<Image> decode(Bytes file) {
  for (const Format& format : kFormats)
    if (file.size() >= format.signature.size() &&
        std::memcmp(file.data(), format.signature.data(), format.signature.size()) == 0)
      return format.decode(file);
  return Image{};
}

}  // namespace vivace::ops::images
