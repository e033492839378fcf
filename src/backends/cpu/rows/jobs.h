// What problems ask for, in terms that any backend's rows can use; a Verdict says where they are not of that kind.
#pragma once

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/move.h"
#include "backends/cpu/kernels/norm.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

/// MatMul, Gemm, vivace.FusedMatMul, in the terms of one: C = activation(scale * A B + bias) and so on.
struct Product {
  GemmProblem gemm;
  int64_t a_column = 1;  // from one column of A to the next
  bool bias = false, residual = false;
};
/// All tensors of `type`.
Verdict typed_product_of(const Problem& p, DType type, Product& product);
/// In f32, columns of A contiguous.
Verdict product_of(const Problem& p, Product& product);

/// Attention without a cache: softmax(scale Q K^T + mask) V. Q, K, V of `type`; the mask of `type`, f32 or boolean.
Verdict typed_attention_of(const Problem& p, DType type, AttentionProblem& attention);
/// All in f32.
Verdict attention_of(const Problem& p, AttentionProblem& attention);

/// Transpose, Slice, Split, Expand, Tile, DepthToSpace, SpaceToDepth: for each output a copy of a strided part of input
/// 0. Strides count elements.
struct StridedCopy {
  Shape dims, from;
  int64_t begin = 0;  // first element of the input
};
Verdict strided_copies(const Problem& p, std::vector<StridedCopy>& copies);

/// Which reduction an operator is (ReduceSum, GlobalAveragePool, ...), and over which neighbouring axes.
std::optional<Reduction> reduction_of(const std::string& op);
Verdict reduction_split(const Problem& p, ops::AxisSplit& split);

/// LayerNormalization, RMSNormalization: so many rows of n elements.
struct Rows {
  int64_t rows, n;
};
Rows normalized_rows(const Problem& p);

/// Maximum and average pooling of images, Global ones too.
Verdict pooling_of(const Problem& p, PoolShape& shape);

/// Resize of images: output i of an axis is the sum over t of weights[t * out + i] * input[indices[t * out + i]].
struct SampledAxis {
  int64_t in = 0, out = 0;
  int taps = 1;
  std::vector<int32_t> indices;
  std::vector<float> weights;
};
struct ResizedImage {
  int64_t planes = 1;
  bool nearest = false;  // one tap of weight 1
  SampledAxis rows, columns;
};
Verdict resized_image(const Problem& p, ResizedImage& image);

}  // namespace vivace::cpu
