#include "passes/random_graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/text.h"
#include "ops/operator.h"
#include "passes/constants.h"

namespace vivace::passes {

namespace {

using ir::Attributes;
using ir::Value;

class Generator {
 public:
  Generator(DType type, uint64_t seed) : type_(type), random_(seed) {}

  std::unique_ptr<ir::Graph> run(int nodes) {
    const int64_t batch = pick({1, 2}), channels = pick({3, 4, 6, 8}), height = pick({5, 6, 7}),
                  width = pick({4, 5, 9});
    images_.push_back(input("x", {batch, channels, height, width}));
    rows_.push_back(input("s", {batch, pick({2, 3, 7}), pick({4, 6, 10})}));
    if (chance(30)) images_.push_back(input("x2", {batch, channels, height, width}));
    while (static_cast<int>(graph_->nodes().size()) < nodes) chance(65) ? grow_image() : grow_rows();
    graph_->mark_output(images_.back(), "image");
    graph_->mark_output(rows_.back(), "rows");
    if (chance(50)) graph_->mark_output(any(images_), "inner image");
    if (chance(50)) graph_->mark_output(any(rows_), "inner rows");
    return std::move(graph_);
  }

 private:
  // Chance.
  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  int64_t pick(std::initializer_list<int64_t> from) { return from.begin()[below(static_cast<int64_t>(from.size()))]; }
  Value* any(const std::vector<Value*>& from) {  // rather a late one
    return from[from.size() - 1 -
                static_cast<size_t>(below(static_cast<int64_t>(std::min<size_t>(from.size(), chance(70) ? 1 : 4))))];
  }

  // Building.
  Value* input(const std::string& name, const Shape& shape) {
    return graph_->add_input(name, ir::Type::tensor(type_, ir::to_dims(shape)));
  }
  Value* random(const Shape& shape, double scale = 1) {
    std::vector<double> values = to_double(ir::random_tensor(DType::f64, shape, random_()));
    for (double& v : values) v *= scale;
    return graph_->add_constant(float_tensor(type_, shape, values), "w" + std::to_string(graph_->value_id_limit()));
  }
  Value* positive(const Shape& shape) {
    std::vector<double> values = to_double(ir::random_tensor(DType::f64, shape, random_()));
    for (double& v : values) v = 0.5 + std::abs(v);
    return graph_->add_constant(float_tensor(type_, shape, values));
  }
  Value* number(double v) {
    return graph_->add_constant(chance(50) ? float_scalar(type_, v) : float_tensor(type_, {1}, {v}));
  }
  Value* ints(const std::vector<int64_t>& values) { return graph_->add_constant(Tensor::of(values)); }
  Value* add(const std::string& op, const std::vector<Value*>& inputs, Attributes attributes = {}) {
    const std::string name = op + std::to_string(graph_->nodes().size());
    ir::Node* node = graph_->add_node(op, inputs, 1, std::move(attributes), name);
    node->output()->name = name;
    const Status inferred = ops::infer_node(*node);
    EXPECT_TRUE(inferred.ok()) << inferred.message();
    return node->output();
  }
  static Shape shape(const Value* v) { return *v->type.shape(); }
  Value* either_order(const std::string& op, Value* a, Value* b) {
    return chance(50) ? add(op, {a, b}) : add(op, {b, a});
  }

  Value* conv(Value* x) {
    const Shape s = shape(x);
    const int64_t groups = chance(25) ? s[1] : 1, kernel = pick({1, 1, 3});
    const int64_t out = groups > 1 ? s[1] : chance(50) ? s[1] : pick({4, 5, 16}), in = s[1] / groups;
    Attributes attributes{{"group", groups}};
    const int64_t pad = kernel == 3 ? 1 : 0;
    attributes["pads"] = std::vector<int64_t>{pad, pad, pad, pad};
    if (chance(15)) attributes["strides"] = std::vector<int64_t>{2, 2};
    std::vector<Value*> inputs = {
        x, random({out, in, kernel, kernel}, 1.7 / std::sqrt(static_cast<double>(in * kernel * kernel)))};
    if (chance(50)) inputs.push_back(random({out}));
    return add("Conv", inputs, attributes);
  }

  Value* batch_norm(Value* x) {
    const Shape c = {shape(x)[1]};
    return add("BatchNormalization", {x, positive(c), random(c), random(c), positive(c)}, {{"epsilon", 1e-3f}});
  }

  Value* activation(Value* x) {
    switch (below(11)) {
      case 0: return add("Relu", {x});
      case 1:
        return add("Clip",
                   {x, graph_->add_constant(float_scalar(type_, 0)), graph_->add_constant(float_scalar(type_, 6))});
      case 2: return either_order("Mul", x, add("Sigmoid", {x}));
      case 3: return either_order("Mul", add("HardSigmoid", {x}, {{"alpha", 1.0f / 6}}), x);
      case 4: {
        Value* six = add("Clip", {add("Add", {x, number(3)}), graph_->add_constant(float_scalar(type_, 0)),
                                  graph_->add_constant(float_scalar(type_, 6))});
        return add("Div", {either_order("Mul", x, six), number(6)});
      }
      case 5: {
        Value* one = either_order("Add", add("Erf", {add("Div", {x, number(std::sqrt(2.0))})}), number(1));
        return chance(50) ? either_order("Mul", either_order("Mul", x, one), number(0.5))
                          : either_order("Mul", either_order("Mul", x, number(0.5)), one);
      }
      case 6: return add("LeakyRelu", {x}, {{"alpha", 0.25f}});
      case 7: return add("Tanh", {x});
      case 8: return add("PRelu", {x, number(0.125)});
      case 9: return add("Max", {x, number(0)});
      default: return add("Softplus", {x});
    }
  }

  Value* constant_arithmetic(Value* x, const Shape& channel) {
    Value* c = chance(30) ? number(chance(50) ? 0.5 : 1.25) : positive(channel);
    switch (below(5)) {
      case 0: return add("Sub", {x, c});
      case 1: return add("Div", {x, c});
      case 2: return either_order("Add", x, c);
      default: return either_order("Mul", x, c);
    }
  }

  Value* no_operation(Value* x) {
    const Shape s = shape(x);
    std::vector<int64_t> reversed;
    for (size_t i = s.size(); i-- > 0;) reversed.push_back(static_cast<int64_t>(i));
    switch (below(7)) {
      case 0: return add("Identity", {x});
      case 1: return add("Transpose", {add("Transpose", {x}, {{"perm", reversed}})}, {{"perm", reversed}});
      case 2: return add("Reshape", {add("Reshape", {x, ints({-1, s.back()})}), ints(s)});
      case 3: return add("Squeeze", {add("Unsqueeze", {x, ints({0})}), ints({0})});
      case 4: return either_order("Mul", x, number(1));
      case 5:
        return add(
            "Reshape",
            {x, add("Concat",
                    {add("Shape", {x}, {{"end", int64_t{1}}}), ints(std::vector<int64_t>(s.begin() + 1, s.end()))},
                    {{"axis", int64_t{0}}})});
      default: return add("Cast", {x}, {{"to", static_cast<int64_t>(type_)}});
    }
  }

  // A normalization over `axes` in its pieces, or whole, with or without scale and bias.
  Value* normalization(Value* x, const std::vector<int64_t>& axes, const Shape& affine) {
    Value* d = add("Sub", {x, add("ReduceMean", {x, ints(axes)})});
    Value* squares = chance(50) ? add("Mul", {d, d}) : add("Pow", {d, number(2)});
    Value* deviation = add("Sqrt", {add("Add", {add("ReduceMean", {squares, ints(axes)}), number(1e-2)})});
    Value* y = chance(50) ? add("Div", {d, deviation}) : either_order("Mul", d, add("Reciprocal", {deviation}));
    if (chance(60)) y = either_order("Mul", y, random(affine));
    if (chance(60)) y = either_order("Add", y, random(affine));
    return y;
  }

  // A value of the same shape made before, if there is one.
  Value* partner(const std::vector<Value*>& from, const Value* x) {
    std::vector<Value*> fits;
    for (Value* v : from)
      if (v != x && shape(v) == shape(x)) fits.push_back(v);
    return fits.empty() ? nullptr : fits[static_cast<size_t>(below(static_cast<int64_t>(fits.size())))];
  }

  void grow_image() {
    Value* x = any(images_);
    const Shape s = shape(x), channel = {s[1], 1, 1};
    const bool small = s[2] < 3 || s[3] < 3;
    const int64_t what = below(100);
    if (what < 25) {
      x = conv(x);
      if (chance(40)) x = batch_norm(x);
      if (chance(30)) x = constant_arithmetic(x, {shape(x)[1], 1, 1});
      if (Value* residual = chance(40) ? partner(images_, x) : nullptr) x = either_order("Add", x, residual);
      if (chance(60)) x = activation(x);
    } else if (what < 32) {
      x = batch_norm(x);
    } else if (what < 45) {
      x = activation(x);
    } else if (what < 57) {
      x = constant_arithmetic(x, channel);
    } else if (what < 66) {
      if (Value* other = partner(images_, x)) x = either_order(chance(80) ? "Add" : "Mul", x, other);
      if (shape(x) == s && chance(30)) x = add("Concat", {x, x}, {{"axis", int64_t{1}}});
    } else if (what < 75) {
      x = no_operation(x);
    } else if (what < 79) {
      x = normalization(x, {2, 3}, channel);
    } else if (what < 83) {  // squeeze and excite
      Value* pooled = chance(50) ? add("GlobalAveragePool", {x}) : add("ReduceMean", {x, ints({-2, -1})});
      x = either_order("Mul", x, add("Sigmoid", {pooled}));
    } else if (what < 87 && !small) {
      x = add(chance(50) ? "MaxPool" : "AveragePool", {x}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
    } else if (what < 90) {
      x = add("Conv", {add("Pad", {x, ints({0, 0, 1, 0, 0, 0, 1, 2})}), random({4, s[1], 1, 1})});
    } else if (what < 93) {
      x = add("Softmax", {x}, {{"axis", int64_t{1}}});
    } else if (what < 96) {  // several small products of one input
      std::vector<Value*> parts;
      for (int i = 0; i < 2; ++i) parts.push_back(add("Relu", {add("Conv", {x, random({16, s[1], 1, 1}, 0.5)})}));
      x = add("Concat", parts, {{"axis", int64_t{1}}});
    } else {  // a block over the channels, transposed there and back
      Value* t = add("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
      t = add("MatMul", {t, random({s[1], s[1]})});
      if (chance(50)) t = either_order("Add", t, random({s[1]}));
      t = add("Transpose", {t}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
      if (chance(50)) t = either_order("Mul", t, random(channel));
      x = chance(70) ? either_order("Add", t, x) : t;
    }
    if (shape(x)[1] <= 40) images_.push_back(x);
  }

  void grow_rows() {
    Value* x = any(rows_);
    const Shape s = shape(x);
    const int64_t what = below(100), width = s[2];
    if (what < 30) {
      const int64_t columns = chance(50) ? width : pick({4, 6, 10});
      const double scale = 1.7 / std::sqrt(static_cast<double>(width));
      if (chance(70)) {
        x = add("MatMul", {x, random({width, columns}, scale)});
        if (chance(60)) x = either_order("Add", x, random({columns}));
      } else {
        Value* flat = add("Reshape", {x, ints({-1, width})});
        flat = add("Gemm", {flat, random({columns, width}, scale), random({columns})},
                   {{"transB", int64_t{1}}, {"alpha", 0.5f}});
        x = add("Reshape", {flat, ints({s[0], s[1], columns})});
      }
      if (chance(20)) x = either_order("Mul", x, number(0.75));
      if (Value* residual = chance(40) ? partner(rows_, x) : nullptr) x = either_order("Add", x, residual);
      if (chance(50)) x = activation(x);
    } else if (what < 42) {
      x = activation(x);
    } else if (what < 52) {
      x = constant_arithmetic(x, {width});
    } else if (what < 62) {
      x = no_operation(x);
    } else if (what < 72) {
      x = normalization(x, {-1}, {width});
    } else if (what < 78) {
      x = add("Softmax", {x});
    } else if (what < 84) {
      if (Value* other = partner(rows_, x)) x = either_order("Add", x, other);
    } else if (what < 92) {  // attention of one head over the batch
      Value* k = add("Transpose", {add("MatMul", {x, random({width, width}, 0.3)})},
                     {{"perm", std::vector<int64_t>{0, 2, 1}}});
      Value* scores = add("Mul", {add("MatMul", {x, k}), number(0.5)});
      x = add("MatMul", {add("Softmax", {scores}), x});
    } else {
      x = heads(x);
    }
    rows_.push_back(x);
  }

  // Attention of two heads as exporters write it.
  Value* heads(Value* x) {
    const Shape s = shape(x);
    const int64_t size = 3, width = 2 * size;
    const auto split = [&](Value* v, const std::vector<int64_t>& perm) {
      return add("Transpose", {add("Reshape", {v, ints({s[0], s[1], 2, size})})}, {{"perm", perm}});
    };
    Value* q = split(add("MatMul", {x, random({s[2], width})}), {0, 2, 1, 3});
    Value* k = split(add("MatMul", {x, random({s[2], width})}), {0, 2, 3, 1});
    Value* v = split(add("MatMul", {x, random({s[2], width})}), {0, 2, 1, 3});
    Value* scores = add("Div", {add("MatMul", {q, k}), number(std::sqrt(3.0))});
    if (chance(50)) scores = either_order("Add", scores, random({s[1], s[1]}));
    Value* y = add("MatMul", {add("Softmax", {scores}, {{"axis", int64_t{3}}}), v});
    y = add("Reshape",
            {add("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}), ints({s[0], s[1], width})});
    return add("MatMul", {y, random({width, s[2]})});
  }

  DType type_;
  std::mt19937_64 random_;
  std::unique_ptr<ir::Graph> graph_ = std::make_unique<ir::Graph>();
  std::vector<Value*> images_, rows_;  // [n,c,h,w] and [n,s,c]
};

}  // namespace

std::unique_ptr<ir::Graph> random_graph(DType type, int nodes, uint64_t seed) {
  return Generator(type, seed).run(nodes);
}

}  // namespace vivace::passes
