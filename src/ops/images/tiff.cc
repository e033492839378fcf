// TIFF through libtiff's RGBA interface, which knows every colour space and packing of it. The options that came with
// 4.5 keep its messages from being printed and its allocations small.
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "ops/images/images.h"
#include "ops/images/library.h"

namespace vivace::ops::images {

namespace {

constexpr uint32_t kWidth = 256, kHeight = 257;  // tags
constexpr int kFromTopLeft = 1;
constexpr int64_t kMostBytes = int64_t{1} << 30;  // that libtiff allocates at once

using Say = int (*)(void*, void*, const char*, const char*, va_list);
using Transfer = int64_t (*)(void*, void*, int64_t);

struct LibTiff {
  Library library{"libtiff.so.6", "TIFF"};
  void* (*make_options)() = nullptr;
  void (*free_options)(void*) = nullptr;
  void (*limit)(void*, int64_t) = nullptr;
  void (*on_error)(void*, Say, void*) = nullptr;
  void (*on_warning)(void*, Say, void*) = nullptr;
  void* (*open)(const char*, const char*, void*, Transfer, Transfer, uint64_t (*)(void*, uint64_t, int), int (*)(void*),
                uint64_t (*)(void*), int (*)(void*, void**, int64_t*), void (*)(void*, void*, int64_t),
                void*) = nullptr;
  int (*field)(void*, uint32_t, ...) = nullptr;
  int (*read)(void*, uint32_t, uint32_t, uint32_t*, int, int) = nullptr;
  void (*close)(void*) = nullptr;

  LibTiff() {
    library.find(make_options, "TIFFOpenOptionsAlloc");
    library.find(free_options, "TIFFOpenOptionsFree");
    library.find(limit, "TIFFOpenOptionsSetMaxSingleMemAlloc");
    library.find(on_error, "TIFFOpenOptionsSetErrorHandlerExtR");
    library.find(on_warning, "TIFFOpenOptionsSetWarningHandlerExtR");
    library.find(open, "TIFFClientOpenExt");
    library.find(field, "TIFFGetField");
    library.find(read, "TIFFReadRGBAImageOriented");
    library.find(close, "TIFFClose");
  }
};

// The bytes as a file.
struct Source {
  Bytes bytes;
  uint64_t at = 0;
};

int64_t read_some(void* from, void* to, int64_t count) {
  Source& s = *static_cast<Source*>(from);
  const uint64_t left = s.at < s.bytes.size() ? s.bytes.size() - s.at : 0;
  const uint64_t taken = std::min<uint64_t>(left, static_cast<uint64_t>(std::max<int64_t>(count, 0)));
  if (taken) std::memcpy(to, s.bytes.data() + s.at, taken);
  s.at += taken;
  return static_cast<int64_t>(taken);
}
int64_t write_none(void*, void*, int64_t) { return 0; }
uint64_t seek(void* from, uint64_t offset, int whence) {
  Source& s = *static_cast<Source*>(from);
  return s.at = offset + (whence == SEEK_CUR ? s.at : whence == SEEK_END ? s.bytes.size() : 0);
}
int close_nothing(void*) { return 0; }
uint64_t size_of(void* from) { return static_cast<Source*>(from)->bytes.size(); }
int map_nothing(void*, void**, int64_t*) { return 0; }
void unmap_nothing(void*, void*, int64_t) {}
int say_nothing(void*, void*, const char*, const char*, va_list) { return 1; }

}  // namespace

Result<Image> decode_tiff(Bytes file) {
  static const LibTiff tiff;
  VIVACE_TRY(tiff.library.status());
  void* options = tiff.make_options();
  if (!options) return Status(Code::out_of_memory, "a TIFF decoder");
  tiff.limit(options, kMostBytes);
  tiff.on_error(options, say_nothing, nullptr);
  tiff.on_warning(options, say_nothing, nullptr);
  Source source{file};
  void* handle = tiff.open("image", "r", &source, read_some, write_none, seek, close_nothing, size_of, map_nothing,
                           unmap_nothing, options);
  tiff.free_options(options);
  if (!handle) return Image{};
  const auto read = [&]() -> Result<Image> {
    uint32_t width = 0, height = 0;
    if (!tiff.field(handle, kWidth, &width) || !tiff.field(handle, kHeight, &height)) return Image{};
    VIVACE_ASSIGN(Image image, blank(height, width));
    std::vector<uint32_t> pixels(image.rgb.size() / 3);
    if (pixels.empty() || !tiff.read(handle, width, height, pixels.data(), kFromTopLeft, 1)) return Image{};
    for (size_t i = 0; i < pixels.size(); ++i)
      for (size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = static_cast<uint8_t>(pixels[i] >> (8 * c));
    return image;
  };
  Result<Image> image = read();
  tiff.close(handle);
  return image;
}

}  // namespace vivace::ops::images
