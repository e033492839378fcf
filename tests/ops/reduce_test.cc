#include "ops/op_test.h"

namespace vivace::ops {

TEST(Reduce, Sums) {
  check_ops({
      "ReduceSum(f32[2,3]{1,2,3,4,5,6}; i64[1]{1}) -> f32[2,1]{6,15}",
      "ReduceSum{keepdims=0}(f32[2,3]{1,2,3,4,5,6}; i64[1]{0}) -> f32[3]{5,7,9}",
      "ReduceSum{keepdims=0}(f32[2,2,2]{1,2,3,4,5,6,7,8}; i64[2]{0,-1}) -> f32[2]{14,22}",
      "ReduceSum{keepdims=0}(f32[2,3]{1,2,3,4,5,6}) -> f32[]{21}",
      "ReduceSum(f32[2]{1,2}; i64[0]) -> f32[1]{3}",
      "ReduceSum{noop_with_empty_axes=1}(f32[2]{1,2}; i64[0]) -> f32[2]{1,2}",
      "ReduceSum{noop_with_empty_axes=1}(f32[2]{1,2}) -> f32[2]{1,2}",
      "ReduceSum(i32[2]{2147483647,1}; i64[1]{0}) -> i32[1]{-2147483648}",
      "ReduceSum(f32[0,2]; i64[1]{0}) -> f32[1,2]{0,0}",
      "ReduceSum(f32[0,2]; i64[1]{1}) -> f32[0,1]",
      "ReduceSum(f32[]{4}) -> f32[]{4}",
      "ReduceMean(f16[4]{1,2,3,4}) -> f16[1]{2.5}",
      "ReduceMean(i32[2]{-1,-2}) -> i32[1]{-1}",
      "ReduceMean(f32[0]) -> f32[1]{nan}",
      "ReduceProd(f32[3]{2,3,4}) -> f32[1]{24}",
      "ReduceProd(u32[0]) -> u32[1]{1}",
      "ReduceSumSquare(i64[2]{3,-4}) -> i64[1]{25}",
      "ReduceL1(bf16[2]{3,-4}) -> bf16[1]{7}",
      "ReduceL1(i32[2]{3,-4}) -> i32[1]{7}",
      "ReduceL2(f32[2]{3,-4}) -> f32[1]{5}",
      "ReduceL2(u32[2]{3,4}) -> u32[1]{5}",
      "ReduceLogSum(f32[2]{1,2}) -> f32[1]{1.09861229}",
      "ReduceLogSum(f32[0]) -> f32[1]{-inf}",
      "ReduceLogSumExp(f32[2]{1000,1000}) -> f32[1]{1000.69314718}",
      "ReduceLogSumExp(f32[3]{-inf,-inf,1}) -> f32[1]{1}",
      "ReduceLogSumExp(f32[2]{-inf,-inf}) -> f32[1]{-inf}",
      "ReduceLogSumExp(f32[0]) -> f32[1]{-inf}",
      "ReduceMax(f32[2,2]{1,nan,-3,-4}; i64[1]{1}) -> f32[2,1]{nan,-3}",
      "ReduceMax(f32[0]) -> f32[1]{-inf}",
      "ReduceMax(i8[2]{-5,-7}) -> i8[1]{-5}",
      "ReduceMax(bool[2,2]{0,0,0,1}; i64[1]{1}) -> bool[2,1]{0,1}",
      "ReduceMin(bool[2,2]{1,1,0,1}; i64[1]{1}) -> bool[2,1]{1,0}",
      "ReduceMin(bool[0]) -> bool[1]{1}",
      "ReduceMin(u8[2]{5,7}) -> u8[1]{5}",
      "ReduceMin(f64[0]) -> f64[1]{inf}",
      "ReduceSum(f32[2]; i64[1]{1}) -> error: out of range",
      "ReduceSum(f32[2]; i32[1]{0}) -> error: i64",
      "ReduceMax(string[1]{'a'}) -> error: not supported",
  });
}

// Sums of many f32 are exact to the last places: they are kept in f64.
TEST(Reduce, LongSums) {
  std::string values;
  for (int i = 0; i < 30000; ++i) values += i % 2 ? "0.1," : "1000,";
  check_op("ReduceSum(f32[30000]{" + values + "}) -> f32[1]{15001500.0223517}", {0, 6e-8});
  check_op("ReduceMean{keepdims=0}(f32[3,100,100]{" + values + "}; i64[2]{1,2}) -> f32[3]{500.05,500.05,500.05}", {0, 6e-8});
}

TEST(Softmax, LinesOfEveryAxis) {
  check_ops({
      "Softmax(f32[2,2]{0,0,1000,1000.5}) -> f32[2,2]{0.5,0.5,0.37754067,0.62245933}",
      "Softmax{axis=0}(f32[2,2]{0,1,0,2}) -> f32[2,2]{0.5,0.26894142,0.5,0.73105858}",
      "Softmax{axis=1}(f32[1,2,2]{0,1,0,2}) -> f32[1,2,2]{0.5,0.26894142,0.5,0.73105858}",
      "Softmax(bf16[1]{5}) -> bf16[1]{1}",
      "Softmax(f32[2]{-inf,0}) -> f32[2]{0,1}",
      "Softmax(f32[0,3]) -> f32[0,3]",
      "Softmax(f32[3,0]) -> f32[3,0]",
      "LogSoftmax(f64[2]{0,1}) -> f64[2]{-1.3132616875182228,-0.31326168751822286}",
      "Hardmax(f32[2,3]{1,3,3,2,0,1}) -> f32[2,3]{0,1,0,1,0,0}",
      "Hardmax{axis=0}(f16[2,2]{1,3,2,0}) -> f16[2,2]{0,1,1,0}",
      "Softmax{axis=2}(f32[2,2]) -> error: out of range",
      "Softmax(f32[]) -> error: out of range",
  });
}

}  // namespace vivace::ops
