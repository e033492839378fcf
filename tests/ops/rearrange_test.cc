#include "ops/op_test.h"

namespace vivace::ops {

TEST(Rearrange, Pad) {
  check_ops({
      "Pad(f32[2]{1,2}; i64[2]{1,2}) -> f32[5]{0,1,2,0,0}",
      "Pad(f32[1,2]{1,2}; i64[4]{1,0,0,1}; f32[]{9}) -> f32[2,3]{9,9,9,1,2,9}",
      "Pad(f32[2,2]{1,2,3,4}; i64[2]{1,0}; i32[]; i32[1]{-1}) -> error: must be the same",
      "Pad(f32[2,2]{1,2,3,4}; i64[2]{1,0}; _; i32[1]{-1}) -> f32[2,3]{0,1,2,0,3,4}",
      "Pad(f32[3]{1,2,3}; i64[2]{-1,1}) -> f32[3]{2,3,0}",
      "Pad(f32[3]{1,2,3}; i64[2]{-2,-2}) -> error: negative",
      "Pad(f32[3]; i64[2]{9223372036854775807,1}) -> error: too large",
      "Pad{mode='reflect'}(f32[3]{1,2,3}; i64[2]{2,2}) -> f32[7]{3,2,1,2,3,2,1}",
      "Pad{mode='reflect'}(f32[2]{1,2}; i64[2]{3,0}) -> f32[5]{2,1,2,1,2}",
      "Pad{mode='reflect'}(f32[1]{5}; i64[2]{1,1}) -> f32[3]{5,5,5}",
      "Pad{mode='edge'}(f32[2,2]{1,2,3,4}; i64[4]{1,1,0,1}) -> f32[3,4]{1,1,2,2,1,1,2,2,3,3,4,4}",
      "Pad{mode='wrap'}(f32[3]{1,2,3}; i64[2]{2,4}) -> f32[9]{2,3,1,2,3,1,2,3,1}",
      "Pad{mode='edge'}(f32[0]; i64[2]{1,0}) -> error: empty",
      "Pad(f32[0]; i64[2]{1,0}; f32[]{7}) -> f32[1]{7}",
      "Pad(string[1]{'a'}; i64[2]{1,0}; string[]{'b'}) -> string[2]{'b','a'}",
      "Pad(u4[3]{1,2,3}; i64[2]{1,1}; u4[]{9}) -> u4[5]{9,1,2,3,9}",
      "Pad(f32[2,0]; i64[4]{0,0,0,0}) -> f32[2,0]",
      "Pad{mode='mirror'}(f32[2]; i64[2]{1,1}) -> error: mode",
      "Pad(f32[2]; i64[3]{1,1,1}) -> error: elements for",
      "Pad(f32[2,2]; i64[4]{1,1,1,1}; _; i64[2]{0,-2}) -> error: twice",
      "Pad(f32[2]; i64[2]{1,1}; _; i64[1]{1}) -> error: out of range",
      "Pad(f32[2]; i64[2]{1,1}; f32[2]) -> error: scalar",
  });
}

TEST(Rearrange, TileAndBlocks) {
  check_ops({
      "Tile(f32[2]{1,2}; i64[1]{3}) -> f32[6]{1,2,1,2,1,2}",
      "Tile(f32[2,2]{1,2,3,4}; i64[2]{2,1}) -> f32[4,2]{1,2,3,4,1,2,3,4}",
      "Tile(f32[1,2]{1,2}; i64[2]{2,2}) -> f32[2,4]{1,2,1,2,1,2,1,2}",
      "Tile(string[1]{'a'}; i64[1]{2}) -> string[2]{'a','a'}",
      "Tile(f32[2]; i64[1]{0}) -> f32[0]",
      "Tile(f32[]{4}; i64[0]) -> f32[]{4}",
      "Tile(f32[2]; i64[1]{-1}) -> error: negative",
      "Tile(f32[2]; i64[2]{1,1}) -> error: elements for",
      "Tile(f32[4]; i64[1]{9223372036854775807}) -> error: too large",
      "DepthToSpace{blocksize=2}(f32[1,8,1,1]{iota}) -> f32[1,2,2,2]{0,2,4,6,1,3,5,7}",
      "DepthToSpace{blocksize=2,mode='CRD'}(f32[1,8,1,1]{iota}) -> f32[1,2,2,2]{0,1,2,3,4,5,6,7}",
      "DepthToSpace{blocksize=2}(i8[1,4,1,2]{iota}) -> i8[1,1,2,4]{0,2,1,3,4,6,5,7}",
      "SpaceToDepth{blocksize=2}(f32[1,2,2,2]{iota}) -> f32[1,8,1,1]{0,4,1,5,2,6,3,7}",
      "SpaceToDepth{blocksize=2}(i8[1,1,2,4]{0,2,1,3,4,6,5,7}) -> i8[1,4,1,2]{iota}",
      "DepthToSpace{blocksize=2}(f32[1,6,1,1]) -> error: multiple",
      "SpaceToDepth{blocksize=2}(f32[1,1,3,2]) -> error: multiple",
      "DepthToSpace{blocksize=0}(f32[1,4,1,1]) -> error: positive",
      "DepthToSpace{blocksize=2,mode='X'}(f32[1,4,1,1]) -> error: mode",
      "SpaceToDepth{blocksize=1}(f32[1,1]) -> error: rank",
      "ReverseSequence(f32[3,2]{iota}; i64[2]{2,3}) -> f32[3,2]{2,5,0,3,4,1}",
      "ReverseSequence{batch_axis=0,time_axis=1}(f32[2,3]{iota}; i64[2]{0,2}) -> f32[2,3]{0,1,2,4,3,5}",
      "ReverseSequence(i16[2,1,2]{iota}; i64[1]{2}) -> i16[2,1,2]{2,3,0,1}",
      "ReverseSequence(f32[3,2]; i64[2]{2,4}) -> error: sequence length",
      "ReverseSequence(f32[3,2]; i64[3]{1,1,1}) -> error: elements for",
      "ReverseSequence{batch_axis=1,time_axis=1}(f32[3,2]; i64[2]{2,2}) -> error: batch_axis",
      "ReverseSequence{batch_axis=9223372036854775807,time_axis=1}(f32[3,2]; i64[2]{2,2}) -> error: batch_axis",
      "Pad(f32[0,4611686018427387904,4]; i64[6]) -> f32[0,4611686018427387904,4]",
      "ReverseSequence{batch_axis=-1,time_axis=2}(f32[3,2]; i64[2]{2,2}) -> error: batch_axis",
  });
}

TEST(Rearrange, GathersByElementAndTuple) {
  check_ops({
      "GatherElements{axis=1}(f32[2,2]{1,2,3,4}; i64[2,2]{0,0,1,0}) -> f32[2,2]{1,1,4,3}",
      "GatherElements(f32[3,2]{iota}; i32[1,2]{-1,1}) -> f32[1,2]{4,3}",
      "GatherElements(string[2]{'a','b'}; i64[3]{1,0,1}) -> string[3]{'b','a','b'}",
      "GatherElements{axis=1}(f32[2,3]{iota}; i64[1,2]{2,0}) -> f32[1,2]{2,0}",
      "GatherElements(f32[2]; i64[1]{2}) -> error: out of range",
      "GatherElements(f32[2,2]; i64[2,3]) -> error: exceed",
      "GatherElements(f32[2,2]; i64[2]) -> error: rank",
      "GatherElements{axis=2}(f32[2,2]; i64[2,2]) -> error: out of range",
      "GatherND(f32[2,2]{1,2,3,4}; i64[2,2]{0,0,1,-1}) -> f32[2]{1,4}",
      "GatherND(f32[2,2]{1,2,3,4}; i64[2,1]{1,0}) -> f32[2,2]{3,4,1,2}",
      "GatherND{batch_dims=1}(f32[2,2,2]{iota}; i64[2,1]{1,0}) -> f32[2,2]{2,3,4,5}",
      "GatherND(f32[2,2]{1,2,3,4}; i64[0,2]) -> f32[0]",
      "GatherND(f32[2]; i64[1,2]) -> error: do not fit",
      "GatherND(f32[2]; i64[1,0]) -> error: do not fit",
      "GatherND(f32[2]; i64[1,1]{5}) -> error: out of range",
      "GatherND{batch_dims=1}(f32[2]; i64[1,1]) -> error: batch_dims",
      "GatherND{batch_dims=1}(f32[2,2]; i64[3,1]) -> error: batch dimensions",
      "GatherND(f32[2]; i32[1,1]) -> error: i64",
  });
}

TEST(Rearrange, Scatters) {
  check_ops({
      "ScatterElements{axis=1}(f32[1,5]{1,2,3,4,5}; i64[1,2]{1,3}; f32[1,2]{9,8}) -> f32[1,5]{1,9,3,8,5}",
      "ScatterElements{reduction='add'}(f32[3]{1,2,3}; i64[3]{1,1,-1}; f32[3]{10,20,30}) -> f32[3]{1,32,33}",
      "ScatterElements{reduction='mul'}(i8[2]{100,2}; i64[1]{0}; i8[1]{3}) -> i8[2]{44,2}",
      "ScatterElements{reduction='max'}(f16[2]{1,2}; i64[2]{0,1}; f16[2]{3,1}) -> f16[2]{3,2}",
      "ScatterElements{reduction='min'}(u8[2]{1,2}; i64[2]{0,1}; u8[2]{3,1}) -> u8[2]{1,1}",
      "ScatterElements(string[2]{'a','b'}; i32[1]{1}; string[1]{'c'}) -> string[2]{'a','c'}",
      "ScatterElements(f32[2,3]{iota}; i64[1,2]{1,0}; f32[1,2]{9,8}) -> f32[2,3]{0,8,2,9,4,5}",
      "ScatterElements{reduction='add'}(string[1]; i64[1]; string[1]) -> error: not supported",
      "ScatterElements{reduction='xor'}(f32[1]; i64[1]; f32[1]) -> error: reduction",
      "ScatterElements(f32[2]; i64[2]{0,2}; f32[2]) -> error: out of range",
      "ScatterElements(f32[2]; i64[2]; f32[1]) -> error: updates",
      "ScatterElements(f32[2]; i64[2]; f64[2]) -> error: must be the same",
      "ScatterElements(f32[2,2]; i64[2,3]; f32[2,3]) -> error: exceed",
      "ScatterND(f32[4]{1,2,3,4}; i64[2,1]{3,0}; f32[2]{9,8}) -> f32[4]{8,2,3,9}",
      "ScatterND(f32[2,2]{1,2,3,4}; i64[1,1]{1}; f32[1,2]{9,8}) -> f32[2,2]{1,2,9,8}",
      "ScatterND{reduction='add'}(i32[2,2]{1,2,3,4}; i64[2,1]{1,-1}; i32[2,2]{1,1,1,1}) -> i32[2,2]{1,2,5,6}",
      "ScatterND{reduction='min'}(f32[2]{1,2}; i64[1,1]{1}; f32[1]{nan}) -> f32[2]{1,nan}",
      "ScatterND(f32[2]; i64[1,1]{2}; f32[1]) -> error: out of range",
      "ScatterND(f32[2]; i64[1,2]; f32[1]) -> error: do not fit",
      "ScatterND(f32[2]; i64[1,1]; f32[2]) -> error: updates",
  });
}

}  // namespace vivace::ops
