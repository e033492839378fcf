#include "tensorrt/dimension_exprs.h"

#include <algorithm>
#include <optional>

namespace vivace::tensorrt {

using nvinfer1::DimensionOperation;

class DimensionExprs::Node final : public nvinfer1::IDimensionExpr {
 public:
  Node() = default;
  Node(DimensionOperation op, const Node& a, const Node& b) : op(op), a(&a), b(&b) {}
  Node(int32_t output, const Node& upper) : a(&upper), size_output(output) {}

  bool isConstant() const noexcept override { return dim.known(); }
  nvinfer1::detail::DimsValue getConstantValue() const noexcept override {
    return static_cast<nvinfer1::detail::DimsValue>(dim.known() ? dim.value() : -1);
  }
  bool isSizeTensor() const noexcept override { return size_output >= 0; }

  ir::Dim dim;  // unknown for what depends on sizes
  std::optional<DimensionOperation> op;
  const Node* a = nullptr;
  const Node* b = nullptr;
  int32_t size_output = -1;
};

namespace {

ir::Dim combine(DimensionOperation op, const ir::Dim& a, const ir::Dim& b) {
  switch (op) {
    case DimensionOperation::kSUM: return a + b;
    case DimensionOperation::kPROD: return a * b;
    case DimensionOperation::kSUB: return a - b;
    case DimensionOperation::kFLOOR_DIV: return floor_div(a, b);
    case DimensionOperation::kCEIL_DIV: return ceil_div(a, b);
    default: break;
  }
  if (!a.known() || !b.known()) return {};
  switch (op) {
    case DimensionOperation::kMAX: return std::max(a.value(), b.value());
    case DimensionOperation::kMIN: return std::min(a.value(), b.value());
    case DimensionOperation::kEQUAL: return a.value() == b.value() ? 1 : 0;
    case DimensionOperation::kLESS: return a.value() < b.value() ? 1 : 0;
    default: return {};
  }
}

}  // namespace

DimensionExprs::DimensionExprs() = default;
DimensionExprs::~DimensionExprs() noexcept = default;

template <class... Args>
const nvinfer1::IDimensionExpr* DimensionExprs::keep(ir::Dim dim, Args&&... args) noexcept {
  try {
    Node& made = *nodes_.emplace_back(std::make_unique<Node>(std::forward<Args>(args)...));
    made.dim = std::move(dim);
    return &made;
  } catch (...) {  // no memory: plugins take null for an error
    return nullptr;
  }
}

const nvinfer1::IDimensionExpr* DimensionExprs::of(const ir::Dim& dim) { return keep(dim); }

nvinfer1::DimsExprs DimensionExprs::of(const ir::Dims& dims) {
  nvinfer1::DimsExprs made{};
  for (const ir::Dim& dim : dims) made.d[made.nbDims++] = of(dim);
  return made;
}

ir::Dim DimensionExprs::dim(const Expr* expr) { return expr ? static_cast<const Node*>(expr)->dim : ir::Dim(); }

ir::Dims DimensionExprs::dims(const nvinfer1::DimsExprs& exprs) {
  ir::Dims made;
  for (int32_t i = 0; i < std::min(exprs.nbDims, nvinfer1::Dims::MAX_DIMS + 0); ++i) made.push_back(dim(exprs.d[i]));
  return made;
}

int64_t DimensionExprs::value(const Expr* expr, const std::map<int32_t, int64_t>& sizes) {
  if (!expr) return -1;
  const Node& node = *static_cast<const Node*>(expr);
  if (node.dim.known()) return node.dim.value();
  if (node.size_output >= 0) {
    const auto at = sizes.find(node.size_output);
    return at == sizes.end() ? value(node.a, sizes) : at->second;
  }
  if (!node.op) return -1;
  const int64_t a = value(node.a, sizes), b = value(node.b, sizes);
  if (a < 0 || b < 0) return -1;
  const ir::Dim made = combine(*node.op, a, b);
  return made.known() ? made.value() : -1;
}

int32_t DimensionExprs::size_output(const Expr* expr) {
  return expr ? static_cast<const Node*>(expr)->size_output : -1;
}

const nvinfer1::IDimensionExpr* DimensionExprs::constant(nvinfer1::detail::DimsValue value) noexcept {
  return keep(ir::Dim(value));
}

const nvinfer1::IDimensionExpr* DimensionExprs::operation(DimensionOperation op, const Expr& first,
                                                          const Expr& second) noexcept {
  const Node &a = static_cast<const Node&>(first), &b = static_cast<const Node&>(second);
  return keep(combine(op, a.dim, b.dim), op, a, b);
}

const nvinfer1::IDimensionExpr* DimensionExprs::declareSizeTensor(int32_t output, const Expr&,
                                                                  const Expr& upper) noexcept {
  return keep({}, output, static_cast<const Node&>(upper));
}

}  // namespace vivace::tensorrt
