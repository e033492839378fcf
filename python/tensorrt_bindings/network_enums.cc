// The enumerations of network definitions.
#include "bind.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT: the tables below are its names

#define ROW(Type, name) \
  { #name, Type::k##name }

void bind_network_enums(nb::module_& m) {
  using L = LayerType;
  enumeration<L>(m, "LayerType",
                 {ROW(L, CONVOLUTION),
                  ROW(L, FULLY_CONNECTED),
                  ROW(L, ACTIVATION),
                  ROW(L, POOLING),
                  ROW(L, LRN),
                  ROW(L, SCALE),
                  ROW(L, SOFTMAX),
                  ROW(L, DECONVOLUTION),
                  ROW(L, CONCATENATION),
                  ROW(L, ELEMENTWISE),
                  ROW(L, PLUGIN),
                  ROW(L, UNARY),
                  ROW(L, PADDING),
                  ROW(L, SHUFFLE),
                  ROW(L, REDUCE),
                  ROW(L, TOPK),
                  ROW(L, GATHER),
                  ROW(L, MATRIX_MULTIPLY),
                  ROW(L, RAGGED_SOFTMAX),
                  ROW(L, CONSTANT),
                  ROW(L, RNN_V2),
                  ROW(L, IDENTITY),
                  ROW(L, PLUGIN_V2),
                  ROW(L, SLICE),
                  ROW(L, SHAPE),
                  ROW(L, PARAMETRIC_RELU),
                  ROW(L, RESIZE),
                  ROW(L, TRIP_LIMIT),
                  ROW(L, RECURRENCE),
                  ROW(L, ITERATOR),
                  ROW(L, LOOP_OUTPUT),
                  ROW(L, SELECT),
                  ROW(L, FILL),
                  ROW(L, QUANTIZE),
                  ROW(L, DEQUANTIZE),
                  ROW(L, CONDITION),
                  ROW(L, CONDITIONAL_INPUT),
                  ROW(L, CONDITIONAL_OUTPUT),
                  ROW(L, SCATTER),
                  ROW(L, EINSUM),
                  ROW(L, ASSERTION),
                  ROW(L, ONE_HOT),
                  ROW(L, NON_ZERO),
                  ROW(L, GRID_SAMPLE),
                  ROW(L, NMS),
                  ROW(L, REVERSE_SEQUENCE),
                  ROW(L, NORMALIZATION),
                  ROW(L, CAST),
                  ROW(L, PLUGIN_V3),
                  ROW(L, SQUEEZE),
                  ROW(L, UNSQUEEZE),
                  ROW(L, CUMULATIVE),
                  ROW(L, DYNAMIC_QUANTIZE),
                  ROW(L, ATTENTION_INPUT),
                  ROW(L, ATTENTION_OUTPUT),
                  ROW(L, ROTARY_EMBEDDING),
                  {"KV_CACHE_UPDATE", L::kKVCACHE_UPDATE},
                  ROW(L, MOE),
                  ROW(L, DIST_COLLECTIVE)});
  using A = ActivationType;
  enumeration<A>(m, "ActivationType",
                 {ROW(A, RELU), ROW(A, SIGMOID), ROW(A, TANH), ROW(A, LEAKY_RELU), ROW(A, ELU), ROW(A, SELU),
                  ROW(A, SOFTSIGN), ROW(A, SOFTPLUS), ROW(A, CLIP), ROW(A, HARD_SIGMOID), ROW(A, SCALED_TANH),
                  ROW(A, THRESHOLDED_RELU), ROW(A, GELU_ERF), ROW(A, GELU_TANH)});
  using Pad = PaddingMode;
  enumeration<Pad>(m, "PaddingMode",
                   {ROW(Pad, EXPLICIT_ROUND_DOWN), ROW(Pad, EXPLICIT_ROUND_UP), ROW(Pad, SAME_UPPER),
                    ROW(Pad, SAME_LOWER), ROW(Pad, CAFFE_ROUND_DOWN), ROW(Pad, CAFFE_ROUND_UP)});
  using Pool = PoolingType;
  enumeration<Pool>(m, "PoolingType", {ROW(Pool, MAX), ROW(Pool, AVERAGE), ROW(Pool, MAX_AVERAGE_BLEND)});
  enumeration<ScaleMode>(m, "ScaleMode",
                         {ROW(ScaleMode, UNIFORM), ROW(ScaleMode, CHANNEL), ROW(ScaleMode, ELEMENTWISE)});
  using E = ElementWiseOperation;
  enumeration<E>(
      m, "ElementWiseOperation",
      {ROW(E, SUM), ROW(E, PROD), ROW(E, MAX), ROW(E, MIN), ROW(E, SUB), ROW(E, DIV), ROW(E, POW), ROW(E, FLOOR_DIV),
       ROW(E, AND), ROW(E, OR), ROW(E, XOR), ROW(E, EQUAL), ROW(E, GREATER), ROW(E, LESS)});
  using U = UnaryOperation;
  enumeration<U>(m, "UnaryOperation",
                 {ROW(U, EXP),   ROW(U, LOG),   ROW(U, SQRT),  ROW(U, RECIP), ROW(U, ABS),   ROW(U, NEG),  ROW(U, SIN),
                  ROW(U, COS),   ROW(U, TAN),   ROW(U, SINH),  ROW(U, COSH),  ROW(U, ASIN),  ROW(U, ACOS), ROW(U, ATAN),
                  ROW(U, ASINH), ROW(U, ACOSH), ROW(U, ATANH), ROW(U, CEIL),  ROW(U, FLOOR), ROW(U, ERF),  ROW(U, NOT),
                  ROW(U, SIGN),  ROW(U, ROUND), ROW(U, ISINF), ROW(U, ISNAN)});
  using R = ReduceOperation;
  enumeration<R>(m, "ReduceOperation",
                 {ROW(R, SUM), ROW(R, PROD), ROW(R, MAX), ROW(R, MIN), ROW(R, AVG), ROW(R, NONE)});
  enumeration<ScatterMode>(m, "ScatterMode", {ROW(ScatterMode, ELEMENT), ROW(ScatterMode, ND)});
  enumeration<GatherMode>(m, "GatherMode", {ROW(GatherMode, DEFAULT), ROW(GatherMode, ELEMENT), ROW(GatherMode, ND)});
  enumeration<TopKOperation>(m, "TopKOperation", {ROW(TopKOperation, MAX), ROW(TopKOperation, MIN)});
  using M = MatrixOperation;
  enumeration<M>(m, "MatrixOperation", {ROW(M, NONE), ROW(M, TRANSPOSE), ROW(M, VECTOR)});
  using I = InterpolationMode;
  enumeration<I>(m, "InterpolationMode", {ROW(I, NEAREST), ROW(I, LINEAR), ROW(I, CUBIC)});
  using S = SampleMode;
  enumeration<S>(m, "SampleMode",
                 {ROW(S, STRICT_BOUNDS),
                  {"DEFAULT", S::kSTRICT_BOUNDS},
                  ROW(S, WRAP),
                  ROW(S, CLAMP),
                  ROW(S, FILL),
                  ROW(S, REFLECT)});
  using C = ResizeCoordinateTransformation;
  enumeration<C>(m, "ResizeCoordinateTransformation", {ROW(C, ALIGN_CORNERS), ROW(C, ASYMMETRIC), ROW(C, HALF_PIXEL)});
  enumeration<ResizeSelector>(m, "ResizeSelector", {ROW(ResizeSelector, FORMULA), ROW(ResizeSelector, UPPER)});
  using Round = ResizeRoundMode;
  enumeration<Round>(m, "ResizeRoundMode",
                     {ROW(Round, HALF_UP), ROW(Round, HALF_DOWN), ROW(Round, FLOOR), ROW(Round, CEIL)});
  using Out = LoopOutput;
  enumeration<Out>(m, "LoopOutput", {ROW(Out, LAST_VALUE), ROW(Out, CONCATENATE), ROW(Out, REVERSE)});
  enumeration<TripLimit>(m, "TripLimit", {ROW(TripLimit, COUNT), ROW(TripLimit, WHILE)});
  using F = FillOperation;
  enumeration<F>(m, "FillOperation", {ROW(F, LINSPACE), ROW(F, RANDOM_UNIFORM), ROW(F, RANDOM_NORMAL)});
  using Box = BoundingBoxFormat;
  enumeration<Box>(m, "BoundingBoxFormat", {ROW(Box, CORNER_PAIRS), ROW(Box, CENTER_SIZES)});
  using Op = RNNOperation;
  enumeration<Op>(m, "RNNOperation", {ROW(Op, RELU), ROW(Op, TANH), ROW(Op, LSTM), ROW(Op, GRU)});
  enumeration<RNNDirection>(m, "RNNDirection", {ROW(RNNDirection, UNIDIRECTION), ROW(RNNDirection, BIDIRECTION)});
  enumeration<RNNInputMode>(m, "RNNInputMode", {ROW(RNNInputMode, LINEAR), ROW(RNNInputMode, SKIP)});
  using G = RNNGateType;
  enumeration<G>(
      m, "RNNGateType",
      {ROW(G, INPUT), ROW(G, OUTPUT), ROW(G, FORGET), ROW(G, UPDATE), ROW(G, RESET), ROW(G, CELL), ROW(G, HIDDEN)});
  using C2 = CollectiveOperation;
  enumeration<C2>(m, "CollectiveOperation",
                  {ROW(C2, ALL_REDUCE), ROW(C2, ALL_GATHER), ROW(C2, BROADCAST), ROW(C2, REDUCE),
                   ROW(C2, REDUCE_SCATTER), ROW(C2, ALL_TO_ALL), ROW(C2, GATHER), ROW(C2, SCATTER)});
  enumeration<CausalMaskKind>(
      m, "CausalMaskKind",
      {ROW(CausalMaskKind, NONE), ROW(CausalMaskKind, UPPER_LEFT), ROW(CausalMaskKind, LOWER_RIGHT)});
  enumeration<AttentionIOForm>(m, "AttentionIOForm",
                               {ROW(AttentionIOForm, PADDED_BHND), ROW(AttentionIOForm, PACKED_NHD)});
  enumeration<MoEActType>(m, "MoEActType", {ROW(MoEActType, NONE), ROW(MoEActType, SILU)});
  enumeration<CumulativeOperation>(m, "CumulativeOperation", {ROW(CumulativeOperation, SUM)});
}

#undef ROW

}  // namespace tensorrt_python
