// WebP through libwebp.
#include "ops/images/images.h"
#include "ops/images/library.h"

namespace vivace::ops::images {

namespace {

struct WebP {
  Library library{"libwebp.so.7", "WebP"};
  int (*size)(const uint8_t*, size_t, int*, int*) = nullptr;
  uint8_t* (*decode)(const uint8_t*, size_t, uint8_t*, size_t, int) = nullptr;

  WebP() {
    library.find(size, "WebPGetInfo");
    library.find(decode, "WebPDecodeRGBInto");
  }
};

}  // namespace

Result<Image> decode_webp(Bytes file) {
  static const WebP webp;
  VIVACE_TRY(webp.library.status());
  int width = 0, height = 0;
  if (!webp.size(file.data(), file.size(), &width, &height)) return Image{};
  VIVACE_ASSIGN(Image image, blank(height, width));
  if (!webp.decode(file.data(), file.size(), image.rgb.data(), image.rgb.size(), 3 * width)) return Image{};
  return image;
}

}  // namespace vivace::ops::images
