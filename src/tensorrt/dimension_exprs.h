// Expressions of dimensions, as plugins make them to tell the shapes of their outputs.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "NvInfer.h"
#include "ir/dim.h"

namespace vivace::tensorrt {

class DimensionExprs final : public nvinfer1::IExprBuilder {
 public:
  using Expr = nvinfer1::IDimensionExpr;

  DimensionExprs();
  ~DimensionExprs() noexcept override;

  const Expr* of(const ir::Dim& dim);
  /// Rank at most Dims::MAX_DIMS.
  nvinfer1::DimsExprs of(const ir::Dims& dims);
  /// Unknown where the expression is null or depends on what the plugin only knows after its run.
  static ir::Dim dim(const Expr* expr);
  static ir::Dims dims(const nvinfer1::DimsExprs& exprs);
  /// The number with sizes of outputs as given; where one is not there, its upper bound. -1 where there is none.
  static int64_t value(const Expr* expr, const std::map<int32_t, int64_t>& sizes);

  /// The output that holds this dimension after the plugin's run; -1 for any other dimension.
  static int32_t size_output(const Expr* expr);

  const Expr* constant(nvinfer1::detail::DimsValue value) noexcept override;
  const Expr* operation(nvinfer1::DimensionOperation op, const Expr& first, const Expr& second) noexcept override;
  const Expr* declareSizeTensor(int32_t output, const Expr& opt, const Expr& upper) noexcept override;

 private:
  class Node;
  template <class... Args>
  const Expr* keep(ir::Dim dim, Args&&... args) noexcept;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace vivace::tensorrt
