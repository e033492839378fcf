// JPEG through TurboJPEG's interface, which every libjpeg-turbo since 2.0 has: no structure of the library is seen, and
// its errors are values. Chroma is upsampled the smooth way, as the standard asks, for no flag says otherwise.
#include <array>

#include "ops/images/images.h"
#include "ops/images/library.h"

namespace vivace::ops::images {

namespace {

constexpr int kRgb = 0, kCmyk = 11;          // pixel formats
constexpr int kFromCmyk = 3, kFromYcck = 4;  // colour spaces of files
constexpr int kAccurate = 4096;              // flag: the exact inverse transform
constexpr int kWarning = 0;                  // what an error code says of damage that was got over

struct Turbo {
  Library library{"libturbojpeg.so.0", "JPEG"};
  void* (*open)() = nullptr;
  int (*header)(void*, const uint8_t*, unsigned long, int*, int*, int*, int*) = nullptr;
  int (*decode)(void*, const uint8_t*, unsigned long, uint8_t*, int, int, int, int, int) = nullptr;
  int (*error_code)(void*) = nullptr;
  int (*close)(void*) = nullptr;

  Turbo() {
    library.find(open, "tjInitDecompress");
    library.find(header, "tjDecompressHeader3");
    library.find(decode, "tjDecompress2");
    library.find(error_code, "tjGetErrorCode");
    library.find(close, "tjDestroy");
  }
};

struct Decoder {
  const Turbo& turbo;
  void* handle = turbo.open();
  ~Decoder() {
    if (handle) turbo.close(handle);
  }
  bool fine(int result) const { return result == 0 || turbo.error_code(handle) == kWarning; }
};

}  // namespace

Result<Image> decode_jpeg(Bytes file) {
  static const Turbo turbo;
  VIVACE_TRY(turbo.library.status());
  const Decoder decoder{turbo};
  if (!decoder.handle) return Status(Code::out_of_memory, "a JPEG decoder");
  int width = 0, height = 0, sampling = 0, space = 0;
  if (!decoder.fine(turbo.header(decoder.handle, file.data(), file.size(), &width, &height, &sampling, &space)))
    return Image{};
  VIVACE_ASSIGN(Image image, blank(height, width));
  const bool inks = space == kFromCmyk || space == kFromYcck;
  std::vector<uint8_t> cmyk(inks ? image.rgb.size() / 3 * 4 : 0);
  if (!decoder.fine(turbo.decode(decoder.handle, file.data(), file.size(), inks ? cmyk.data() : image.rgb.data(), width,
                                 0, height, inks ? kCmyk : kRgb, kAccurate)))
    return Image{};
  for (size_t i = 0; i < cmyk.size() / 4; ++i)  // inks as files have them, inverted: 255 is none
    for (size_t c = 0; c < 3; ++c)
      image.rgb[3 * i + c] = static_cast<uint8_t>((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
  return image;
}

}  // namespace vivace::ops::images
