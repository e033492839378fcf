// What models may get wrong about the operators of ai.onnx.ml: every list may have any length, every index any value.
#include "ops/op_test.h"
#include "ops/operator.h"
#include "ops/prepared.h"

namespace vivace::ops {
namespace {

// A tree of two nodes and three leaves with these attributes in the place of its own.
std::string ensemble(const std::string& name, const std::string& value) {
  std::vector<std::pair<std::string, std::string>> attributes = {{"nodes_splits", "f32[2]{0,1}"},
                                                                 {"nodes_featureids", "[0,1]"},
                                                                 {"nodes_modes", "u8[2]{0,0}"},
                                                                 {"nodes_truenodeids", "[1,1]"},
                                                                 {"nodes_falsenodeids", "[0,2]"},
                                                                 {"nodes_trueleafs", "[0,1]"},
                                                                 {"nodes_falseleafs", "[1,1]"},
                                                                 {"leaf_targetids", "[0,1,0]"},
                                                                 {"leaf_weights", "f32[3]{1,2,4}"},
                                                                 {"tree_roots", "[0]"},
                                                                 {"n_targets", "2"},
                                                                 {name, value}};
  std::string text = "ai.onnx.ml.TreeEnsemble{";
  for (const auto& [key, own] : attributes)
    if (key != name || own == value) text += key + "=" + own + ",";
  return text + "}(f32[3,2]{1,0, -1,0.5, -1,2})";
}

TEST(Ml, TreeEnsemble) {
  check_op(ensemble("n_targets", "2") + " -> f32[3,2]{1,0, 0,2, 4,0}");
  check_op(ensemble("nodes_modes", "u8[2]{2,3}") + " -> f32[3,2]{4,0, 1,0, 1,0}");
  check_op(ensemble("tree_roots", "[0,1]") + " -> f32[3,2]{1,2, 0,4, 8,0}");
  check_op(ensemble("aggregate_function", "0") + " -> f32[3,2]{1,0, 0,2, 4,0}");
}

TEST(Ml, TreeEnsembleRefusesWhatIsNoTree) {
  for (const auto& [name, value, what] : std::vector<std::array<std::string, 3>>{
           {"nodes_falseleafs", "[1,0]", "does not exist"},
           {"nodes_truenodeids", "[0,1]", "cycle"},
           {"nodes_truenodeids", "[7,1]", "does not exist"},
           {"nodes_truenodeids", "[-1,1]", "holds -1"},
           {"nodes_truenodeids", "[1]", "1 elements instead of 2"},
           {"nodes_featureids", "[0,2]", "the trees look at 3 features, the input has 2"},
           {"nodes_featureids", "[0,9223372036854775807]", "nodes_featureids holds"},
           {"nodes_modes", "u8[2]{0,7}", "nodes_modes holds 7"},
           {"nodes_modes", "u8[2]{0,6}", "membership_values must hold a set"},
           {"nodes_modes", "f32[2]{0,0}", "u8 tensor"},
           {"nodes_splits", "i64[2]{0,0}", "must hold floats"},
           {"leaf_targetids", "[0,1,2]", "a leaf votes for 2 of 2 targets"},
           {"leaf_weights", "f32[1]{1}", "3 elements instead of 1"},
           {"tree_roots", "[2]", "the root of a tree does not exist"},
           {"tree_roots", "[]", "tree_roots is empty"},
           {"n_targets", "-1", "n_targets is -1"},
           {"aggregate_function", "4", "aggregate_function is 4"},
           {"post_transform", "9", "post_transform is 9"}})
    check_op(ensemble(name, value) + " -> error: " + what);
}

TEST(Ml, MembersOfSets) {
  check_op(
      "ai.onnx.ml.TreeEnsemble{nodes_splits=f32[1]{0},nodes_featureids=[0],nodes_modes=u8[1]{6},nodes_truenodeids=[0],"
      "nodes_falsenodeids=[1],nodes_trueleafs=[1],nodes_falseleafs=[1],leaf_targetids=[0,0],leaf_weights=f32[2]{1,-1},"
      "tree_roots=[0],membership_values=f32[4]{7,2,0,nan}}(f32[5,1]{2,7,0,3,nan}) -> f32[5,1]{1,1,1,-1,-1}");
}

// A root with two leaves; `nodes` is added to the lists of node 0, 1, 2 of tree 0.
std::string regressor(const std::string& modes, const std::string& yes, const std::string& no, const std::string& ids) {
  return "ai.onnx.ml.TreeEnsembleRegressor{nodes_treeids=[0,0,0],nodes_nodeids=" + ids + ",nodes_modes=" + modes +
         ",nodes_featureids=[0,0,0],nodes_values=[0.5,0.0,0.0],nodes_truenodeids=" + yes + ",nodes_falsenodeids=" + no +
         ",target_treeids=[0,0],target_nodeids=[1,2],target_ids=[0,0],target_weights=[1.0,2.0]}(f32[2,1]{0,1})";
}

TEST(Ml, OlderTrees) {
  const std::string modes = "['BRANCH_LEQ','LEAF','LEAF']", ids = "[0,1,2]";
  check_op(regressor(modes, "[1,0,0]", "[2,0,0]", ids) + " -> f32[2,1]{1,2}");
  check_op(regressor(modes, "[1,0,0]", "[9,0,0]", ids) + " -> error: leads to node 9, which does not exist");
  check_op(regressor(modes, "[1,0,0]", "[2,0,0]", "[0,1,1]") + " -> error: tree 0 has two nodes 1");
  check_op(regressor(modes, "[1,0,0]", "[2,0]", ids) + " -> error: nodes_falsenodeids has 2 elements instead of 3");
  check_op(regressor(modes, "[0,0,0]", "[2,0,0]", ids) + " -> error: cycle");
  check_op(regressor("['BRANCH_LEQ','BRANCH_GT','LEAF']", "[1,0,0]", "[2,2,0]", ids) + " -> error: cycle");
  check_op(regressor("['BRANCH_LEQ','BRANCH_NO','LEAF']", "[1,0,0]", "[2,2,0]", ids) + " -> error: unknown mode");
  check_op(regressor(modes, "[1,0,0]", "[2,0,0]", "[0,1,7]") + " -> error: does not exist");
}

TEST(Ml, LinearModels) {
  const std::string x = "(f32[1,2]{1,2})";
  check_ops({
      "ai.onnx.ml.LinearRegressor{coefficients=[1.0,0.5],intercepts=[0.25]}" + x + " -> f32[1,1]{2.25}",
      "ai.onnx.ml.LinearRegressor{coefficients=[1.0,0.5]}(f32[2]{1,2}) -> f32[1,1]{2}",
      "ai.onnx.ml.LinearRegressor{coefficients=[1.0,0.5,2.0]}" + x + " -> error: 2 features",
      "ai.onnx.ml.LinearRegressor{coefficients=[1.0,0.5],targets=3}" + x + " -> error: 2 coefficients for 3 scores",
      "ai.onnx.ml.LinearRegressor{coefficients=[1.0,0.5],targets=0}" + x + " -> error: targets is 0",
      "ai.onnx.ml.LinearRegressor{coefficients=[1.0,0.5],intercepts=[1.0,2.0]}" + x + " -> error: 2 intercepts",
      "ai.onnx.ml.LinearClassifier{coefficients=[1.0,0.5]}" + x + " -> error: must list the labels",
      "ai.onnx.ml.LinearClassifier{coefficients=[1.0,0.5,1.0,1.0],intercepts=[0.0,0.0],classlabels_ints=[4]}" + x +
          " -> error: 2 scores for 1 labels",
      "ai.onnx.ml.LinearClassifier{coefficients=[1.0,0.5],classlabels_ints=[4,5],post_transform='NO'}" + x +
          " -> error: unknown post_transform 'NO'",
      "ai.onnx.ml.LinearClassifier{coefficients=[1.0,0.5,1.0,1.0],classlabels_strings=['a','b']}" + x +
          " -> string[1]{'b'}; f32[1,2]{2,3}",
  });
}

TEST(Ml, SupportVectors) {
  const std::string x = "(f32[1,2]{1,2})";
  check_ops({
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0],rho=[0.5],support_vectors=[1.0,1.0],n_supports=1}" + x +
          " -> f32[1,1]{6.5}",
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0],rho=[0.5],support_vectors=[1.0,1.0],n_supports=3}" + x +
          " -> error: for 3 vectors",
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0,1.0],rho=[0.5],support_vectors=[1.0,1.0],n_supports=1}" + x +
          " -> error: 2 coefficients for 1 support vectors",
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0],rho=[0.5],support_vectors=[1.0],n_supports=1}" + x +
          " -> error: 2 features, the machine 1",
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0]}" + x + " -> error: rho must not be empty",
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0],rho=[0.5],kernel_type='NO'}" + x + " -> error: unknown kernel_type",
      "ai.onnx.ml.SVMRegressor{coefficients=[2.0],rho=[0.5],kernel_params=[1.0]}" + x + " -> error: kernel_params",
      "ai.onnx.ml.SVMClassifier{coefficients=[2.0,1.0],rho=[0.5],classlabels_ints=[1,2],vectors_per_class=[1],"
      "support_vectors=[1.0,1.0]}" +
          x + " -> error: vectors_per_class has 1 elements for 2 classes",
      "ai.onnx.ml.SVMClassifier{coefficients=[2.0,1.0],rho=[0.5],classlabels_ints=[1,2],"
      "vectors_per_class=[-1,9223372036854775807],support_vectors=[1.0,1.0]}" +
          x + " -> error: vectors_per_class holds",
      "ai.onnx.ml.SVMClassifier{coefficients=[2.0,1.0],rho=[0.5,0.5],classlabels_ints=[1,2],vectors_per_class=[1,1],"
      "support_vectors=[1.0,1.0,1.0,1.0]}" +
          x + " -> error: each of 1 pairs",
      "ai.onnx.ml.SVMClassifier{coefficients=[2.0,1.0],rho=[0.5],classlabels_ints=[1]}" + x + " -> error: two classes",
  });
}

TEST(Ml, FeaturesAndLabels) {
  check_ops({
      "ai.onnx.ml.Scaler{scale=[2.0],offset=[1.0,2.0]}(f32[1,2]{1,3}) -> f32[1,2]{0,2}",
      "ai.onnx.ml.Scaler{scale=[2.0,1.0,1.0],offset=[1.0]}(f32[1,2]) -> error: scale has 3 elements",
      "ai.onnx.ml.Scaler{offset=[1.0]}(f32[1,2]) -> error: scale has 0 elements",
      "ai.onnx.ml.Scaler{scale=[2.0],offset=[1.0]}(string[1]) -> error: input 0 has type string",
      "ai.onnx.ml.Imputer{imputed_value_floats=[2.0,1.0]}(f32[3]) -> error: imputed_value_floats has 2 elements",
      "ai.onnx.ml.Imputer(i64[3]) -> error: imputed_value_int64s has 0 elements",
      "ai.onnx.ml.Imputer{imputed_value_int64s=[5],replaced_value_int64=2}(i32[3]{1,2,3}) -> i32[3]{1,5,3}",
      "ai.onnx.ml.ArrayFeatureExtractor(f32[2,2]; i64[1]{2}) -> error: out of range",
      "ai.onnx.ml.ArrayFeatureExtractor(f32[2]{5,6}; i64[2]{1,0}) -> f32[1,2]{6,5}",
      "ai.onnx.ml.ArrayFeatureExtractor(f32[]; i64[1]) -> error: dimension to pick from",
      "ai.onnx.ml.Binarizer{threshold=1.0}(i64[3]{0,1,2}) -> i64[3]{0,0,1}",
      "ai.onnx.ml.Normalizer{norm='L3'}(f32[1,2]) -> error: unknown norm",
      "ai.onnx.ml.FeatureVectorizer{inputdimensions=[-1]}(f32[1,2]) -> error: inputdimensions holds -1",
      "ai.onnx.ml.FeatureVectorizer{inputdimensions=[3,1]}(f32[1,2]{1,2}; i64[1,2]{3,4}) -> f32[1,4]{1,2,0,3}",
      "ai.onnx.ml.FeatureVectorizer(f32[1,2]; f32[2,2]) -> error: rows",
      "ai.onnx.ml.OneHotEncoder{cats_strings=['a']}(i64[1]) -> error: it needs cats_int64s",
      "ai.onnx.ml.OneHotEncoder{cats_int64s=[1],zeros=0}(i64[1]{2}) -> error: none of the categories",
      "ai.onnx.ml.OneHotEncoder{cats_int64s=[1,2]}(f32[3]{2.5,nan,1}) -> f32[3,2]{0,1, 0,0, 1,0}",
      "ai.onnx.ml.LabelEncoder{keys_strings=['a','b'],values_int64s=[1,2]}(string[2]{'b','z'}) -> i64[2]{2,-1}",
      "ai.onnx.ml.LabelEncoder{keys_int64s=[3,3],values_strings=['a','b']}(i64[2]{3,0}) -> string[2]{'b','_Unused'}",
      "ai.onnx.ml.LabelEncoder{keys_floats=[nan,0.0],values_floats=[1.0,2.0]}(f32[3]{nan,-0,1}) -> f32[3]{1,2,0}",
      "ai.onnx.ml.LabelEncoder{keys_strings=['a'],values_int64s=[1,2]}(string[1]) -> error: 1 keys and 2 values",
      "ai.onnx.ml.LabelEncoder{keys_strings=['a']}(string[1]) -> error: exactly one of the values_*",
      "ai.onnx.ml.LabelEncoder{keys_strings=['a'],values_int64s=[1]}(i64[1]) -> error: its keys have type string",
      "ai.onnx.ml.LabelEncoder{keys_strings=['a'],values_int64s=[1],default_tensor=f32[1]{1}}(string[1]) -> error: "
      "default_tensor",
  });
}

int made = 0;
Result<int> count_making(const ir::Node&) { return ++made; }

TEST(Ml, TablesAreMadeOncePerNodeWhereSomebodyKeepsThem) {
  ir::Graph graph;
  const ir::Node *a = graph.add_node("A", {}), *b = graph.add_node("B", {});
  made = 0;
  EXPECT_EQ(*prepared<int>(*a, count_making).value(), 1);
  EXPECT_EQ(*prepared<int>(*a, count_making).value(), 2);
  Kept kept;
  const Kept::Scope scope(kept, *a);
  EXPECT_EQ(*prepared<int>(*a, count_making).value(), 3);
  EXPECT_EQ(*prepared<int>(*b, count_making).value(), 4);  // of another node, inside of a subgraph
  EXPECT_EQ(*prepared<int>(*a, count_making).value(), 3);
}

// One node on a map, whose outputs come back; the error's text where there is one.
Result<std::vector<Tensor>> run_on_map(const std::string& op, ir::Attributes attributes, const ir::Type& type,
                                       const Tensor& map) {
  ir::Graph graph;
  ir::Value* x = graph.add_input("x", type);
  ir::Node* node = graph.add_node("ai.onnx.ml." + op, {x}, 1, std::move(attributes), "tested");
  VIVACE_TRY(infer_node(*node));
  return run_reference(*node, {map});
}

TEST(Ml, ZipMapMakesMapsOfRows) {
  ir::Graph graph;
  ir::Value* x = graph.add_input("x", ir::Type::tensor(DType::f32, {ir::Dim::symbol("n"), 2}));
  ir::Node* node = graph.add_node("ai.onnx.ml.ZipMap", {x}, 1, {{"classlabels_int64s", std::vector<int64_t>{7, 9}}});
  ASSERT_TRUE(infer_node(*node).ok());
  EXPECT_EQ(node->output()->type.to_string(), "seq(map(i64, f32[*]))");
  const auto made = run_reference(*node, {tensor_of("f32[2,2]{1,2,3,4}")});
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_EQ((*made)[0].count(), 2);
  const Tensor& map = (*made)[0].as<Tensor>()[1];
  EXPECT_EQ(to_int64(map.as<Tensor>()[0]), (std::vector<int64_t>{7, 9}));
  EXPECT_EQ(to_double(map.as<Tensor>()[1]), (std::vector<double>{3, 4}));
  const auto wrong = run_reference(*node, {tensor_of("f32[2,3]")});
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find("2 labels for 3 columns"), std::string::npos) << wrong.status().message();
}

TEST(Ml, MapsBecomeTensors) {
  const ir::Type to_text = ir::Type::map(DType::i64, ir::Type::tensor_of_any_rank(DType::string)),
                 to_real = ir::Type::map(DType::i64, ir::Type::tensor_of_any_rank(DType::f32));
  const Tensor texts = Tensor::list({tensor_of("i64[2]{5,1}"), tensor_of("string[2]{'2.5','-3'}")}),
               reals = Tensor::list({tensor_of("i64[2]{3,1}"), tensor_of("f32[2]{0.5,4}")});
  const auto first = [](const Result<std::vector<Tensor>>& made) { return made.ok() ? (*made)[0] : Tensor(); };
  EXPECT_EQ(to_double(first(run_on_map("CastMap", {}, to_text, texts))), (std::vector<double>{-3, 2.5}));
  EXPECT_EQ(to_double(first(
                run_on_map("CastMap", {{"map_form", std::string("SPARSE")}, {"max_map", int64_t{4}}}, to_real, reals))),
            (std::vector<double>{0, 4, 0, 0.5}));
  const Tensor named = first(run_on_map("CastMap", {{"cast_to", std::string("TO_STRING")}}, to_real, reals));
  EXPECT_EQ(named.as<std::string>()[1], "0.5");
  EXPECT_EQ(to_double(first(
                run_on_map("DictVectorizer", {{"int64_vocabulary", std::vector<int64_t>{1, 2, 3}}}, to_real, reals))),
            (std::vector<double>{4, 0, 0.5}));
}

TEST(Ml, MapsThatDoNotFitAreRefused) {
  const ir::Type type = ir::Type::map(DType::i64, ir::Type::tensor_of_any_rank(DType::string));
  const Tensor map = Tensor::list({tensor_of("i64[2]{5,1}"), tensor_of("string[2]{'2.5','x'}")}),
               uneven = Tensor::list({tensor_of("i64[2]{5,1}"), tensor_of("string[1]{'2.5'}")});
  const auto refused = [&](const std::string& op, ir::Attributes attributes, const Tensor& value,
                           const std::string& what) {
    const auto made = run_on_map(op, std::move(attributes), type, value);
    ASSERT_FALSE(made.ok()) << what;
    EXPECT_NE(made.status().message().find(what), std::string::npos) << made.status().message();
  };
  refused("CastMap", {}, map, "'x' is not a number");
  refused("CastMap", {}, uneven, "not a map");
  refused("CastMap", {}, Tensor::list({}), "not a map");
  refused("CastMap", {{"map_form", std::string("SPARSE")}, {"max_map", int64_t{5}}}, map, "key 5 is not below max_map");
  refused("CastMap", {{"map_form", std::string("SPARSE")}, {"max_map", int64_t{-1}}}, map, "max_map is -1");
  refused("CastMap", {{"cast_to", std::string("TO_NO")}}, map, "unknown cast_to");
  refused("DictVectorizer", {}, map, "must list keys");
  refused("DictVectorizer", {{"string_vocabulary", std::vector<std::string>{"a"}}}, map, "keys have type i64");
}

}  // namespace
}  // namespace vivace::ops
