#include "ops/op_test.h"

namespace vivace::ops {

TEST(Movement, Transpose) {
  check_ops({
      "Transpose(f32[2,3]{iota}) -> f32[3,2]{0,3,1,4,2,5}",
      "Transpose{perm=[1,0,2]}(i16[2,3,2]{iota}) -> i16[3,2,2]{0,1,6,7,2,3,8,9,4,5,10,11}",
      "Transpose{perm=[0,2,1]}(string[1,2,2]{'a','b','c','d'}) -> string[1,2,2]{'a','c','b','d'}",
      "Transpose{perm=[1,0]}(f32[]{1}) -> error: permutation",
      "Transpose(u4[3,2]{1,2,3,4,5,6}) -> u4[2,3]{1,3,5,2,4,6}",
      "Transpose(i2[2,2]{0,1,-2,-1}) -> i2[2,2]{0,-2,1,-1}",
      "Transpose(f32[]{3}) -> f32[]{3}",
      "Transpose(f32[2,0]) -> f32[0,2]",
      "Transpose{perm=[0,0]}(f32[2,2]) -> error: permutation",
      "Transpose{perm=[0]}(f32[2,2]) -> error: permutation",
      "Transpose{perm=[0,2]}(f32[2,2]) -> error: permutation",
  });
}

TEST(Movement, ConcatAndSplit) {
  check_ops({
      "Concat{axis=0}(f32[1,2]{1,2}; f32[2,2]{3,4,5,6}) -> f32[3,2]{1,2,3,4,5,6}",
      "Concat{axis=-1}(f32[2,1]{1,2}; f32[2,0]; f32[2,2]{3,4,5,6}) -> f32[2,3]{1,3,4,2,5,6}",
      "Concat{axis=0}(string[1]{'a'}; string[1]{'b'}) -> string[2]{'a','b'}",
      "Concat{axis=0}(u4[3]{1,2,3}; u4[2]{4,5}) -> u4[5]{1,2,3,4,5}",
      "Concat{axis=0}(f32[1]{1}; _) -> f32[1]{1}",
      "Concat{axis=0}(f32[1]{1}; _; f32[1]{2}) -> error: left out",
      "Concat{axis=2}(f32[1,2]) -> error: out of range",
      "Concat(f32[1,2]) -> error: axis",
      "Concat{axis=0}(f32[1,2]; f32[1,3]) -> error: differ outside axis",
      "Concat{axis=0}(f32[2]; f32[1,2]) -> error: rank",
      "Concat{axis=0}(f32[2]; f64[2]) -> error: must be the same",
      "Concat{axis=0}(f32[]; f32[]) -> error: out of range",
      "Split(f32[4]{iota}) -> f32[2]{0,1}; f32[2]{2,3}",
      "Split{num_outputs=3}(f32[7]{iota}) -> f32[3]{0,1,2}; f32[3]{3,4,5}; f32[1]{6}",
      "Split{axis=1}(f32[2,3]{iota}; i64[2]{2,1}) -> f32[2,2]{0,1,3,4}; f32[2,1]{2,5}",
      "Split{axis=-1}(f32[2]{iota}; i64[2]{2,0}) -> f32[2]{0,1}; f32[0]",
      "Split(f32[4]; i64[1]{3}) -> error: sums to",
      "Split(f32[4]; i64[1]{-4}) -> error: negative",
      "Split(f32[4]; i64[3]{1,2,1}) -> error: elements for",
      "Split{axis=1}(f32[0,9223372036854775806]; i64[2]{4,9223372036854775802}) -> f32[0,4]; "
      "f32[0,9223372036854775802]",
      "Split{axis=1}(f32[4]) -> error: out of range",
      "Split{num_outputs=2}(f32[4]) -> error: num_outputs",
  });
}

TEST(Movement, Slice) {
  check_ops({
      "Slice(f32[5]{iota}; i64[1]{1}; i64[1]{3}) -> f32[2]{1,2}",
      "Slice(f32[5]{iota}; i32[1]{-3}; i32[1]{-1}) -> f32[2]{2,3}",
      "Slice(f32[5]{iota}; i64[1]{-99}; i64[1]{99}; _; i64[1]{2}) -> f32[3]{0,2,4}",
      "Slice(f32[5]{iota}; i64[1]{99}; i64[1]{-99}; i64[1]{0}; i64[1]{-2}) -> f32[3]{4,2,0}",
      "Slice(f32[5]{iota}; i64[1]{3}; i64[1]{0}; i64[1]{0}; i64[1]{-1}) -> f32[3]{3,2,1}",
      "Slice(f32[5]{iota}; i64[1]{3}; i64[1]{1}) -> f32[0]",
      "Slice(f32[2,3]{iota}; i64[2]{0,1}; i64[2]{9,9}; i64[2]{0,-1}) -> f32[2,2]{1,2,4,5}",
      "Slice(f32[2,3]{iota}; i64[1]{2}; i64[1]{-9223372036854775808}; i64[1]{1}; i64[1]{-1}) -> f32[2,3]{2,1,0,5,4,3}",
      "Slice(f32[3]{iota}; i64[1]{2}; i64[1]{-9223372036854775808}; i64[1]{0}; i64[1]{-9223372036854775808}) -> "
      "f32[1]{2}",
      "Slice(f32[2,3]{iota}; i64[0]; i64[0]; i64[0]) -> f32[2,3]{iota}",
      "Slice(string[3]{'a','b','c'}; i64[1]{1}; i64[1]{3}) -> string[2]{'b','c'}",
      "Slice(u4[5]{1,2,3,4,5}; i64[1]{1}; i64[1]{4}) -> u4[3]{2,3,4}",
      "Slice(f32[0]; i64[1]{0}; i64[1]{9}) -> f32[0]",
      "Slice(f32[0]; i64[1]{5}; i64[1]{-9}; i64[1]{0}; i64[1]{-1}) -> f32[0]",
      "Slice(f32[5]; i64[1]{0}; i64[1]{3}; i64[1]{1}) -> error: out of range",
      "Slice(f32[5]; i64[1]{0}; i64[2]{3,3}) -> error: differ in length",
      "Slice(f32[5]; i64[1]{0}; i64[1]{3}; i64[2]{0,0}) -> error: differ in length",
      "Slice(f32[5,5]; i64[2]{0,0}; i64[2]{3,3}; i64[2]{0,-2}) -> error: twice",
      "Slice(f32[5]; i64[1]{0}; i64[1]{3}; i64[1]{0}; i64[1]{0}) -> error: step",
      "Slice(f32[5]; f32[1]{0}; f32[1]{3}) -> error: i32 or i64",
      "Slice(f32[5]; i32[1]{0}; i64[1]{3}) -> error: must be the same",
      "Slice(f32[5]; i64[]{0}; i64[]{3}) -> error: rank",
  });
}

TEST(Movement, ResizeReadsARegionOnlyWhereItCrops) {
  check_ops({
      "Resize{coordinate_transformation_mode='asymmetric'}(f32[2]{1,2}; f32[3]{0,0,9}; f32[1]{2.0}) -> "
      "f32[4]{1,1,2,2}",
      "Resize{coordinate_transformation_mode='tf_crop_and_resize',nearest_mode='floor'}(f32[4]{iota}; f32[2]{0,0.5}; "
      "f32[1]{0.5}) -> f32[2]{0,1}",
      "Resize{coordinate_transformation_mode='tf_crop_and_resize'}(f32[2]{1,2}; f32[3]{0,0,9}; f32[1]{2.0}) -> error: "
      "roi",
  });
}

// A row falls between two of the input's; in doubles a little before that.
TEST(Movement, ResizeTakesAHalfForOne) {
  check_ops({
      "Resize{axes=[0,1],coordinate_transformation_mode='half_pixel_symmetric',keep_aspect_ratio_policy='not_smaller',"
      "nearest_mode='round_prefer_ceil'}(f32[5,3]{iota}; _; _; i64[2]{1,1}) -> f32[2,1]{4,13}",
  });
}

TEST(Movement, GatherAndTrilu) {
  check_ops({
      "Gather(f32[3,2]{iota}; i64[2]{2,-3}) -> f32[2,2]{4,5,0,1}",
      "Gather{axis=1}(f32[2,3]{iota}; i32[1,2]{0,2}) -> f32[2,1,2]{0,2,3,5}",
      "Gather(string[2]{'a','b'}; i64[]{1}) -> string[]{'b'}",
      "Gather(u4[4]{1,2,3,4}; i64[3]{3,0,1}) -> u4[3]{4,1,2}",
      "Gather(f32[3,0]; i64[2]{0,1}) -> f32[2,0]",
      "Gather(f32[0]; i64[0]) -> f32[0]",
      "Gather(f32[3]; i64[1]{3}) -> error: out of range",
      "Gather(f32[3]; i64[1]{-9223372036854775808}) -> error: out of range",
      "Gather(f32[0]; i64[1]{0}) -> error: out of range",
      "Gather{axis=1}(f32[3]; i64[1]{0}) -> error: out of range",
      "Gather(f32[3]; f32[1]{0}) -> error: i32 or i64",
      "Gather(f32[]; i64[1]{0}) -> error: out of range",
      "Trilu(f32[3,3]{iota}) -> f32[3,3]{0,1,2,0,4,5,0,0,8}",
      "Trilu{upper=0}(f32[3,2]{iota}) -> f32[3,2]{0,0,2,3,4,5}",
      "Trilu(i64[2,2,2]{1,2,3,4,5,6,7,8}; i64[]{1}) -> i64[2,2,2]{0,2,0,0,0,6,0,0}",
      "Trilu{upper=0}(bool[1,3]{1,1,1}; i64[]{1}) -> bool[1,3]{1,1,0}",
      "Trilu(f32[2,2]{1,2,3,4}; i64[]{9223372036854775807}) -> f32[2,2]",
      "Trilu{upper=0}(f32[2,2]{1,2,3,4}; i64[]{9223372036854775807}) -> f32[2,2]{1,2,3,4}",
      "Trilu(f32[2,2]{1,2,3,4}; i64[]{-9223372036854775808}) -> f32[2,2]{1,2,3,4}",
      "Trilu(f32[2]) -> error: rank",
      "Trilu(f32[2,2]; i32[]{1}) -> error: i64",
  });
}

}  // namespace vivace::ops
