// Numbers drawn with a seed are those of NumPy's RandomState; without one they differ each time.
#include "ops/random.h"

#include "ops/op_test.h"
#include "ops/operator.h"

namespace vivace::ops {

TEST(Random, DrawsWhatNumPyDraws) {
  check_ops({
      "RandomUniform{shape=[4],seed=3,low=-1.0,high=1.0}() -> "
      "f32[4]{0.101595759,0.416295648,-0.418190539,0.0216552019}",
      "RandomNormal{shape=[5],seed=7,scale=0.5,mean=2.0,dtype=11}() -> "
      "f64[5]{2.84526285,1.76703131,2.01641008,2.20375814,1.60553849}",
      "RandomNormalLike{seed=7,scale=0.5,mean=2.0,dtype=11}(i32[5,1]) -> "
      "f64[5,1]{2.84526285,1.76703131,2.01641008,2.20375814,1.60553849}",
      "RandomUniformLike{seed=3,low=-1.0,high=1.0}(f32[2]) -> f32[2]{0.101595759,0.416295648}",
      "RandomUniformLike(f32[2,0]) -> f32[2,0]",
      "Bernoulli{seed=5}(f32[8]{0.1,0.5,0.6,0.9,0,1,0.3,0.7}) -> f32[8]{0,1,1,0,0,1,1,1}",
      "Bernoulli{seed=5,dtype=9}(f64[8]{0.1,0.5,0.6,0.9,0,1,0.3,0.7}) -> bool[8]{0,1,1,0,0,1,1,1}",
      "Bernoulli{dtype=6}(f16[2]{0,1}) -> i32[2]{0,1}",
      "Multinomial{seed=11,sample_size=8}(f32[1,2]{-1,-1}) -> i32[1,8]{0,0,0,1,0,0,0,0}",
      "Multinomial{dtype=7,sample_size=2}(f32[2,3]{-inf,0,-inf,0,-inf,-inf}) -> i64[2,2]{1,1,0,0}",
      "Dropout{seed=0}(f32[6]{iota}; f32[]{0.6}; bool[]{1}) -> "
      "f32[6]{0,2.5,5,0,0,12.5}; bool[6]{0,1,1,0,0,1}",
      "Dropout{seed=0}(f8e5m2[2]{60,60}; f16[]{0.6}; bool[]{1}) -> f8e5m2[2]{0,65}; bool[2]{0,1}",
      "Dropout(f32[2]{1,2}; f32[]{0.5}; bool[]{0}) -> f32[2]{1,2}; bool[2]{1,1}",
      "Dropout(f32[2]{1,2}; f32[]{0.0}; bool[]{1}) -> f32[2]{1,2}; bool[2]{1,1}",
  });
}

TEST(Random, RefusesWhatMakesNoSense) {
  check_ops({
      "RandomNormal() -> error: shape",
      "RandomNormal{shape=[-1]}() -> error: shape",
      "RandomUniform{shape=[2],dtype=7}() -> error: floats",
      "RandomUniform{shape=[2],dtype=99}() -> error: no element type",
      "Bernoulli(f32[1]{1.5}) -> error: 0 to 1",
      "Bernoulli(f32[1]{nan}) -> error: 0 to 1",
      "Bernoulli{dtype=8}(f32[1]) -> error: string",
      "Multinomial(f32[3]) -> error: rank",
      "Multinomial{sample_size=-1}(f32[1,3]) -> error: negative",
      "Multinomial(f32[1,0]) -> error: no outcomes",
      "Multinomial{dtype=1}(f32[1,2]) -> error: i32 or i64",
      "Multinomial(f32[1,2]{nan,0}) -> error: no numbers",
      "Dropout(f32[2]; f32[]{1.5}; bool[]{1}) -> error: ratio",
      "Dropout(f32[2]; i32[]; bool[]{1}) -> error: ratio",
      "Dropout(f32[2]; f32[]; i32[]{1}) -> error: bool",
  });
}

TEST(Random, DiffersWithoutASeed) {
  ir::Graph graph;
  ir::Node* node = graph.add_node("RandomNormal", {}, 1, {{"shape", std::vector<int64_t>{8}}});
  ASSERT_TRUE(infer_node(*node).ok());
  EXPECT_TRUE(draws_numbers(*node));
  const auto first = run_reference(*node, {}), second = run_reference(*node, {});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(to_double((*first)[0]), to_double((*second)[0]));
}

}  // namespace vivace::ops
