// JPEG 2000 through OpenJPEG. Of its structures only the image's is seen; that of the parameters is room enough for
// any.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "ops/images/images.h"
#include "ops/images/library.h"

namespace vivace::ops::images {

namespace {

constexpr int kCodestream = 0, kFile = 2;  // codecs
constexpr int kYcc = 3;                    // a colour space
constexpr size_t kParameters = 64 << 10;   // bytes, several times what any version has
constexpr size_t kBuffer = 1 << 16;        // bytes read at once

// As openjpeg.h lays them out, the same since 2.0.
struct Component {
  uint32_t step_x, step_y, width, height, x, y, bits, stored_bits, is_signed, resolutions, factor;
  int32_t* data;
  uint16_t alpha;
};
struct Picture {
  uint32_t x0, y0, x1, y1, count;
  int space;
  Component* components;
};

struct OpenJpeg {
  Library library{"libopenjp2.so.7", "JPEG 2000"};
  void* (*make_codec)(int) = nullptr;
  void (*default_parameters)(void*) = nullptr;
  int (*set_up)(void*, void*) = nullptr;
  void* (*make_stream)(size_t, int) = nullptr;
  void (*set_data)(void*, void*, void (*)(void*)) = nullptr;
  void (*set_length)(void*, uint64_t) = nullptr;
  void (*set_read)(void*, size_t (*)(void*, size_t, void*)) = nullptr;
  void (*set_skip)(void*, int64_t (*)(int64_t, void*)) = nullptr;
  void (*set_seek)(void*, int (*)(int64_t, void*)) = nullptr;
  int (*header)(void*, void*, Picture**) = nullptr;
  int (*decode)(void*, void*, Picture*) = nullptr;
  void (*free_picture)(Picture*) = nullptr;
  void (*free_codec)(void*) = nullptr;
  void (*free_stream)(void*) = nullptr;

  OpenJpeg() {
    library.find(make_codec, "opj_create_decompress");
    library.find(default_parameters, "opj_set_default_decoder_parameters");
    library.find(set_up, "opj_setup_decoder");
    library.find(make_stream, "opj_stream_create");
    library.find(set_data, "opj_stream_set_user_data");
    library.find(set_length, "opj_stream_set_user_data_length");
    library.find(set_read, "opj_stream_set_read_function");
    library.find(set_skip, "opj_stream_set_skip_function");
    library.find(set_seek, "opj_stream_set_seek_function");
    library.find(header, "opj_read_header");
    library.find(decode, "opj_decode");
    library.find(free_picture, "opj_image_destroy");
    library.find(free_codec, "opj_destroy_codec");
    library.find(free_stream, "opj_stream_destroy");
  }
};

struct Source {
  Bytes bytes;
  size_t at = 0;
};

size_t read_some(void* to, size_t count, void* from) {
  Source& s = *static_cast<Source*>(from);
  const size_t taken = std::min(count, s.bytes.size() - s.at);
  if (taken == 0) return static_cast<size_t>(-1);  // the end
  std::memcpy(to, s.bytes.data() + s.at, taken);
  s.at += taken;
  return taken;
}
int seek(int64_t at, void* from) {
  Source& s = *static_cast<Source*>(from);
  if (at < 0 || static_cast<uint64_t>(at) > s.bytes.size()) return 0;
  s.at = static_cast<size_t>(at);
  return 1;
}
int64_t skip(int64_t count, void* from) {
  Source& s = *static_cast<Source*>(from);
  const int64_t to = std::clamp<int64_t>(
      static_cast<int64_t>(s.at) + std::clamp<int64_t>(count, -(int64_t{1} << 40), int64_t{1} << 40), 0,
      static_cast<int64_t>(s.bytes.size()));
  const int64_t skipped = to - static_cast<int64_t>(s.at);
  s.at = static_cast<size_t>(to);
  return skipped == 0 && count != 0 ? -1 : skipped;
}
void free_nothing(void*) {}

// A component at a pixel of the picture, in 8 bits; components may have fewer samples than the picture has pixels.
uint8_t value(const Component& c, uint32_t y, uint32_t x) {
  const uint64_t row = std::min(y / c.step_y, c.height - 1), column = std::min(x / c.step_x, c.width - 1);
  int64_t v = c.data[row * c.width + column];
  if (c.is_signed) v += int64_t{1} << (c.bits - 1);
  v = c.bits > 8 ? v >> (c.bits - 8) : v * 255 / ((1 << c.bits) - 1);
  return static_cast<uint8_t>(std::clamp<int64_t>(v, 0, 255));
}

Result<Image> image_of(const Picture& p) {
  const uint32_t used = p.count < 3 ? 1 : 3;
  const int64_t width = int64_t{p.x1} - p.x0, height = int64_t{p.y1} - p.y0;
  for (uint32_t c = 0; c < used; ++c) {
    const Component& part = p.components[c];
    if (!part.data || !part.width || !part.height || !part.step_x || !part.step_y || part.bits < 1 || part.bits > 31)
      return Image{};
  }
  VIVACE_ASSIGN(Image image, blank(height, width));
  for (int64_t y = 0; y < image.height; ++y)
    for (int64_t x = 0; x < image.width; ++x) {
      std::array<uint8_t, 3> v;
      for (uint32_t c = 0; c < 3; ++c)
        v[c] = value(p.components[c % used], static_cast<uint32_t>(y), static_cast<uint32_t>(x));
      if (p.space == kYcc && used == 3) {  // ITU-R 601
        const double luma = v[0], blue = v[1] - 128.0, red = v[2] - 128.0;
        const double rgb[] = {luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue};
        for (size_t c = 0; c < 3; ++c) v[c] = static_cast<uint8_t>(std::clamp(rgb[c] + 0.5, 0.0, 255.0));
      }
      std::copy_n(v.begin(), 3, image.at(y, x));
    }
  return image;
}

}  // namespace

Result<Image> decode_jpeg2000(Bytes file) {
  static const OpenJpeg jpeg;
  VIVACE_TRY(jpeg.library.status());
  Source source{file};
  void* codec = jpeg.make_codec(file[0] == 0xff ? kCodestream : kFile);
  void* stream = jpeg.make_stream(kBuffer, 1);
  Picture* picture = nullptr;
  const auto read = [&]() -> Result<Image> {
    if (!codec || !stream) return Status(Code::out_of_memory, "a JPEG 2000 decoder");
    jpeg.set_data(stream, &source, free_nothing);
    jpeg.set_length(stream, file.size());
    jpeg.set_read(stream, read_some);
    jpeg.set_skip(stream, skip);
    jpeg.set_seek(stream, seek);
    alignas(std::max_align_t) std::array<std::byte, kParameters> parameters{};
    jpeg.default_parameters(parameters.data());
    if (!jpeg.set_up(codec, parameters.data()) || !jpeg.header(stream, codec, &picture) || !picture) return Image{};
    VIVACE_TRY(check_size(int64_t{picture->y1} - picture->y0, int64_t{picture->x1} - picture->x0));
    if (picture->count < 1 || !jpeg.decode(codec, stream, picture)) return Image{};
    return image_of(*picture);
  };
  Result<Image> image = read();
  if (picture) jpeg.free_picture(picture);
  if (stream) jpeg.free_stream(stream);
  if (codec) jpeg.free_codec(codec);
  return image;
}

}  // namespace vivace::ops::images
