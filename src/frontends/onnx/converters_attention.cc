// Attention whose scores and probabilities go through functions of the model's own.
#include <cmath>

#include "frontends/onnx/converters.h"
#include "ops/operator.h"

namespace vivace::onnx {

namespace {

// The nodes of `body` in the step's graph, its inputs being `x` and what it captures; types are inferred anew, for
// those in the body may use symbols of their own.
ir::Value* applied(Step& s, const std::string& attribute, ir::Value* x, const std::vector<ir::Value*>& captures) {
  const auto* held = s.attributes.get<std::shared_ptr<ir::Graph>>(attribute);
  if (!held) return x;
  const ir::Graph& body = **held;
  if (body.inputs().size() != 1 + captures.size() || body.outputs().size() != 1)
    return s.fail(s.error(attribute + " must have one input and one output")), x;
  std::vector<ir::Value*> to(static_cast<size_t>(body.value_id_limit()), nullptr);
  const auto mapped = [&](const ir::Value* v) -> ir::Value*& { return to[static_cast<size_t>(v->id())]; };
  mapped(body.inputs()[0]) = x;
  for (size_t i = 0; i < captures.size(); ++i) mapped(body.inputs()[1 + i]) = captures[i];
  for (const ir::Value* value : body.values())
    if (value->is_constant()) mapped(value) = s.graph.add_constant(value->constant(), value->name);
  for (const auto& node : body.nodes()) {
    std::vector<ir::Value*> inputs;
    for (const ir::Value* input : node->inputs()) inputs.push_back(input ? mapped(input) : nullptr);
    ir::Node* copy = s.graph.add_node(node->op, std::move(inputs), static_cast<int>(node->outputs().size()),
                                      node->attributes, node->name);
    if (const Status inferred = ops::infer_node(*copy); !inferred.ok()) return s.fail(inferred), x;
    for (size_t i = 0; i < node->outputs().size(); ++i) mapped(node->outputs()[i]) = copy->outputs()[i];
  }
  ir::Value* y = mapped(body.outputs()[0]);
  if (y->type.dtype != DType::undefined && y->type.dtype != x->type.dtype)
    s.fail(s.error(attribute + " makes " + to_string(y->type.dtype) + " of " + to_string(x->type.dtype)));
  return y;
}

}  // namespace

// Inputs: queries, keys, values [batch, heads, length, size]; a head of keys and values may serve several of queries.
void flex_attention(Step& s) {
  const auto captured = static_cast<size_t>(std::max<int64_t>(0, s.attributes.integer("captures")));
  if (s.inputs.size() != 3 + captured || s.rank(0) != 4 || s.rank(1) != 4 || s.rank(2) != 4)
    return s.fail(s.error("queries, keys and values must have rank 4"));
  ir::Value *q = s.inputs[0], *k = s.inputs[1], *v = s.inputs[2];
  const std::vector<ir::Value*> captures(s.inputs.begin() + 3, s.inputs.end());
  const DType type = s.dtype(0);
  const auto inner = static_cast<DType>(s.attributes.integer("softmax_precision", type == DType::f64 ? 11 : 1));
  if (!is_float(type) || !is_float(inner) || s.dtype(1) != type || s.dtype(2) != type)
    return s.fail(s.error("queries, keys, values and softmax_precision must be floats, the former of one type"));
  const auto cast = [&](ir::Value* x, DType to) {
    return x->type.dtype == to ? x : s.add("Cast", {x}, {{"to", static_cast<int64_t>(to)}});
  };
  const auto sizes = [&](ir::Value* x, int64_t start, int64_t end) {
    return s.add("Shape", {x}, {{"start", start}, {"end", end}});
  };
  const auto joined = [&](std::vector<ir::Value*> parts) {
    return s.add("Concat", std::move(parts), {{"axis", int64_t{0}}});
  };
  const auto& heads = (*q->type.dims)[1];
  const bool grouped = !heads.same((*k->type.dims)[1]);
  // Queries of the heads that share keys stand below each other: no key is repeated.
  ir::Value* rows = q;
  if (grouped) rows = s.add("Reshape", {q, joined({sizes(k, 0, 2), s.constant({-1}), sizes(q, 3, 4)})});

  // Queries and keys take a root of the scale each.
  ir::Value *of_queries = nullptr, *of_keys = nullptr;
  if (const auto* scale = s.attributes.get<float>("scale")) {
    const float root = std::sqrt(std::abs(*scale));
    of_queries = s.scalar(type, std::copysign(root, *scale));
    of_keys = s.scalar(type, root);
  } else {
    ir::Value* root = s.add("Sqrt", {s.add("Sqrt", {cast(sizes(q, 3, 4), DType::f32)})});
    of_queries = of_keys = cast(s.add("Reciprocal", {root}), type);
  }
  ir::Value* turned = s.add("Transpose", {k}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  ir::Value* scores = cast(s.add("MatMul", {s.add("Mul", {rows, of_queries}), s.add("Mul", {turned, of_keys})}), inner);
  const auto per_query_head = [&](ir::Value* x, ir::Value* last) {
    return grouped ? s.add("Reshape", {x, joined({sizes(q, 0, 3), last})}) : x;
  };
  scores = applied(s, "score_mod", per_query_head(scores, sizes(k, 2, 3)), captures);
  ir::Value* shares = applied(s, "prob_mod", s.add("Softmax", {scores}, {{"axis", int64_t{-1}}}), captures);
  if (grouped) shares = s.add("Reshape", {shares, joined({sizes(k, 0, 2), s.constant({-1}), sizes(k, 2, 3)})});
  ir::Value* y = s.add("MatMul", {shares, cast(v, inner)});
  s.results = {cast(per_query_head(y, sizes(v, 3, 4)), type)};
}

}  // namespace vivace::onnx
