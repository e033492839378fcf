// ImageDecoder.
#include <algorithm>

#include "ops/images/images.h"
#include "ops/kernel.h"

namespace vivace::ops {

Status infer_image_decoder(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::u8}));
  VIVACE_TRY(require_rank(in, 0, 1, 1));
  const std::string format = in.attributes.text("pixel_format", "RGB");
  if (format != "RGB" && format != "BGR" && format != "Grayscale")
    return in.error("unknown pixel_format '" + format + "'; there are RGB, BGR and Grayscale");
  in.set(0, DType::u8, {ir::Dim(), ir::Dim(), format == "Grayscale" ? 1 : 3});
  return {};
}

Status reference_image_decoder(Call& call) {
  Result<images::Image> image = images::decode(call.input(0).span<const uint8_t>());
  if (!image.ok()) return image.status().within(call.node.describe());
  const std::string format = call.attributes.text("pixel_format", "RGB");
  const bool gray = format == "Grayscale";
  VIVACE_TRY(make_output(call, 0, DType::u8, {image->height, image->width, gray ? 1 : 3}));
  uint8_t* y = call.output().as<uint8_t>();
  for (size_t i = 0; i + 2 < image->rgb.size(); i += 3) {
    const uint8_t *rgb = image->rgb.data() + i, r = rgb[0], g = rgb[1], b = rgb[2];
    if (gray) {  // ITU-R 601's luma, in 16 bits
      *y++ = static_cast<uint8_t>((19595u * r + 38470u * g + 7471u * b + 0x8000u) >> 16);
    } else {
      *y++ = format == "BGR" ? b : r;
      *y++ = g;
      *y++ = format == "BGR" ? r : b;
    }
  }
  return {};
}

}  // namespace vivace::ops
