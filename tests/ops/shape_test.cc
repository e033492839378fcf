#include "ops/op_test.h"
#include "ops/operator.h"

namespace vivace::ops {

TEST(ShapeOperators, Constants) {
  check_ops({
      "Constant{value=f32[2]{1,2}}() -> f32[2]{1,2}",
      "Constant{value_int=7}() -> i64[]{7}",
      "Constant{value_float=0.5}() -> f32[]{0.5}",
      "Constant{value_ints=[1,2]}() -> i64[2]{1,2}",
      "Constant{value_floats=[0.5,1.5]}() -> f32[2]{0.5,1.5}",
      "Constant{value_string='a'}() -> string[]{'a'}",
      "Constant{value_strings=['a','b']}() -> string[2]{'a','b'}",
      "Constant() -> error: no value",
      "ConstantOfShape(i64[2]{2,1}) -> f32[2,1]{0,0}",
      "ConstantOfShape{value=i8[1]{3}}(i64[1]{3}) -> i8[3]{3,3,3}",
      "ConstantOfShape{value=i64[1]{3}}(i64[0]) -> i64[]{3}",
      "ConstantOfShape(i64[1]{-1}) -> error: negative",
      "ConstantOfShape(i64[2]{4611686018427387904,4}) -> error: too large",
      "ConstantOfShape{value=i8[2]}(i64[1]{3}) -> error: one element",
      "ConstantOfShape(i32[1]{3}) -> error: must be i64",
      "ConstantOfShape(i64[70]) -> error: dimensions",
      "EyeLike(f32[2,3]) -> f32[2,3]{1,0,0,0,1,0}",
      "EyeLike{k=-1,dtype=9}(i32[3,2]) -> bool[3,2]{0,0,1,0,0,1}",
      "EyeLike{k=1}(i32[2,2]) -> i32[2,2]{0,1,0,0}",
      "EyeLike{k=-9223372036854775808}(i32[1,1]) -> i32[1,1]{0}",
      "EyeLike(f32[2]) -> error: rank",
  });
}

TEST(ShapeOperators, ShapesAsData) {
  check_ops({
      "Shape(f32[2,3,4]) -> i64[3]{2,3,4}",
      "Shape{start=1}(f32[2,3,4]) -> i64[2]{3,4}",
      "Shape{start=-1}(f32[2,3,4]) -> i64[1]{4}",
      "Shape{start=0,end=-1}(f32[2,3,4]) -> i64[2]{2,3}",
      "Shape{start=2,end=1}(f32[2,3,4]) -> i64[0]",
      "Shape{start=-99,end=99}(f32[2,3]) -> i64[2]{2,3}",
      "Shape(f32[]) -> i64[0]",
      "Size(f32[2,3]) -> i64[]{6}",
      "Size(f32[]) -> i64[]{1}",
      "Range(i64[]{1}; i64[]{8}; i64[]{3}) -> i64[3]{1,4,7}",
      "Range(i32[]{5}; i32[]{1}; i32[]{-2}) -> i32[2]{5,3}",
      "Range(i64[]{5}; i64[]{1}; i64[]{1}) -> i64[0]",
      "Range(f32[]{0}; f32[]{1}; f32[]{0.25}) -> f32[4]{0,0.25,0.5,0.75}",
      "Range(i64[]{0}; i64[]{1}; i64[]{0}) -> error: no end",
      "Range(f32[]{0}; f32[]{inf}; f32[]{1}) -> error: no end",
      "Range(i64[]{-9223372036854775808}; i64[]{9223372036854775807}; i64[]{1}) -> error: too large",
      "Range(i64[]{0}; i32[]{1}; i64[]{1}) -> error: must be the same",
      "Range(i64[2]{0,1}; i64[]{1}; i64[]{1}) -> error: scalars",
  });
}

TEST(ShapeOperators, ChangesOfShape) {
  check_ops({
      "Reshape(f32[2,3]{iota}; i64[2]{3,2}) -> f32[3,2]{iota}",
      "Reshape(f32[2,3]{iota}; i64[2]{0,-1}) -> f32[2,3]{iota}",
      "Reshape(f32[2,3]{iota}; i64[3]{-1,1,2}) -> f32[3,1,2]{iota}",
      "Reshape(f32[1]{5}; i64[0]) -> f32[]{5}",
      "Reshape(f32[0,3]; i64[2]{0,-1}) -> f32[0,3]",
      "Reshape{allowzero=1}(f32[0,3]; i64[2]{3,0}) -> f32[3,0]",
      "Reshape(string[2]{'a','b'}; i64[2]{2,1}) -> string[2,1]{'a','b'}",
      "Reshape(u4[3]{1,2,3}; i64[2]{3,1}) -> u4[3,1]{1,2,3}",
      "Reshape(f32[2,3]; i64[2]{4,2}) -> error: cannot be reshaped",
      "Reshape(f32[2,3]; i64[2]{4,-1}) -> error: cannot be reshaped",
      "Reshape(f32[2,3]; i64[2]{-1,-1}) -> error: more than one",
      "Reshape(f32[2,3]; i64[3]{1,6,0}) -> error: copies dimension 2",
      "Reshape(f32[2,3]; i64[2]{-2,-3}) -> error: negative",
      "Reshape(f32[2,3]; i64[2]{4294967296,4294967296}) -> error: cannot be reshaped",
      "Reshape{allowzero=1}(f32[0,3]; i64[2]{0,-1}) -> error: allowzero",
      "Reshape(f32[2,3]; i32[1]{6}) -> error: must be i64",
      "Reshape(f32[2,3]; i64[1,1]{6}) -> error: rank",
      "Squeeze(f32[1,2,1]{1,2}) -> f32[2]{1,2}",
      "Squeeze(f32[1,2,1]{1,2}; i64[1]{-1}) -> f32[1,2]{1,2}",
      "Squeeze(f32[1,2]; i64[1]{1}) -> error: is not 1",
      "Squeeze(f32[1,2]; i64[1]{5}) -> error: out of range",
      "Unsqueeze(f32[2]{1,2}; i64[2]{0,-1}) -> f32[1,2,1]{1,2}",
      "Unsqueeze(f32[]{1}; i64[1]{0}) -> f32[1]{1}",
      "Unsqueeze(f32[2]; i64[2]{0,0}) -> error: twice",
      "Unsqueeze(f32[2]; i64[1]{3}) -> error: out of range",
      "Unsqueeze(f32[2]; i64[1,1]{0}) -> error: rank",
      "Flatten(f32[2,3,4]{iota}) -> f32[2,12]{iota}",
      "Flatten{axis=0}(f32[2,3]{iota}) -> f32[1,6]{iota}",
      "Flatten{axis=-1}(f32[2,3,4]{iota}) -> f32[6,4]{iota}",
      "Flatten{axis=4}(f32[2,3]) -> error: out of range",
      "Expand(f32[2,1]{1,2}; i64[3]{2,1,3}) -> f32[2,2,3]{1,1,1,2,2,2,1,1,1,2,2,2}",
      "Expand(string[1]{'x'}; i64[1]{2}) -> string[2]{'x','x'}",
      "Expand(f32[2,3]{iota}; i64[1]{1}) -> f32[2,3]{iota}",
      "Expand(f32[1]; i64[1]{0}) -> f32[0]",
      "Expand(f32[2]; i64[1]{3}) -> error: does not expand",
      "Expand(f32[2]; i64[1]{-3}) -> error: negative",
      "Expand(f32[1]; i64[2]{4294967296,4294967296}) -> error: too large",
      "Identity(string[1]{'x'}) -> string[1]{'x'}",
  });
}

// Shapes that models compute from symbolic dimensions.
class KnownElements : public testing::Test {
 protected:
  ir::Value* node(const std::string& op, std::vector<ir::Value*> inputs, ir::Attributes attributes = {}) {
    ir::Node* made = graph.add_node(op, std::move(inputs), 1, std::move(attributes));
    const Status status = infer_node(*made);
    EXPECT_TRUE(status.ok()) << status.message();
    return made->output();
  }
  ir::Value* constant(const std::string& text) { return graph.add_constant(tensor_of(text)); }
  static std::string known(const ir::Value* value) { return value->known ? ir::to_string(*value->known) : "nothing"; }

  ir::Graph graph;
  const ir::Dim batch = ir::Dim::symbol("batch"), length = ir::Dim::symbol("length");
  ir::Value* x = graph.add_input("x", ir::Type::tensor(DType::f32, {batch, length, 768}));
};

TEST_F(KnownElements, PassThroughShapeArithmetic) {
  ir::Value* shape = node("Shape", {x});
  EXPECT_EQ(known(shape), "batch,length,768");
  ir::Value* b = node("Gather", {shape, constant("i64[]{0}")});
  ir::Value* last = node("Gather", {shape, constant("i64[1]{-1}")});
  EXPECT_EQ(known(b), "batch");
  EXPECT_EQ(known(last), "768");
  ir::Value* heads = node("Div", {last, constant("i64[]{64}")});
  EXPECT_EQ(known(heads), "12");
  EXPECT_EQ(known(node("Add", {b, constant("i64[]{1}")})), (batch + ir::Dim(1)).to_string());
  EXPECT_EQ(known(node("Mul", {shape, constant("i64[3]{1,1,2}")})), "batch,length,1536");
  EXPECT_EQ(known(node("Sub", {last, last})), "0");
  EXPECT_EQ(known(node("Mod", {last, constant("i64[]{100}")})), "68");
  ir::Value* lifted = node("Unsqueeze", {b, constant("i64[1]{0}")});
  EXPECT_EQ(known(node("Max", {shape, constant("i64[]{800}")})), "?,?,800");
  EXPECT_EQ(known(node("Min", {shape, constant("i64[3]{1,1,800}")})), "?,?,768");
  EXPECT_EQ(known(node("Min", {shape, shape})), "batch,length,768");
  EXPECT_EQ(known(node("Less", {shape, constant("i64[]{800}")})), "?,?,1");
  EXPECT_EQ(known(node("GreaterOrEqual", {shape, constant("i64[]{800}")})), "?,?,0");
  EXPECT_EQ(known(node("ReduceProd", {shape})), ir::product({batch, length, 768}).to_string());
  EXPECT_EQ(known(node("ReduceSum", {constant("i64[3]{1,2,3}")})), "6");
  EXPECT_EQ(known(lifted), "batch");
  ir::Value* joined = node("Concat", {lifted, constant("i64[1]{-1}"), heads, constant("i64[1]{64}")}, {{"axis", int64_t{0}}});
  EXPECT_EQ(known(joined), "batch,-1,12,64");
  EXPECT_EQ(known(node("Slice", {joined, constant("i64[1]{-1}"), constant("i64[1]{-9}"), constant("i64[1]{0}"), constant("i64[1]{-2}")})), "64,-1");
  EXPECT_EQ(known(node("Squeeze", {lifted, constant("i64[1]{0}")})), "batch");
  EXPECT_EQ(known(node("Reshape", {b, constant("i64[1]{-1}")})), "batch");
  EXPECT_EQ(known(node("Identity", {joined})), "batch,-1,12,64");
  EXPECT_EQ(known(node("Cast", {joined}, {{"to", int64_t{6}}})), "batch,-1,12,64");
  EXPECT_EQ(known(node("Size", {x})), ir::product({batch, length, 768}).to_string());
  ir::Value* ones = node("ConstantOfShape", {constant("i64[1]{4}")}, {{"value", tensor_of("i64[1]{1}")}});
  ir::Value* minus = node("Equal", {joined, constant("i64[]{-1}")});
  EXPECT_EQ(known(minus), "?,1,0,0");
  EXPECT_EQ(known(node("Where", {constant("bool[4]{1,0,1,0}"), ones, joined})), "1,-1,1,64");
  EXPECT_EQ(known(node("Expand", {joined, constant("i64[1]{4}")})), known(joined));
  EXPECT_EQ(known(node("Range", {constant("i64[]{0}"), constant("i64[]{3}"), constant("i64[]{1}")})), "0,1,2");

  ir::Value* split = node("Reshape", {x, joined});
  EXPECT_EQ(split->type.to_string(), "f32[batch,length,12,64]");
  EXPECT_EQ(node("Range", {constant("i64[]{0}"), node("Gather", {shape, constant("i64[]{1}")}), constant("i64[]{1}")})->type.to_string(),
            "i64[length]");
}

TEST_F(KnownElements, ReshapeCancelsSymbols) {
  EXPECT_EQ(node("Reshape", {x, constant("i64[2]{-1,768}")})->type.to_string(), "f32[" + (batch * length).to_string() + ",768]");
  EXPECT_EQ(node("Reshape", {x, constant("i64[4]{0,0,12,-1}")})->type.to_string(), "f32[batch,length,12,64]");
  EXPECT_EQ(node("Reshape", {x, constant("i64[3]{0,-1,384}")})->type.to_string(), "f32[batch," + (length * ir::Dim(2)).to_string() + ",384]");
  ir::Value* unknown = graph.add_input("u", ir::Type::tensor(DType::i64, {3}));
  EXPECT_EQ(node("Reshape", {x, unknown})->type.to_string(), "f32[?,?,?]");
  EXPECT_EQ(node("Expand", {x, unknown})->type.to_string(), "f32[?,?,768]");
}

TEST_F(KnownElements, SymbolicSlices) {
  const auto sliced = [&](const std::string& start, const std::string& end) {
    return node("Slice", {x, constant("i64[1]{" + start + "}"), constant("i64[1]{" + end + "}"), constant("i64[1]{1}")})->type.to_string();
  };
  EXPECT_EQ(sliced("0", "9223372036854775807"), "f32[batch,length,768]");
  EXPECT_EQ(sliced("1", "9223372036854775807"), "f32[batch," + (length - ir::Dim(1)).to_string() + ",768]");
  EXPECT_EQ(sliced("0", "5"), "f32[batch,?,768]");
  EXPECT_EQ(sliced("-1", "9223372036854775807"), "f32[batch,?,768]");
}

}  // namespace vivace::ops
