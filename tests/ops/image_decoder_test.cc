// Image files of all formats, whole, cut short and damaged.
#include <gtest/gtest.h>

#include <functional>

#include "ops/image_files.h"
#include "ops/images/images.h"
#include "ops/operator.h"

namespace vivace::ops {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}
Bytes from_text(std::string_view text) { return {text.begin(), text.end()}; }

Bytes numbers(const Bytes& start, const std::vector<std::pair<int, int>>& little) {  // value, bytes
  Bytes bytes = start;
  for (const auto& [value, size] : little)
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(i < 4 ? value >> (8 * i) : 0));
  return bytes;
}
Bytes bmp(int width, int height, int bits, int packing, int header, const std::vector<std::pair<int, int>>& rest) {
  std::vector<std::pair<int, int>> all = {{0, 4},      {0, 4}, {14 + header, 4}, {40, 4},      {width, 4},
                                          {height, 4}, {1, 2}, {bits, 2},        {packing, 4}, {0, 4},
                                          {0, 4},      {0, 4}, {0, 4},           {0, 4}};
  all.insert(all.end(), rest.begin(), rest.end());
  return numbers(from_text("BM"), all);
}

const Bytes kPixels = {255, 0, 0, 250, 10, 20, 0, 0, 255, 0, 255, 0, 20, 240, 10, 90, 90, 90};  // 2 x 3

struct File {
  const char* name;
  Bytes bytes;
  int64_t height, width;
  Bytes rgb;
  bool own = true;  // decoded without a library
};

const std::vector<File>& files() {
  static const std::vector<File> all = {
      {"jpeg",
       from_hex(kJpeg),
       2,
       3,
       {98, 91, 0, 98, 91, 0, 13, 14, 140, 165, 158, 42, 163, 156, 40, 76, 77, 203},
       false},
      {"jpeg2000", from_hex(kJp2), 2, 3, kPixels, false},
      {"tiff", from_hex(kTiff), 2, 3, kPixels, false},
      {"webp", from_hex(kWebp), 2, 3, kPixels, false},
      {"png", from_hex(kPng), 2, 3, kPixels},
      {"png, interlaced",
       from_hex(kInterlaced),
       2,
       3,
       {10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40, 50, 50, 50, 60, 60, 60}},
      {"png, palette",
       from_hex(kPalette),
       2,
       3,
       {250, 10, 20, 250, 10, 20, 128, 0, 128, 10, 248, 5, 10, 248, 5, 90, 90, 90}},
      {"png, all filters, stored", from_hex(kFilters), 6, 4, {106, 152, 249, 131, 184, 200, 0,   21,  253, 147, 202,
                                                              107, 249, 169, 138, 149, 119, 166, 224, 148, 172, 93,
                                                              167, 142, 248, 26,  81,  218, 150, 66,  2,   191, 60,
                                                              129, 179, 90,  69,  104, 110, 97,  157, 106, 152, 251,
                                                              62,  7,   248, 171, 33,  123, 79,  176, 37,  20,  94,
                                                              49,  149, 127, 206, 244, 28,  119, 54,  0,   192, 233,
                                                              18,  116, 191, 165, 184, 184}},
      {"bmp of 24 bits", bmp(1, 2, 24, 0, 40, {{0x0a0b0c, 4}, {0x010203, 4}}), 2, 1, {1, 2, 3, 10, 11, 12}},
      {"bmp from the top", bmp(1, -2, 24, 0, 40, {{0x0a0b0c, 4}, {0x010203, 4}}), 2, 1, {10, 11, 12, 1, 2, 3}},
      {"bmp of 4 bits",
       bmp(3, 1, 4, 0, 40 + 64, {{0x0a0b0c, 4}, {0x010203, 4}, {0, 56}, {0x0001, 4}}),
       1,
       3,
       {10, 11, 12, 1, 2, 3, 10, 11, 12}},
      {"bmp of 16 bits", bmp(2, 1, 16, 0, 40, {{0x7fff, 2}, {0x7c00, 2}}), 1, 2, {255, 255, 255, 255, 0, 0}},
      {"bmp with masks", bmp(1, 1, 32, 3, 52, {{0xff, 4}, {0xff00, 4}, {0xff0000, 4}, {0x030201, 4}}), 1, 1, {1, 2, 3}},
      {"pixmap", from_text("P6 # colours\n1 2 255\nabcdef"), 2, 1, {97, 98, 99, 100, 101, 102}},
      {"pixmap as text", from_text("P3 1 2 5  0 1 5\n5 5 0"), 2, 1, {0, 51, 255, 255, 255, 0}},
      {"graymap", from_text("P5 2 1 255 ab"), 1, 2, {97, 97, 97, 98, 98, 98}},
      {"graymap of 16 bits", from_text("P5 1 1 65535 \x80\x80"), 1, 1, {128, 128, 128}},
      {"graymap as text", from_text("P2\n2 1\n15\n15 0"), 1, 2, {255, 255, 255, 0, 0, 0}},
      {"bitmap", from_text("P4 2 1 \x7f"), 1, 2, {255, 255, 255, 0, 0, 0}},
      {"bitmap as text", from_text("P1 2 1 01"), 1, 2, {255, 255, 255, 0, 0, 0}},
  };
  return all;
}

TEST(Images, AreDecoded) {
  for (const File& file : files()) {
    const Result<images::Image> image = images::decode(file.bytes);
    if (!file.own && !image.ok() && image.status().code() == Code::unsupported) {
      std::printf("%s: %s\n", file.name, image.status().message().c_str());
      continue;
    }
    ASSERT_TRUE(image.ok()) << file.name << ": " << image.status().message();
    EXPECT_EQ(image->height, file.height) << file.name;
    EXPECT_EQ(image->width, file.width) << file.name;
    EXPECT_EQ(image->rgb, file.rgb) << file.name;
  }
}

TEST(Images, LongRunsOfDeflateAreUnpacked) {
  const Result<images::Image> image = images::decode(from_hex(kDynamic));
  ASSERT_TRUE(image.ok());
  ASSERT_EQ(image->height, 50);
  ASSERT_EQ(image->width, 40);
  for (int64_t i = 0; i < 50 * 40; ++i) {
    const uint8_t* p = image->rgb.data() + 3 * i;
    ASSERT_TRUE(p[0] == i % 40 && p[1] == i % 40 * 2 && p[2] == 7) << i;
  }
}

// Whatever is made of it is whole, or nothing.
TEST(Images, DamagedFilesGiveNothingOrAnImage) {
  const auto check = [](const Bytes& bytes) {
    const Result<images::Image> image = images::decode(bytes);
    if (!image.ok()) return;
    ASSERT_EQ(image->rgb.size(), static_cast<size_t>(image->height * image->width) * 3);
  };
  std::vector<Bytes> all = {from_hex(kDynamic)};
  for (const File& file : files()) all.push_back(file.bytes);
  for (const Bytes& whole : all) {
    for (size_t cut = 0; cut < whole.size(); ++cut)
      check(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)));
    uint32_t random = 1;
    for (size_t at = 0; at < whole.size(); ++at) {
      Bytes bytes = whole;
      random = random * 1664525 + 1013904223;
      bytes[at] = static_cast<uint8_t>(random >> 24);
      check(bytes);
    }
  }
}

TEST(Images, SizesAreCheckedFirst) {
  Bytes png = from_hex(kPng);
  png[16] = png[20] = 0x7f;  // 2 billion pixels each way
  EXPECT_EQ(images::decode(png).status().code(), Code::unsupported);
  const auto nothing = images::decode(from_text("P6 99999 99999 255 abc"));
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->height, 0);
}

Result<std::vector<Tensor>> run(const ir::Attributes& attributes, const Bytes& bytes) {
  ir::Graph graph;
  ir::Value* x = graph.add_input("x", ir::Type::tensor(DType::u8, {static_cast<int64_t>(bytes.size())}));
  ir::Node* node = graph.add_node("ImageDecoder", {x}, 1, attributes);
  VIVACE_TRY(infer_node(*node));
  return run_reference(*node, {Tensor::of(bytes)});
}

TEST(ImageDecoder, PixelFormats) {
  const auto expect = [](const ir::Attributes& attributes, const Bytes& bytes, const Shape& shape,
                         const Bytes& pixels) {
    const auto made = run(attributes, bytes);
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_EQ((*made)[0].shape(), shape);
    EXPECT_EQ(Bytes((*made)[0].as<uint8_t>(), (*made)[0].as<uint8_t>() + (*made)[0].count()), pixels);
  };
  const Bytes png = from_hex(kPng), bgr = {0, 0, 255, 20, 10, 250, 255, 0, 0, 0, 255, 0, 10, 240, 20, 90, 90, 90};
  expect({}, png, {2, 3, 3}, kPixels);
  expect({{"pixel_format", std::string("BGR")}}, png, {2, 3, 3}, bgr);
  expect({{"pixel_format", std::string("Grayscale")}}, png, {2, 3, 1}, {76, 83, 29, 150, 148, 90});
  expect({}, from_text("no image"), {0, 0, 3}, {});
  EXPECT_FALSE(run({{"pixel_format", std::string("CMYK")}}, png).ok());
}

}  // namespace
}  // namespace vivace::ops
