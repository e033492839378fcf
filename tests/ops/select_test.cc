#include "ops/op_test.h"

namespace vivace::ops {

TEST(Select, OneHot) {
  check_ops({
      "OneHot(i64[3]{0,2,-1}; i64[]{3}; f32[2]{0,1}) -> f32[3,3]{1,0,0,0,0,1,0,0,1}",
      "OneHot{axis=0}(i32[2]{1,7}; i32[1]{2}; i8[2]{5,6}) -> i8[2,2]{5,5,6,5}",
      "OneHot(f32[1]{1.0}; f32[]{2}; string[2]{'no','yes'}) -> string[1,2]{'no','yes'}",
      "OneHot{axis=1}(u8[2,2]{0,1,1,0}; u8[]{2}; bool[2]{0,1}) -> bool[2,2,2]{1,0,0,1,0,1,1,0}",
      "OneHot(i64[]{1}; i64[]{2}; f32[2]{0,1}) -> f32[2]{0,1}",
      "OneHot(i64[2]; i64[]{0}; f32[2]) -> f32[2,0]",
      "OneHot(i64[1]; i64[]{-1}; f32[2]) -> error: depth",
      "OneHot(i64[1]; i64[2]{1,1}; f32[2]) -> error: depth",
      "OneHot(i64[1]; i64[]{1}; f32[3]) -> error: values",
      "OneHot(i64[4]; i64[]{9223372036854775807}; f32[2]) -> error: too large",
      "OneHot{axis=2}(i64[1]; i64[]{1}; f32[2]) -> error: out of range",
  });
}

TEST(Select, CompressAndNonZero) {
  check_ops({
      "Compress{axis=0}(f32[3,2]{iota}; bool[3]{0,1,1}) -> f32[2,2]{2,3,4,5}",
      "Compress{axis=-1}(f32[2,3]{iota}; bool[2]{0,1}) -> f32[2,1]{1,4}",
      "Compress(f32[3,2]{iota}; bool[5]{0,1,0,0,1}) -> f32[2]{1,4}",
      "Compress(string[2]{'a','b'}; bool[2]{0,1}) -> string[1]{'b'}",
      "Compress(f32[2]; bool[0]) -> f32[0]",
      "Compress(f32[1]; bool[3]{0,0,1}) -> error: beyond",
      "Compress(f32[1]{7}; bool[3]{1,0,0}) -> f32[1]{7}",
      "Compress{axis=1}(f32[1]; bool[1]) -> error: out of range",
      "Compress(f32[1]; i64[1]) -> error: bool",
      "NonZero(f32[2,2]{1,0,nan,3}) -> i64[2,3]{0,1,1,0,0,1}",
      "NonZero(bool[3]{0,1,1}) -> i64[1,2]{1,2}",
      "NonZero(string[2]{'','x'}) -> i64[1,1]{1}",
      "NonZero(i64[]{5}) -> i64[1,1]{0}",
      "NonZero(f32[2,0]) -> i64[2,0]",
  });
}

TEST(Select, Unique) {
  check_ops({
      "Unique(f32[6]{2,1,1,3,4,3}) -> f32[4]{1,2,3,4}; i64[4]{1,0,3,4}; i64[6]{1,0,0,2,3,2}; i64[4]{2,1,2,1}",
      "Unique{sorted=0}(f32[6]{2,1,1,3,4,3}) -> f32[4]{2,1,3,4}; i64[4]{0,1,3,4}; i64[6]{0,1,1,2,3,2}; i64[4]{1,2,2,1}",
      "Unique{axis=0}(i64[3,2]{1,0,1,0,0,9}) -> i64[2,2]{0,9,1,0}; i64[2]{2,0}; i64[3]{1,1,0}; i64[2]{1,2}",
      "Unique{axis=-1}(u8[2,3]{1,0,1,2,3,2}) -> u8[2,2]{0,1,3,2}; i64[2]{1,0}; i64[3]{1,0,1}; i64[2]{1,2}",
      "Unique(f32[3]{nan,1,nan}) -> f32[2]{1,nan}; _; _; i64[2]{1,2}",
      "Unique(string[3]{'b','a','b'}) -> string[2]{'a','b'}",
      "Unique(bool[3]{1,0,1}) -> bool[2]{0,1}",
      "Unique(f32[0]) -> f32[0]; i64[0]; i64[0]; i64[0]",
      "Unique{axis=1}(f32[2]) -> error: out of range",
  });
}

TEST(Order, TopK) {
  check_ops({
      "TopK(f32[2,3]{1,3,2,6,4,5}; i64[1]{2}) -> f32[2,2]{3,2,6,5}; i64[2,2]{1,2,0,2}",
      "TopK{largest=0,axis=0}(i32[3,2]{1,6,3,4,2,5}; i64[1]{2}) -> i32[2,2]{1,4,2,5}; i64[2,2]{0,1,2,2}",
      "TopK(f32[4]{1,1,1,1}; i64[1]{3}) -> f32[3]{1,1,1}; i64[3]{0,1,2}",
      "TopK(f32[3]{1,nan,2}; i64[1]{2}) -> f32[2]{nan,2}; i64[2]{1,2}",
      "TopK{largest=0}(f16[3]{1,nan,2}; i64[1]{3}) -> f16[3]{1,2,nan}; i64[3]{0,2,1}",
      "TopK(u64[2]{18446744073709551615,1}; i64[1]{1}) -> u64[1]{18446744073709551615}; i64[1]{0}",
      "TopK(f32[2]; i64[1]{0}) -> f32[0]; i64[0]",
      "TopK(f32[0,2]; i64[1]{1}) -> f32[0,1]; i64[0,1]",
      "TopK(f32[2]; i64[1]{3}) -> error: K is 3",
      "TopK(f32[2]; i64[1]{-1}) -> error: negative",
      "TopK(f32[2]; i64[2]{1,1}) -> error: one number",
      "TopK(f32[2]; i32[1]{1}) -> error: i64",
      "TopK{axis=1}(f32[2]; i64[1]{1}) -> error: out of range",
  });
}

TEST(Order, ArgMaxAndArgMin) {
  check_ops({
      "ArgMax(f32[2,2]{1,5,3,4}) -> i64[1,2]{1,0}",
      "ArgMax{axis=-1,keepdims=0}(f32[2,3]{1,5,5,3,4,0}) -> i64[2]{1,1}",
      "ArgMax{axis=1,select_last_index=1}(i8[1,3]{5,1,5}) -> i64[1,1]{2}",
      "ArgMin{keepdims=0}(u8[3]{5,1,1}) -> i64[]{1}",
      "ArgMax(f32[3]{1,nan,2}) -> i64[1]{1}",
      "ArgMin(f32[3]{1,nan,nan}) -> i64[1]{1}",
      "ArgMax{axis=1}(f32[0,3]) -> i64[0,1]",
      "ArgMax(f32[0,3]) -> error: empty",
      "ArgMax{axis=2}(f32[2,3]) -> error: out of range",
      "ArgMax(f32[]{1}) -> error: out of range",
  });
}

TEST(Order, Cumulative) {
  check_ops({
      "CumSum(f32[4]{1,2,3,4}; i64[]{0}) -> f32[4]{1,3,6,10}",
      "CumSum{exclusive=1}(i32[3]{1,2,3}; i32[]{-1}) -> i32[3]{0,1,3}",
      "CumSum{reverse=1}(f64[3]{1,2,3}; i64[1]{0}) -> f64[3]{6,5,3}",
      "CumSum{reverse=1,exclusive=1}(f32[2,2]{1,2,3,4}; i64[]{0}) -> f32[2,2]{3,4,0,0}",
      "CumSum(i32[2]{2147483647,1}; i64[]{0}) -> i32[2]{2147483647,-2147483648}",
      "CumProd(f32[4]{1,2,3,4}; i64[]{0}) -> f32[4]{1,2,6,24}",
      "CumProd{exclusive=1,reverse=1}(i64[3]{1,2,3}; i64[]{0}) -> i64[3]{6,3,1}",
      "CumSum(f32[0]; i64[]{0}) -> f32[0]",
      "CumSum(f32[2]; i64[]{1}) -> error: out of range",
      "CumSum(f32[2]; i64[2]{0,0}) -> error: scalar",
      "CumSum(f32[2]; f32[]{0}) -> error: i32 or i64",
  });
}

TEST(Select, NonMaxSuppression) {
  const std::string boxes = "f32[1,4,4]{0,0,1,1, 0,0.1,1,1.1, 0,0,-1,-1, 0,10,1,11}", scores = "f32[1,1,4]{0.9,0.75,0.6,0.95}";
  check_ops({
      "NonMaxSuppression(" + boxes + ";" + scores + "; i64[]{3}; f32[]{0.5}) -> i64[3,3]{0,0,3,0,0,0,0,0,2}",
      "NonMaxSuppression(" + boxes + ";" + scores + "; i64[]{2}; f32[]{0.5}) -> i64[2,3]{0,0,3,0,0,0}",
      "NonMaxSuppression(" + boxes + ";" + scores + "; i64[]{9}; f32[]{0.99}; f32[]{0.7}) -> i64[3,3]{0,0,3,0,0,0,0,0,1}",
      "NonMaxSuppression(" + boxes + ";" + scores + ") -> i64[0,3]",
      "NonMaxSuppression{center_point_box=1}(f32[1,2,4]{0.5,0.5,1,1,0.5,0.6,1,1}; f32[1,1,2]{0.9,nan}; i64[]{3}; f32[]{0.5}) -> i64[1,3]{0,0,0}",
      "NonMaxSuppression(f32[1,2,4]; f32[1,1,3]; i64[]{1}) -> error: do not fit",
      "NonMaxSuppression(f32[1,2,3]; f32[1,1,2]; i64[]{1}) -> error: do not fit",
      "NonMaxSuppression(f32[2,4]; f32[1,1,2]; i64[]{1}) -> error: rank",
      "NonMaxSuppression(f32[1,2,4]; f32[1,1,2]; i64[0]) -> error: scalar",
  });
}

TEST(Einsum, Equations) {
  check_ops({
      "Einsum{equation='ij,jk->ik'}(f32[2,2]{1,2,3,4}; f32[2,2]{5,6,7,8}) -> f32[2,2]{19,22,43,50}",
      "Einsum{equation='ij,jk'}(i32[2,1]{1,2}; i32[1,2]{3,4}) -> i32[2,2]{3,4,6,8}",
      "Einsum{equation='ii->i'}(f32[2,2]{1,2,3,4}) -> f32[2]{1,4}",
      "Einsum{equation='ii'}(f32[2,2]{1,2,3,4}) -> f32[]{5}",
      "Einsum{equation='ij->ji'}(f32[2,3]{iota}) -> f32[3,2]{0,3,1,4,2,5}",
      "Einsum{equation='i,i->'}(f32[3]{1,2,3}; f32[3]{4,5,6}) -> f32[]{32}",
      "Einsum{equation='i,j->ij'}(f32[2]{1,2}; f32[2]{3,4}) -> f32[2,2]{3,4,6,8}",
      "Einsum{equation='...ij, ...jk -> ...ik'}(f32[2,1,1,2]{1,2,3,4}; f32[1,2,1]{1,1}) -> f32[2,1,1,1]{3,7}",
      "Einsum{equation='...i->...'}(f32[2,2]{1,2,3,4}) -> f32[2]{3,7}",
      "Einsum{equation='bi,ij,bj->b'}(f32[2,2]{1,2,3,4}; f32[2,2]{1,0,0,1}; f32[2,2]{1,1,2,2}) -> f32[2]{3,14}",
      "Einsum{equation='ba'}(f32[2,3]{iota}) -> f32[3,2]{0,3,1,4,2,5}",
      "Einsum{equation='ij,jk->ik'}(f32[2,0]; f32[0,3]) -> f32[2,3]",
      "Einsum{equation='ij'}(f32[2]) -> error: rank",
      "Einsum{equation='i,i'}(f32[2]) -> error: terms",
      "Einsum{equation='i,i'}(f32[2]; f32[3]) -> error: sizes",
      "Einsum{equation='i->j'}(f32[2]) -> error: no input",
      "Einsum{equation='i->ii'}(f32[2]) -> error: repeats",
      "Einsum{equation='......'}(f32[2]) -> error: ellipses",
      "Einsum{equation='i$'}(f32[2]) -> error: unexpected",
      "Einsum{equation='...ij->ij'}(f32[2]) -> error: rank",
      "Einsum(f32[2]) -> error: rank",
      "Det(f32[2,2]{1,2,3,4}) -> f32[]{-2}",
      "Det(f64[2,3,3]{0,1,0,1,0,0,0,0,1, 1,2,3,4,5,6,7,8,9}) -> f64[2]{-1,0}",
      "Det(f32[1,0,0]) -> f32[1]{1}",
      "Det(f32[2,3]) -> error: square",
      "Det(f32[2]) -> error: rank",
  });
}

}  // namespace vivace::ops
