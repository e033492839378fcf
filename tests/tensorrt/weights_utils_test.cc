#include "NvUtils.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace nvinfer1;

TEST(WeightsUtils, ReshapeTransposes) {
  const std::vector<float> from = {0, 1, 2, 3, 4, 5};
  const int32_t shape[] = {2, 3}, order[] = {1, 0}, wrong[] = {1, 1};
  std::vector<float> to(6);
  const Weights weights{DataType::kFLOAT, from.data(), 6};
  ASSERT_TRUE(utils::reshapeWeights(weights, shape, order, to.data(), 2));
  EXPECT_EQ(to, (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_FALSE(utils::reshapeWeights(weights, shape, wrong, to.data(), 2));
  EXPECT_FALSE(utils::reshapeWeights({DataType::kFLOAT, from.data(), 5}, shape, order, to.data(), 2));
  EXPECT_FALSE(utils::reshapeWeights({DataType::kFLOAT, nullptr, 6}, shape, order, to.data(), 2));
}

TEST(WeightsUtils, SubBuffers) {
  std::vector<int32_t> values = {1, 2, 3, 4, 5, 6};
  const int32_t order[] = {2, 0, 1}, wrong[] = {2, 0, 3};
  ASSERT_TRUE(utils::reorderSubBuffers(values.data(), order, 3, 8));
  EXPECT_EQ(values, (std::vector<int32_t>{5, 6, 1, 2, 3, 4}));
  EXPECT_FALSE(utils::reorderSubBuffers(values.data(), wrong, 3, 8));
  std::vector<int32_t> matrices = {1, 2, 3, 4, 5, 6, 7, 8};
  ASSERT_TRUE(utils::transposeSubBuffers(matrices.data(), DataType::kINT32, 2, 2, 2));
  EXPECT_EQ(matrices, (std::vector<int32_t>{1, 3, 2, 4, 5, 7, 6, 8}));
}

}  // namespace
