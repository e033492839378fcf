// Enumerations of the network definition.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferRuntime.h"

namespace nvinfer1 {

// Values are those of generation 8 below major 10 and those of generation 10 from there on; names that a generation
// lacks follow after its own.
#if VIVACE_TENSORRT_MAJOR < 10
/// What a layer computes.
enum class LayerType : int32_t {
  kCONVOLUTION = 0,
  kFULLY_CONNECTED = 1,
  kACTIVATION = 2,
  kPOOLING = 3,
  kLRN = 4,
  kSCALE = 5,
  kSOFTMAX = 6,
  kDECONVOLUTION = 7,
  kCONCATENATION = 8,
  kELEMENTWISE = 9,
  kPLUGIN = 10,
  kUNARY = 11,
  kPADDING = 12,
  kSHUFFLE = 13,
  kREDUCE = 14,
  kTOPK = 15,
  kGATHER = 16,
  kMATRIX_MULTIPLY = 17,
  kRAGGED_SOFTMAX = 18,
  kCONSTANT = 19,
  kRNN_V2 = 20,
  kIDENTITY = 21,
  kPLUGIN_V2 = 22,
  kSLICE = 23,
  kSHAPE = 24,
  kPARAMETRIC_RELU = 25,
  kRESIZE = 26,
  kTRIP_LIMIT = 27,
  kRECURRENCE = 28,
  kITERATOR = 29,
  kLOOP_OUTPUT = 30,
  kSELECT = 31,
  kFILL = 32,
  kQUANTIZE = 33,
  kDEQUANTIZE = 34,
  kCONDITION = 35,
  kCONDITIONAL_INPUT = 36,
  kCONDITIONAL_OUTPUT = 37,
  kSCATTER = 38,
  kEINSUM = 39,
  kASSERTION = 40,
  kONE_HOT = 41,
  kNON_ZERO = 42,
  kGRID_SAMPLE = 43,
  kNMS = 44,
  kREVERSE_SEQUENCE = 45,
  kNORMALIZATION = 46,
  kCAST = 47,
  kPLUGIN_V3 = 48,
  kSQUEEZE = 49,
  kUNSQUEEZE = 50,
  kCUMULATIVE = 51,
  kDYNAMIC_QUANTIZE = 52,
  kATTENTION_INPUT = 53,
  kATTENTION_OUTPUT = 54,
  kROTARY_EMBEDDING = 55,
  kKVCACHE_UPDATE = 56,
  kMOE = 57,
  kDIST_COLLECTIVE = 58,
  kRNN = 59
};
template <>
constexpr int32_t EnumMax<LayerType>() noexcept {
  return 60;
}
#else
/// What a layer computes.
enum class LayerType : int32_t {
  kCONVOLUTION = 0,
  kCAST = 1,
  kACTIVATION = 2,
  kPOOLING = 3,
  kLRN = 4,
  kSCALE = 5,
  kSOFTMAX = 6,
  kDECONVOLUTION = 7,
  kCONCATENATION = 8,
  kELEMENTWISE = 9,
  kPLUGIN = 10,
  kUNARY = 11,
  kPADDING = 12,
  kSHUFFLE = 13,
  kREDUCE = 14,
  kTOPK = 15,
  kGATHER = 16,
  kMATRIX_MULTIPLY = 17,
  kRAGGED_SOFTMAX = 18,
  kCONSTANT = 19,
  kIDENTITY = 20,
  kPLUGIN_V2 = 21,
  kSLICE = 22,
  kSHAPE = 23,
  kPARAMETRIC_RELU = 24,
  kRESIZE = 25,
  kTRIP_LIMIT = 26,
  kRECURRENCE = 27,
  kITERATOR = 28,
  kLOOP_OUTPUT = 29,
  kSELECT = 30,
  kFILL = 31,
  kQUANTIZE = 32,
  kDEQUANTIZE = 33,
  kCONDITION = 34,
  kCONDITIONAL_INPUT = 35,
  kCONDITIONAL_OUTPUT = 36,
  kSCATTER = 37,
  kEINSUM = 38,
  kASSERTION = 39,
  kONE_HOT = 40,
  kNON_ZERO = 41,
  kGRID_SAMPLE = 42,
  kNMS = 43,
  kREVERSE_SEQUENCE = 44,
  kNORMALIZATION = 45,
  kPLUGIN_V3 = 46,
  kSQUEEZE = 47,
  kUNSQUEEZE = 48,
  kCUMULATIVE = 49,
  kDYNAMIC_QUANTIZE = 50,
  kATTENTION_INPUT = 51,
  kATTENTION_OUTPUT = 52,
  kROTARY_EMBEDDING = 53,
  kKVCACHE_UPDATE = 54,
  kMOE = 55,
  kDIST_COLLECTIVE = 56,
  kFULLY_CONNECTED = 57,
  kRNN_V2 = 58,
  kRNN = 59
};
template <>
constexpr int32_t EnumMax<LayerType>() noexcept {
  return 60;
}
#endif

/// A bit mask of `1U << TensorFormat`.
using TensorFormats = uint32_t;

/// Activation functions. alpha and beta: LEAKY_RELU x<0: alpha x; ELU alpha (e^x - 1); SELU beta times ELU;
/// SOFTPLUS alpha log(e^(beta x) + 1); CLIP to [alpha, beta]; HARD_SIGMOID clip(alpha x + beta, 0, 1);
/// SCALED_TANH alpha tanh(beta x); THRESHOLDED_RELU x where x > alpha, else 0.
enum class ActivationType : int32_t {
  kRELU = 0,
  kSIGMOID = 1,
  kTANH = 2,
  kLEAKY_RELU = 3,
  kELU = 4,
  kSELU = 5,
  kSOFTSIGN = 6,
  kSOFTPLUS = 7,
  kCLIP = 8,
  kHARD_SIGMOID = 9,
  kSCALED_TANH = 10,
  kTHRESHOLDED_RELU = 11,
  kGELU_ERF = 12,
  kGELU_TANH = 13
};
template <>
constexpr int32_t EnumMax<ActivationType>() noexcept {
  return 14;
}

/// How padding is counted, and where the last window may end.
enum class PaddingMode : int32_t {
  kEXPLICIT_ROUND_DOWN = 0,
  kEXPLICIT_ROUND_UP = 1,
  kSAME_UPPER = 2,
  kSAME_LOWER = 3,
  kCAFFE_ROUND_DOWN = 4,
  kCAFFE_ROUND_UP = 5
};
template <>
constexpr int32_t EnumMax<PaddingMode>() noexcept {
  return 6;
}

/// Maximum, average, or a blend of both.
enum class PoolingType : int32_t { kMAX = 0, kAVERAGE = 1, kMAX_AVERAGE_BLEND = 2 };
template <>
constexpr int32_t EnumMax<PoolingType>() noexcept {
  return 3;
}

/// One number, one per channel, or one per element.
enum class ScaleMode : int32_t { kUNIFORM = 0, kCHANNEL = 1, kELEMENTWISE = 2 };
template <>
constexpr int32_t EnumMax<ScaleMode>() noexcept {
  return 3;
}

/// Binary operations.
enum class ElementWiseOperation : int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kDIV = 5,
  kPOW = 6,
  kFLOOR_DIV = 7,
  kAND = 8,
  kOR = 9,
  kXOR = 10,
  kEQUAL = 11,
  kGREATER = 12,
  kLESS = 13
};
template <>
constexpr int32_t EnumMax<ElementWiseOperation>() noexcept {
  return 14;
}

/// As the ONNX operators Gather, GatherElements, GatherND.
enum class GatherMode : int32_t { kDEFAULT = 0, kELEMENT = 1, kND = 2 };
template <>
constexpr int32_t EnumMax<GatherMode>() noexcept {
  return 3;
}

/// Unary operations.
enum class UnaryOperation : int32_t {
  kEXP = 0,
  kLOG = 1,
  kSQRT = 2,
  kRECIP = 3,
  kABS = 4,
  kNEG = 5,
  kSIN = 6,
  kCOS = 7,
  kTAN = 8,
  kSINH = 9,
  kCOSH = 10,
  kASIN = 11,
  kACOS = 12,
  kATAN = 13,
  kASINH = 14,
  kACOSH = 15,
  kATANH = 16,
  kCEIL = 17,
  kFLOOR = 18,
  kERF = 19,
  kNOT = 20,
  kSIGN = 21,
  kROUND = 22,
  kISINF = 23,
  kISNAN = 24
};
template <>
constexpr int32_t EnumMax<UnaryOperation>() noexcept {
  return 25;
}

/// Reductions.
enum class ReduceOperation : int32_t { kSUM = 0, kPROD = 1, kMAX = 2, kMIN = 3, kAVG = 4, kNONE = 5 };
template <>
constexpr int32_t EnumMax<ReduceOperation>() noexcept {
  return 6;
}

/// Collective operations of several devices.
enum class CollectiveOperation : int32_t {
  kALL_REDUCE = 0,
  kALL_GATHER = 1,
  kBROADCAST = 2,
  kREDUCE = 3,
  kREDUCE_SCATTER = 4,
  kALL_TO_ALL = 5,
  kGATHER = 6,
  kSCATTER = 7
};
template <>
constexpr int32_t EnumMax<CollectiveOperation>() noexcept {
  return 8;
}

/// What lies outside of a tensor.
enum class SampleMode : int32_t { kSTRICT_BOUNDS = 0, kWRAP = 1, kCLAMP = 2, kFILL = 3, kREFLECT = 4, kDEFAULT = 0 };
template <>
constexpr int32_t EnumMax<SampleMode>() noexcept {
  return 5;
}

using SliceMode = SampleMode;

/// Largest or smallest.
enum class TopKOperation : int32_t { kMAX = 0, kMIN = 1 };
template <>
constexpr int32_t EnumMax<TopKOperation>() noexcept {
  return 2;
}

/// What is done to a factor before the product; kVECTOR: it is a vector, or a stack of some.
enum class MatrixOperation : int32_t { kNONE = 0, kTRANSPOSE = 1, kVECTOR = 2 };
template <>
constexpr int32_t EnumMax<MatrixOperation>() noexcept {
  return 3;
}

/// How a value between points is found.
enum class InterpolationMode : int32_t { kNEAREST = 0, kLINEAR = 1, kCUBIC = 2 };
template <>
constexpr int32_t EnumMax<InterpolationMode>() noexcept {
  return 3;
}

using ResizeMode = InterpolationMode;

/// Where in the input a point of the output lies.
enum class ResizeCoordinateTransformation : int32_t { kALIGN_CORNERS = 0, kASYMMETRIC = 1, kHALF_PIXEL = 2 };
template <>
constexpr int32_t EnumMax<ResizeCoordinateTransformation>() noexcept {
  return 3;
}

/// What an output of one pixel takes: the formula, or the first pixel.
enum class ResizeSelector : int32_t { kFORMULA = 0, kUPPER = 1 };
template <>
constexpr int32_t EnumMax<ResizeSelector>() noexcept {
  return 2;
}

/// How a coordinate is rounded for the nearest point.
enum class ResizeRoundMode : int32_t { kHALF_UP = 0, kHALF_DOWN = 1, kFLOOR = 2, kCEIL = 3 };
template <>
constexpr int32_t EnumMax<ResizeRoundMode>() noexcept {
  return 4;
}

/// What of a value of a loop comes out.
enum class LoopOutput : int32_t { kLAST_VALUE = 0, kCONCATENATE = 1, kREVERSE = 2 };
template <>
constexpr int32_t EnumMax<LoopOutput>() noexcept {
  return 3;
}

/// What limits a loop.
enum class TripLimit : int32_t { kCOUNT = 0, kWHILE = 1 };
template <>
constexpr int32_t EnumMax<TripLimit>() noexcept {
  return 2;
}

/// What a fill layer makes.
enum class FillOperation : int32_t { kLINSPACE = 0, kRANDOM_UNIFORM = 1, kRANDOM_NORMAL = 2 };
template <>
constexpr int32_t EnumMax<FillOperation>() noexcept {
  return 3;
}

/// As the ONNX operators ScatterElements and ScatterND.
enum class ScatterMode : int32_t { kELEMENT = 0, kND = 1 };
template <>
constexpr int32_t EnumMax<ScatterMode>() noexcept {
  return 2;
}

/// Two corners, or centre and size.
enum class BoundingBoxFormat : int32_t { kCORNER_PAIRS = 0, kCENTER_SIZES = 1 };
template <>
constexpr int32_t EnumMax<BoundingBoxFormat>() noexcept {
  return 2;
}

/// Running operations.
enum class CumulativeOperation : int32_t { kSUM = 0 };
template <>
constexpr int32_t EnumMax<CumulativeOperation>() noexcept {
  return 1;
}

/// Normalization of attention scores.
enum class AttentionNormalizationOp : int32_t { kNONE = 0, kSOFTMAX = 1 };
template <>
constexpr int32_t EnumMax<AttentionNormalizationOp>() noexcept {
  return 2;
}

/// Which corner of the scores a causal mask starts in.
enum class CausalMaskKind : int32_t { kNONE = 0, kUPPER_LEFT = 1, kLOWER_RIGHT = 2 };
template <>
constexpr int32_t EnumMax<CausalMaskKind>() noexcept {
  return 3;
}

/// How sequences of an attention lie in memory.
enum class AttentionIOForm : int32_t { kPADDED_BHND = 0, kPACKED_NHD = 1 };
template <>
constexpr int32_t EnumMax<AttentionIOForm>() noexcept {
  return 2;
}

/// How a cache is laid out.
enum class KVCacheMode : int32_t { kLINEAR = 0 };
template <>
constexpr int32_t EnumMax<KVCacheMode>() noexcept {
  return 1;
}

/// Activation of a mixture of experts.
enum class MoEActType : int32_t { kNONE = 0, kSILU = 1 };
template <>
constexpr int32_t EnumMax<MoEActType>() noexcept {
  return 2;
}

/// Cells of recurrent networks.
enum class RNNOperation : int32_t { kRELU = 0, kTANH = 1, kLSTM = 2, kGRU = 3 };
template <>
constexpr int32_t EnumMax<RNNOperation>() noexcept {
  return 4;
}

/// Directions of recurrent networks.
enum class RNNDirection : int32_t { kUNIDIRECTION = 0, kBIDIRECTION = 1 };
template <>
constexpr int32_t EnumMax<RNNDirection>() noexcept {
  return 2;
}

/// Whether the first layer multiplies its input by weights.
enum class RNNInputMode : int32_t { kLINEAR = 0, kSKIP = 1 };
template <>
constexpr int32_t EnumMax<RNNInputMode>() noexcept {
  return 2;
}

/// Gates of recurrent cells.
enum class RNNGateType : int32_t {
  kINPUT = 0,
  kOUTPUT = 1,
  kFORGET = 2,
  kUPDATE = 3,
  kRESET = 4,
  kCELL = 5,
  kHIDDEN = 6
};
template <>
constexpr int32_t EnumMax<RNNGateType>() noexcept {
  return 7;
}

/// An order of dimensions: dimension i of the result is dimension order[i] of the input.
struct Permutation {
  int32_t order[Dims::MAX_DIMS];
};

}  // namespace nvinfer1
