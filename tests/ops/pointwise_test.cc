#include "ops/op_test.h"

namespace vivace::ops {

// Expected values are those of the formulas in the standard, worked out in f64.
TEST(Pointwise, MathematicalFunctions) {
  check_ops({
      "Abs(f32[3]{-1.5,0,2}) -> f32[3]{1.5,0,2}",
      "Abs(i8[3]{-128,-1,5}) -> i8[3]{-128,1,5}",
      "Neg(i32[2]{5,-2147483648}) -> i32[2]{-5,-2147483648}",
      "Sign(f32[4]{-3,0,0.5,nan}) -> f32[4]{-1,0,1,nan}",
      "Sign(u8[2]{0,7}) -> u8[2]{0,1}",
      "Sqrt(f64[2]{2,-1}) -> f64[2]{1.4142135623730951,nan}",
      "Exp(f16[2]{1,20}) -> f16[2]{2.71828,inf}",
      "Log(bf16[2]{2,0}) -> bf16[2]{0.693147,-inf}",
      "Erf(f32[3]{-1,0,0.5}) -> f32[3]{-0.84270079,0,0.52049988}",
      "Erf(i32[3]{-4,1,4}) -> i32[3]{-1,0,1}",
      "Round(f32[6]{0.5,1.5,2.5,-0.5,-1.5,-2.7}) -> f32[6]{0,2,2,0,-2,-3}",
      "Atanh(f32[1]{0.5}) -> f32[1]{0.54930614}",
      "Reciprocal(f32[2]{4,0}) -> f32[2]{0.25,inf}",
      "Not(bool[2]{0,1}) -> bool[2]{1,0}",
      "BitwiseNot(u8[2]{0,5}) -> u8[2]{255,250}",
      "IsNaN(f16[2]{nan,1}) -> bool[2]{1,0}",
      "IsInf(f32[3]{inf,-inf,nan}) -> bool[3]{1,1,0}",
      "IsInf{detect_negative=0}(f32[3]{inf,-inf,nan}) -> bool[3]{1,0,0}",
      "IsInf{detect_positive=0}(f32[2]{inf,-inf}) -> bool[2]{0,1}",
      "Sin(f32[0]) -> f32[0]",
      "Tan(f32[]{1}) -> f32[]{1.5574077}",
  });
}

TEST(Pointwise, Activations) {
  check_ops({
      "Sigmoid(f32[3]{-100,0,2}) -> f32[3]{0,0.5,0.88079708}",
      "Relu(f32[3]{-1,2,nan}) -> f32[3]{0,2,nan}",
      "Relu(i32[2]{-1,2}) -> i32[2]{0,2}",
      "LeakyRelu(f32[2]{-1,2}) -> f32[2]{-0.01,2}",
      "LeakyRelu{alpha=0.2}(f32[2]{-1,2}) -> f32[2]{-0.2,2}",
      "PRelu(f32[2,2]{-1,2,-3,4}; f32[2]{0.5,0.25}) -> f32[2,2]{-0.5,2,-1.5,4}",
      "PRelu(f32[2]{1,2}; f32[2,2]) -> error: slope",
      "Elu{alpha=2.0}(f32[2]{-1,1}) -> f32[2]{-1.26424112,1}",
      "Selu(f32[2]{-1,1}) -> f32[2]{-1.1113307,1.05070102}",
      "Celu{alpha=2.0}(f32[2]{-1,1}) -> f32[2]{-0.78693868,1}",
      "ThresholdedRelu(f32[3]{0.5,1,1.5}) -> f32[3]{0,0,1.5}",
      "HardSigmoid(f32[4]{-9,0,1,9}) -> f32[4]{0,0.5,0.7,1}",
      "HardSwish(f32[4]{-4,-1,1,4}) -> f32[4]{0,-0.33333333,0.66666667,4}",
      "Softplus(f32[3]{-100,0,100}) -> f32[3]{0,0.69314718,100}",
      "Softsign(f32[2]{-1,3}) -> f32[2]{-0.5,0.75}",
      "Mish(f32[2]{-1,2}) -> f32[2]{-0.30340146,1.94395896}",
      "Swish{alpha=2.0}(f32[1]{1}) -> f32[1]{0.88079708}",
      "Gelu(f32[2]{-1,2}) -> f32[2]{-0.15865525,1.95449974}",
      "Gelu{approximate='tanh'}(f32[1]{-1}) -> f32[1]{-0.15880801}",
      "Gelu{approximate='no'}(f32[1]) -> error: approximate",
      "Shrink{lambd=1.5,bias=0.5}(f32[3]{-2,1,2}) -> f32[3]{-1.5,0,1.5}",
      "Shrink{lambd=1.5}(i32[3]{-2,1,2}) -> i32[3]{-2,0,2}",
      "Sigmoid(i32[1]) -> error: does not take",
  });
}

TEST(Pointwise, ArithmeticBroadcasts) {
  check_ops({
      "Add(f32[2,3]{1,2,3,4,5,6}; f32[3]{10,20,30}) -> f32[2,3]{11,22,33,14,25,36}",
      "Add(f32[2,1]{1,2}; f32[1,3]{10,20,30}) -> f32[2,3]{11,21,31,12,22,32}",
      "Add(f32[2,1,2]{1,2,3,4}; f32[3,1]{10,20,30}) -> f32[2,3,2]{11,12,21,22,31,32,13,14,23,24,33,34}",
      "Add(i8[1]{127}; i8[1]{1}) -> i8[1]{-128}",
      "Sub(f32[]{5}; f32[2]{1,2}) -> f32[2]{4,3}",
      "Mul(f16[2]{2,60000}; f16[2]{3,2}) -> f16[2]{6,inf}",
      "Mul(f32[2,0]; f32[1]{3}) -> f32[2,0]",
      "Div(i32[4]{7,-7,-2147483648,5}; i32[4]{2,2,-1,-2}) -> i32[4]{3,-3,-2147483648,-2}",
      "Div(i64[2]{1,2}; i64[1]{0}) -> error: division by zero",
      "Div(i64[0]; i64[1]{0}) -> i64[0]",
      "Div(f32[2]{1,-1}; f32[1]{0}) -> f32[2]{inf,-inf}",
      "Mod(i32[4]{5,-5,5,-5}; i32[4]{3,3,-3,-3}) -> i32[4]{2,1,-1,-2}",
      "Mod{fmod=1}(i32[4]{5,-5,5,-5}; i32[4]{3,3,-3,-3}) -> i32[4]{2,-2,2,-2}",
      "Mod{fmod=1}(f32[2]{5.5,-5.5}; f32[1]{2}) -> f32[2]{1.5,-1.5}",
      "Mod(i32[1]{-2147483648}; i32[1]{-1}) -> i32[1]{0}",
      "Mod(u8[1]{1}; u8[1]{0}) -> error: division by zero",
      "Pow(f32[3]{2,3,4}; f32[1]{0.5}) -> f32[3]{1.41421356,1.73205081,2}",
      "Pow(f32[2]{2,3}; i64[2]{3,2}) -> f32[2]{8,9}",
      "Pow(i32[3]{2,-3,0}; i32[3]{10,3,-1}) -> i32[3]{1024,-27,0}",
      "Pow(i64[1]{4}; f32[1]{0.5}) -> i64[1]{2}",
      "Pow(f16[1]{3}; f16[1]{2}) -> f16[1]{9}",
      "Max(f32[2]{1,5}; f32[1]{3}; f32[2]{2,nan}) -> f32[2]{3,nan}",
      "Min(u8[2]{1,5}; u8[1]{3}) -> u8[2]{1,3}",
      "Max(f32[2]{1,2}) -> f32[2]{1,2}",
      "Max(f32[2]{1,2}; _; _) -> f32[2]{1,2}",
      "Max(f32[2]; _; f32[2]) -> error: left out",
      "Sum(f32[2]{1,2}; f32[2,1]{10,20}; f32[]{100}) -> f32[2,2]{111,112,121,122}",
      "Mean(f32[2]{1,2}; f32[2]{3,6}) -> f32[2]{2,4}",
      "BitShift{direction='LEFT'}(u8[3]{1,255,1}; u8[3]{3,1,9}) -> u8[3]{8,254,0}",
      "BitShift{direction='RIGHT'}(u32[2]{16,1}; u32[2]{2,40}) -> u32[2]{4,0}",
      "BitShift{direction='UP'}(u8[1]; u8[1]) -> error: direction",
      "BitwiseAnd(i16[2]{-1,6}; i16[1]{3}) -> i16[2]{3,2}",
      "BitwiseOr(u8[1]{6}; u8[1]{3}) -> u8[1]{7}",
      "BitwiseXor(u8[1]{6}; u8[1]{3}) -> u8[1]{5}",
      "Add(f32[2]; f32[3]) -> error: do not broadcast",
      "Add(f32[2]; f64[2]) -> error: must be the same",
      "Add(bool[2]; bool[2]) -> error: does not take",
  });
}

TEST(Pointwise, ComparisonsAndLogic) {
  check_ops({
      "Equal(f32[3]{1,nan,0}; f32[3]{1,nan,-0}) -> bool[3]{1,0,1}",
      "Equal(bool[2]{0,1}; bool[1]{1}) -> bool[2]{0,1}",
      "Equal(string[2]{'a','b'}; string[1]{'a'}) -> bool[2]{1,0}",
      "Equal(i64[2]{3,4}; i64[2]{3,5}) -> bool[2]{1,0}",
      "Less(f16[2]{1,2}; f16[1]{2}) -> bool[2]{1,0}",
      "LessOrEqual(u64[2]{1,18446744073709551615}; u64[1]{2}) -> bool[2]{1,0}",
      "Greater(i8[2]{-1,1}; i8[1]{0}) -> bool[2]{0,1}",
      "GreaterOrEqual(f64[1]{nan}; f64[1]{0}) -> bool[1]{0}",
      "And(bool[2,1]{0,1}; bool[2]{0,1}) -> bool[2,2]{0,0,0,1}",
      "Or(bool[2,1]{0,1}; bool[2]{0,1}) -> bool[2,2]{0,1,1,1}",
      "Xor(bool[2,1]{0,1}; bool[2]{0,1}) -> bool[2,2]{0,1,1,0}",
      "Where(bool[2,1]{1,0}; f32[2]{1,2}; f32[]{9}) -> f32[2,2]{1,2,9,9}",
      "Where(bool[2]{1,0}; string[1]{'yes'}; string[1]{'no'}) -> string[2]{'yes','no'}",
      "Where(bool[2]{1,0}; i64[]{7}; i64[2]{1,2}) -> i64[2]{7,2}",
      "Where(i32[2]{1,0}; i64[]{7}; i64[2]{1,2}) -> error: does not take",
      "Where(bool[2]; i64[2]; i32[2]) -> error: must be the same",
      "Where(bool[2]; i64[3]; i64[3]) -> error: do not broadcast",
  });
}

TEST(Pointwise, ClipAndDropout) {
  check_ops({
      "Clip(f32[3]{-2,0,2}; f32[]{-1}; f32[]{1}) -> f32[3]{-1,0,1}",
      "Clip(f32[3]{-2,0,nan}; _; f32[]{1}) -> f32[3]{-2,0,nan}",
      "Clip(i8[3]{-2,0,2}; i8[]{-1}) -> i8[3]{-1,0,2}",
      "Clip(f16[3]{-2,0,2}; f16[]{1}; f16[]{-1}) -> f16[3]{-1,-1,-1}",
      "Clip(u8[2]{1,9}) -> u8[2]{1,9}",
      "Clip(f32[1]; f32[2]) -> error: scalars",
      "Clip(f32[1]; f64[]) -> error: must be the same",
      "Dropout(f32[2]{1,2}) -> f32[2]{1,2}; bool[2]{1,1}",
      "Dropout(f32[2]{1,2}; f32[]{0.5}; bool[]{0}) -> f32[2]{1,2}; bool[2]{1,1}",
  });
}

TEST(Pointwise, Cast) {
  check_ops({
      "Cast{to=7}(f32[4]{1.9,-1.9,nan,1e30}) -> i64[4]{1,-1,0,9223372036854775807}",
      "Cast{to=1}(i64[2]{-3,16777217}) -> f32[2]{-3,16777216}",
      "Cast{to=9}(f32[3]{0,0.1,nan}) -> bool[3]{0,1,1}",
      "Cast{to=10}(f32[2]{0.1,70000}) -> f16[2]{0.1,inf}",
      "Cast{to=2}(i32[2]{-1,257}) -> u8[2]{255,1}",
      "Cast{to=13}(f64[2]{1.8e19,2e19}) -> u64[2]{18000000000000000000,18446744073709551615}",
      "Cast{to=8}(f32[4]{0.1,nan,-inf,2}) -> string[4]{'0.1','NaN','-INF','2'}",
      "Cast{to=8}(i32[1]{-5}) -> string[1]{'-5'}",
      "Cast{to=1}(string[4]{'1.5',' -2e3','+INF','nan'}) -> f32[4]{1.5,-2000,inf,nan}",
      "Cast{to=7}(string[1]{'9007199254740993'}) -> i64[1]{9007199254740993}",
      "Cast{to=7}(string[1]{'seven'}) -> error: not a number",
      "Cast{to=99}(f32[1]) -> error: element type",
      "Cast(f32[1]) -> error: element type",
      "CastLike(f32[1]{2.5}; i32[0]) -> i32[1]{2}",
      "Cast{to=14}(f32[1]) -> error: complex",
      "BitCast{to=6}(f32[2]{1,-0}) -> i32[2]{1065353216,-2147483648}",
      "BitCast{to=11}(f32[2]) -> error: width",
  });
}

// Small floats are given by their bits.
TEST(Pointwise, CastOfSmallTypes) {
  check_ops({
      "Cast{to=17}(f32[6]{0,-1,448,1000,-inf,0.0625}) -> f8e4m3fn[6]{0,184,126,126,254,24}",
      "Cast{to=17,saturate=0}(f32[2]{1000,-inf}) -> f8e4m3fn[2]{127,255}",
      "Cast{to=19,saturate=0}(f16[2]{65000,1}) -> f8e5m2[2]{124,60}",
      "Cast{to=18}(f32[3]{-0,nan,240}) -> f8e4m3fnuz[3]{0,128,127}",
      "Cast{to=1}(f8e5m2[4]{0,60,252,126}) -> f32[4]{0,1,-inf,nan}",
      "Cast{to=10}(f8e4m3fn[1]{184}) -> f16[1]{-1}",
      "Cast{to=23}(f32[5]{0.3,5,-0.6,100,2.5}) -> f4e2m1[5]{1,6,9,7,4}",
      "Cast{to=1}(f4e2m1[3]{1,6,9}) -> f32[3]{0.5,4,-0.5}",
      "Cast{to=24}(f32[4]{1,1.25,0,inf}) -> f8e8m0[4]{127,128,0,254}",
      "Cast{to=24,round_mode='down'}(f32[2]{1,1.9}) -> f8e8m0[2]{127,127}",
      "Cast{to=24,round_mode='nearest',saturate=0}(f32[4]{1.25,1.5,0,nan}) -> f8e8m0[4]{127,128,255,255}",
      "Cast{to=24,round_mode='odd'}(f32[1]) -> error: round_mode",
      "Cast{to=22}(i32[5]{1,-8,7,8,-9}) -> i4[5]{1,-8,7,-8,7}",
      "Cast{to=7}(i4[3]{-1,-8,7}) -> i64[3]{-1,-8,7}",
      "Cast{to=1}(u2[3]{0,3,2}) -> f32[3]{0,3,2}",
      "Cast{to=26}(u4[3]{1,2,3}) -> i2[3]{1,-2,-1}",
      "Cast{to=9}(i2[3]{0,-2,1}) -> bool[3]{0,1,1}",
      "CastLike(bool[2]{0,1}; u4[1]) -> u4[2]{0,1}",
      "Cast{to=8}(i4[2]{-3,2}) -> string[2]{'-3','2'}",
      "Cast{to=21}(string[1]{'5'}) -> u4[1]{5}",
      "BitCast{to=21}(i4[3]{-1,1,-8}) -> u4[3]{15,1,8}",
      "IsNaN(f8e4m3fn[2]{127,126}) -> bool[2]{1,0}",
      "IsInf(f8e5m2[2]{124,252}) -> bool[2]{1,1}",
      "IsInf(i8[2]) -> error: does not take",
      "Dropout(f8e5m2[2]{124,252}) -> f8e5m2[2]{124,252}",
  });
}

// Long rows are split among threads; the result must not show it.
TEST(Pointwise, LongRows) {
  std::string values, sums;
  for (int i = 0; i < 40000; ++i) values += std::to_string(i % 97) + ",", sums += std::to_string(i % 97 + 1) + ",";
  check_op("Add(i32[40000]{" + values + "}; i32[]{1}) -> i32[40000]{" + sums + "}");
  check_op("Add(i32[]{1}; i32[2,20000]{" + values + "}) -> i32[2,20000]{" + sums + "}");
}

}  // namespace vivace::ops
