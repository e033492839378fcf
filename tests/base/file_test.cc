#include "base/file.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace vivace {
namespace {

TEST(File, WhatWasWrittenIsMapped) {
  const std::string folder = testing::TempDir() + "vivace_file_test";
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/x";
  ASSERT_TRUE(write_file(path, "hello").ok());
  ASSERT_TRUE(write_file(path, "world!").ok());
  const auto file = map_file(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size()), "world!");
  // A failed write leaves the old file and nothing else.
  EXPECT_EQ(write_file(path, [](const Append&) { return Status(Code::internal, "no"); }).code(), Code::internal);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  ASSERT_TRUE(write_file(path, "").ok());
  EXPECT_TRUE(map_file(path)->bytes.empty());
  std::filesystem::remove_all(folder);
}

TEST(File, ErrorsNameThePath) {
  EXPECT_EQ(map_file("/nowhere/x").status().code(), Code::io_error);
  EXPECT_NE(map_file("/nowhere/x").status().message().find("/nowhere/x"), std::string::npos);
  EXPECT_EQ(map_file("/").status().code(), Code::io_error);
  EXPECT_EQ(write_file("/nowhere/x", "a").code(), Code::io_error);
}

}  // namespace
}  // namespace vivace
