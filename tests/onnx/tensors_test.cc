// Constants of a model in every form a file can hold them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "model_writer.h"

namespace vivace::onnx::test {
namespace {

Message model_with(const Message& initializer) {
  return model(graph({node("Identity", {"w"}, {"y"})}, {}, {Message().text(1, "y")}, {initializer}));
}

Result<Tensor> constant_of(const Message& m, const ImportOptions& options = {}) {
  auto g = import(m, options);
  if (!g.ok()) return g.status();
  return (*g)->outputs()[0]->producer()->input(0)->constant();
}
Result<Tensor> read(const Message& initializer, const ImportOptions& options = {}) {
  return constant_of(model_with(initializer), options);
}
std::string error_of(const Message& initializer, const ImportOptions& options = {}) {
  const Result<Tensor> t = read(initializer, options);
  return t.ok() ? "no error" : t.status().message();
}
template <class T>
std::vector<T> values_of(const Result<Tensor>& t) {
  if (!t.ok()) return {};
  return std::vector<T>(t->as<T>(), t->as<T>() + t->bytes() / sizeof(T));
}
std::string packed(const std::vector<int64_t>& values) {
  std::string bytes;
  for (const int64_t v : values) bytes += Message::varint(static_cast<uint64_t>(v));
  return bytes;
}

TEST(Tensors, Raw) {
  EXPECT_EQ(values_of<float>(read(tensor<float>("w", {2, 1}, {1.5f, -2}))), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(values_of<uint8_t>(read(tensor_of("w", DType::i4, {3}).text(9, "\x21\x03"))), (std::vector<uint8_t>{0x21, 3}));
  EXPECT_EQ(values_of<uint8_t>(read(tensor_of("w", DType::boolean, {3}).text(9, std::string("\0\x7f\1", 3)))),
            (std::vector<uint8_t>{0, 1, 1}));
  const auto scalar = read(tensor<double>("w", {}, {4}));
  ASSERT_TRUE(scalar.ok());
  EXPECT_TRUE(scalar->shape().empty());
  const auto empty = read(tensor<float>("w", {0, 5}, {}));
  ASSERT_TRUE(empty.ok()) << empty.status().message();
  EXPECT_EQ(empty->shape(), (Shape{0, 5}));
}

TEST(Tensors, TypedFields) {
  EXPECT_EQ(values_of<float>(read(tensor_of("w", DType::f32, {2}).text(4, raw<float>({1, 2})))), (std::vector<float>{1, 2}));
  EXPECT_EQ(values_of<float>(read(tensor_of("w", DType::f32, {3}).real(4, 7).text(4, raw<float>({1, 2})))),
            (std::vector<float>{7, 1, 2}));  // not packed, then packed
  EXPECT_EQ(values_of<float>(read(tensor_of("w", DType::c64, {1}).text(4, raw<float>({1, 2})))), (std::vector<float>{1, 2}));
  EXPECT_EQ(values_of<double>(read(tensor_of("w", DType::f64, {1}).text(10, raw<double>({3})))), (std::vector<double>{3}));
  EXPECT_EQ(values_of<int32_t>(read(tensor_of("w", DType::i32, {2}).text(5, packed({5, -6})))), (std::vector<int32_t>{5, -6}));
  EXPECT_EQ(values_of<int8_t>(read(tensor_of("w", DType::i8, {2}).text(5, packed({5, -6})))), (std::vector<int8_t>{5, -6}));
  EXPECT_EQ(values_of<uint16_t>(read(tensor_of("w", DType::f16, {1}).number(5, 0x3c00))), (std::vector<uint16_t>{0x3c00}));
  EXPECT_EQ(values_of<uint16_t>(read(tensor_of("w", DType::bf16, {1}).number(5, 0xbf80))), (std::vector<uint16_t>{0xbf80}));
  EXPECT_EQ(values_of<uint8_t>(read(tensor_of("w", DType::boolean, {2}).text(5, packed({0, 9})))), (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(values_of<uint8_t>(read(tensor_of("w", DType::u4, {3}).text(5, packed({0x21, 3})))), (std::vector<uint8_t>{0x21, 3}));
  EXPECT_EQ(values_of<uint8_t>(read(tensor_of("w", DType::f8e5m2, {1}).text(5, packed({0x3c})))), (std::vector<uint8_t>{0x3c}));
  EXPECT_EQ(values_of<int64_t>(read(tensor_of("w", DType::i64, {2}).text(7, packed({-1, 2})))), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(values_of<uint32_t>(read(tensor_of("w", DType::u32, {1}).text(11, packed({4000000000})))), (std::vector<uint32_t>{4000000000}));
  const auto strings = read(tensor_of("w", DType::string, {2}).text(6, "a").text(6, std::string("b\0c", 3)));
  ASSERT_TRUE(strings.ok());
  EXPECT_EQ(strings->as<std::string>()[1], std::string("b\0c", 3));
}

TEST(Tensors, Wrong) {
  EXPECT_EQ(error_of(tensor_of("w", DType::f32, {64, 3}).text(9, "")),
            "initializer 'w': it holds 0 bytes of data, but f32 64x3 takes 768; was the model saved without its weights?");
  EXPECT_EQ(error_of(tensor_of("w", DType::f32, {2}).text(9, "1234567")), "initializer 'w': it holds 7 bytes of data, but f32 2 takes 8");
  EXPECT_EQ(error_of(tensor_of("w", DType::i64, {2}).number(7, 1)), "initializer 'w': it holds 1 numbers of data, but i64 2 takes 2");
  EXPECT_NE(error_of(tensor_of("w", DType::f32, {-2})).find("shape -2"), std::string::npos);
  EXPECT_NE(error_of(tensor_of("w", DType::f32, {int64_t{1} << 40, int64_t{1} << 40})).find("not one a tensor can have"), std::string::npos);
  EXPECT_NE(error_of(tensor_of("w", DType::f32, {int64_t{1} << 62, 0, 4})).find("not one a tensor can have"), std::string::npos);
  EXPECT_NE(error_of(tensor_of("w", DType::f32, {int64_t{1} << 50})).find("without its weights"), std::string::npos);
  EXPECT_NE(error_of(tensor_of("w", static_cast<DType>(99), {1}).text(9, "1")).find("element type 99"), std::string::npos);
  EXPECT_NE(error_of(tensor_of("w", DType::string, {1}).text(9, "1")).find("string_data"), std::string::npos);
  EXPECT_EQ(read(tensor_of("w", DType::f32, {2}).text(4, "1234567")).status().code(), Code::corrupt_file);
}

TEST(Tensors, Sparse) {
  const auto sparse = [](const Message& indices, const std::vector<int64_t>& dims) {
    Message s = Message().add(1, tensor<float>("w", {2}, {5, 6})).add(2, indices);
    for (const int64_t d : dims) s.number(3, d);
    return model(graph({node("Identity", {"w"}, {"y"})}, {}, {Message().text(1, "y")}).add(15, s));
  };
  const std::vector<float> expected{0, 5, 0, 0, 0, 6};
  EXPECT_EQ(values_of<float>(constant_of(sparse(numbers("i", {1, 5}), {2, 3}))), expected);
  EXPECT_EQ(values_of<float>(constant_of(sparse(tensor<int64_t>("i", {2, 2}, {0, 1, 1, 2}), {2, 3}))), expected);
  EXPECT_FALSE(constant_of(sparse(numbers("i", {1, 6}), {2, 3})).ok());
  EXPECT_FALSE(constant_of(sparse(numbers("i", {1, -1}), {2, 3})).ok());
  EXPECT_FALSE(constant_of(sparse(numbers("i", {1}), {2, 3})).ok());
  EXPECT_FALSE(constant_of(sparse(tensor<int64_t>("i", {2, 2}, {0, 1, 1, 3}), {2, 3})).ok());
  const auto huge = constant_of(sparse(numbers("i", {1, 5}), {int64_t{1} << 40}));
  EXPECT_EQ(huge.status().code(), Code::unsupported);
}

class ExternalData : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vivace_onnx_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    outside = name;
    folder = outside + "/model";
    std::filesystem::create_directories(folder + "/sub");
    for (const std::string& path : {outside + "/secret.bin", folder + "/w.bin", folder + "/sub/w.bin"})
      std::ofstream(path) << std::string(64, 'p') + raw<float>({1, 2, 3, 4});
  }
  void TearDown() override { std::filesystem::remove_all(outside); }

  static Message external(const std::string& location, const std::string& offset = "64", const std::string& length = "16") {
    const auto entry = [](const std::string& key, const std::string& v) { return Message().text(1, key).text(2, v); };
    Message m = tensor_of("w", DType::f32, {4}).number(14, 1).add(13, entry("location", location));
    if (!offset.empty()) m.add(13, entry("offset", offset));
    if (!length.empty()) m.add(13, entry("length", length));
    return m;
  }
  std::string error(const Message& m) const { return error_of(m, {.base_dir = folder}); }

  std::string outside, folder;
};

TEST_F(ExternalData, IsSharedWithTheMap) {
  const auto t = read(external("w.bin"), {.base_dir = folder});
  EXPECT_EQ(values_of<float>(t), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(values_of<float>(read(external("sub/w.bin", "64", ""), {.base_dir = folder})), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(values_of<float>(read(external("w.bin", "68", "8").number(1, 1), {.base_dir = folder})), (std::vector<float>{}));
}

TEST_F(ExternalData, IsFoundBesideTheFile) {
  const std::string path = folder + "/m.onnx";
  std::ofstream(path) << model_with(external("w.bin")).bytes;
  const auto g = import_file(path);
  ASSERT_TRUE(g.ok()) << g.status().message();
  std::ofstream(path) << model_with(external("gone.bin")).bytes;
  const auto lacking = import_file(path);
  EXPECT_EQ(lacking.status().code(), Code::io_error);
  EXPECT_TRUE(lacking.status().message().starts_with(path + ": initializer 'w': cannot read")) << lacking.status().message();
}

TEST_F(ExternalData, OutsideIsRefused) {
  std::filesystem::create_symlink(outside + "/secret.bin", folder + "/link.bin");
  std::filesystem::create_directory_symlink(outside, folder + "/up");
  std::filesystem::create_symlink(folder + "/w.bin", folder + "/fine.bin");
  std::filesystem::create_directories(outside + "/model2");
  std::ofstream(outside + "/model2/w.bin") << std::string(80, 'x');
  for (const std::string& location : {outside + "/secret.bin", std::string("../secret.bin"), std::string("sub/../../secret.bin"),
                                      std::string("link.bin"), std::string("up/secret.bin"), std::string("../model2/w.bin"),
                                      std::string("../gone.bin"), std::string("/etc/passwd")})
    EXPECT_NE(error(external(location)).find("outside the model's folder"), std::string::npos) << location << ": " << error(external(location));
  EXPECT_EQ(error(external("fine.bin")), "no error");
  EXPECT_NE(error(external("")).find("no file name"), std::string::npos);
  EXPECT_NE(error(external("sub")).find("not a regular file"), std::string::npos);
  EXPECT_NE(error_of(external("w.bin")).find("a model in memory has none"), std::string::npos);
}

TEST_F(ExternalData, RangesAreChecked) {
  EXPECT_NE(error(external("w.bin", "65")).find("beyond the 80 bytes"), std::string::npos);
  EXPECT_NE(error(external("w.bin", "18446744073709551615", "16")).find("beyond the 80 bytes"), std::string::npos);
  EXPECT_NE(error(external("w.bin", "64", "12")).find("holds 12 bytes"), std::string::npos);
  EXPECT_NE(error(external("w.bin", "-1")).find("is not a number"), std::string::npos);
  EXPECT_NE(error(external("w.bin", "64", "99999999999999999999999")).find("is not a number"), std::string::npos);
}

}  // namespace
}  // namespace vivace::onnx::test
