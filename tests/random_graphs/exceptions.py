"""What the tester knows of operators: those that do not round, and where the standard's evaluator cannot be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

# Operators that give elements of their inputs, or compare, or cut off: equal inputs give equal outputs in any formula.
EXACT = set(
    """
    Abs Neg Sign Relu Max Min Clip Floor Ceil Round Not And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual Where IsNaN
    IsInf Cast CastLike BitCast BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Identity Reshape Squeeze Unsqueeze
    Flatten Expand Transpose Concat Split Slice Gather GatherElements GatherND Pad Tile DepthToSpace SpaceToDepth
    ReverseSequence Trilu Compress NonZero Unique TopK ArgMax ArgMin ReduceMax ReduceMin Hardmax MaxPool GlobalMaxPool
    Shape Size Constant ConstantOfShape EyeLike Range OneHot CenterCropPad Optional OptionalGetElement OptionalHasElement
    SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence
    ConcatFromSequence TensorScatter MaxUnpool MaxRoiPool NonMaxSuppression Dropout StringConcat StringSplit
    StringNormalizer RegexFullMatch Binarizer LabelEncoder CategoryMapper OneHotEncoder ArrayFeatureExtractor
    Imputer FeatureVectorizer
    """.split()
)

# Operators that round floats to integers by a division: one off is right where the quotient lies between two.
ROUNDS_TO_INTEGERS = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"}

# Operators whose result is a small difference of numbers up to 8: some roundings of those, absolutely.
CANCELS = {
    "AffineGrid", "Gelu", "Mish", "Sigmoid", "If", "Loop", "Scan", "HardSwish", "HannWindow",
    "HammingWindow", "BlackmanWindow", "STFT", "DFT", "Log", "LogSoftmax",
    "RNN", "GRU", "LSTM", "SoftmaxCrossEntropyLoss", "Softplus", "ReduceLogSumExp", "ReduceLogSum", "Resize",
    "Celu", "Elu", "Selu", "GroupNormalization", "LayerNormalization", "InstanceNormalization",
}  # fmt: skip

# Operators that are defined in f32, by attributes or by their function, whatever the type: doubles are only compared so far.
SINGLE = {
    "Erf", "Gelu", "HardSwish", "HardSigmoid", "Attention", "RotaryEmbedding", "MelWeightMatrix", "Selu", "LRN", "Resize",
    "GroupNormalization", "LayerNormalization", "RMSNormalization", "HannWindow", "HammingWindow", "BlackmanWindow", "STFT",
}  # fmt: skip

# Operators that add up many elements: roundings grow with them, in another order each.
ADDS = {
    "ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd",
    "CumSum", "CumProd", "MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum", "GlobalAveragePool", "GlobalLpPool",
    "MeanVarianceNormalization", "LayerNormalization", "GroupNormalization", "InstanceNormalization", "RMSNormalization",
}  # fmt: skip

# Operators that add up squares.
SQUARES = {
    "ReduceSumSquare", "ReduceL2", "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization",
    "MeanVarianceNormalization",
}  # fmt: skip

# ONNX Runtime adds the zero point after rounding, as the standard says; the evaluator before, which is one off at halves.
ROUNDS_LATE = {"QLinearConv", "QLinearMatMul"}

# Operators whose result turns over where two numbers are equal, element by element, or the largest ones along an axis.
COMPARES = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
PICKS = {"ArgMax", "ArgMin", "Hardmax"}
# Those whose result steps from one integer to the next: what they do with a number.
STEPS = {"Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Sign": np.sign, "Cast": np.trunc, "CastLike": np.trunc}

Fact = Callable[[onnx.NodeProto, int, dict[str, np.ndarray]], bool]


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    found = next((a for a in node.attribute if a.name == name), None)
    value = default if found is None else onnx.helper.get_attribute_value(found)
    return value.decode() if isinstance(value, bytes) else value


def older_than(opset: int) -> Fact:
    return lambda node, version, feeds: version < opset


def always(node: onnx.NodeProto, version: int, feeds: dict[str, np.ndarray]) -> bool:
    return True


def of_type(*names: str) -> Fact:
    return lambda node, version, feeds: any(getattr(x, "dtype", np.dtype(bool)).name in names for x in feeds.values())


def has(name: str) -> Fact:
    return lambda node, version, feeds: attribute(node, name) is not None


def sets(name: str, *values: Any) -> Fact:
    return lambda node, version, feeds: attribute(node, name) in values


def shared_state(node: onnx.NodeProto, version: int, feeds: dict[str, np.ndarray]) -> bool:
    body = attribute(node, "body")
    inside = {name for n in body.node for name in n.input}
    return any(name in inside for name in node.input)


def beyond(indices: np.ndarray, depth: np.ndarray) -> bool:
    most = int(depth.reshape(-1)[0])
    return bool(((indices < -most) | (indices >= most)).any())


def beyond_int32(node: onnx.NodeProto, version: int, feeds: dict[str, np.ndarray]) -> bool:
    x, scale = (feeds[name].astype(np.float64) for name in node.input[:2])
    with np.errstate(all="ignore"):
        return bool(np.abs(x).max(initial=0) >= 2**31 * np.abs(scale).min(initial=np.inf))


def wide_range(node: onnx.NodeProto, version: int, feeds: dict[str, np.ndarray]) -> bool:
    x = feeds[node.input[0]].astype(np.float64)
    return x.size > 0 and bool(x.max() - x.min() > 80)


def wider_than_whole(node: onnx.NodeProto, version: int, feeds: dict[str, np.ndarray]) -> bool:
    asked, size = attribute(node, "output_shape"), feeds[node.input[0]].shape[2:]
    if asked is None:
        return False
    kernel, ones = feeds[node.input[1]].shape[2:], [1] * len(size)
    strides, dilations = attribute(node, "strides", ones), attribute(node, "dilations", ones)
    more = attribute(node, "output_padding", [0] * len(size))
    whole = [s * (n - 1) + p + (k - 1) * d + 1 for n, k, s, d, p in zip(size, kernel, strides, dilations, more)]
    return any(a > w for a, w in zip(list(asked)[-len(size) :], whole))


OVERFLOWS = "makes an integer of the quotient before it saturates"

# (operators, when, why): where the evaluator is not the truth but ONNX Runtime; a node that it does not run is left out.
WRONG_IN_EVALUATOR: list[tuple[str, Fact, str]] = [
    ("Normalizer", always, "divides by sums, not by those of absolute values"),
    ("LinearRegressor|LinearClassifier", always, "reads what is left out, and classes of two labels, in its own way"),
    (
        "TreeEnsemble|TreeEnsembleRegressor|TreeEnsembleClassifier",
        always,
        "has its own minimum of nothing, and of ties",
    ),
    ("TfIdfVectorizer", always, "counts grams that skip twice"),
    ("StringNormalizer", always, "drops accents, and empty texts"),
    ("SequenceInsert", always, "counts negative positions from another end"),
    (
        "RNN|GRU|LSTM",
        always,
        "knows neither clip, lengths, directions, activations nor input_forget, and says nothing of it",
    ),
    (
        "RoiAlign",
        sets("mode", "max"),
        "takes the maximum of samples, not of weighted neighbours as the standard's cases do",
    ),
    ("RoiAlign", older_than(16), "shifts by half a pixel, as from opset 16 on"),
    ("Loop", lambda node, version, feeds: not node.input[1], "does not run at all without a condition"),
    ("Loop", shared_state, "a captured value that is a state, too, changes with it"),
    (
        "OneHot",
        lambda node, version, feeds: (
            beyond(feeds[node.input[0]], feeds[node.input[1]]) or feeds[node.input[2]].dtype.kind not in "biuOUS"
        ),
        "wraps indices that are out of range, which give off everywhere; adds off to on - off",
    ),
    ("Unique", sets("sorted", 0), "takes along the first axis"),
    (
        "GridSample",
        lambda node, version, feeds: (
            str(attribute(node, "mode")).endswith("cubic") and attribute(node, "padding_mode", "zeros") != "zeros"
        ),
        "wraps the point rather than each of its neighbours",
    ),
    ("QuantizeLinear", beyond_int32, OVERFLOWS),
    (
        "QuantizeLinear",
        lambda node, version, feeds: (
            feeds[node.input[0]].dtype == np.int32 and (np.abs(feeds[node.input[0]].astype(float)) > 1e8).any()
        ),
        "overflows",
    ),
    ("TensorScatter", sets("mode", "circular"), "takes the position in the batch modulo the length, too"),
    ("BatchNormalization", older_than(14), "trains where momentum is given"),
    ("Softmax|LogSoftmax|Hardmax", older_than(13), "works on one axis as from opset 13 on"),
    ("LogSoftmax", wide_range, "takes logarithms of what f32 can hardly hold"),
    ("MaxPool|AveragePool|LpPool", sets("auto_pad", "SAME_UPPER", "SAME_LOWER"), "pads by other amounts"),
    (
        "MaxPool",
        lambda node, version, feeds: len(node.output) > 1,
        "indices of dilated, padded and column-major windows",
    ),
    ("LpNormalization", always, "adds without absolute values where p is 1"),
    ("QLinearConv", always, "knows no zero point for each channel, nor more than two dimensions"),
    ("DynamicQuantizeLinear", always, "has another scale for nothing but zeros"),
    ("MaxPool|AveragePool|LpPool", sets("ceil_mode", 1), "pads by other amounts"),
    (
        "Conv|ConvInteger",
        sets("auto_pad", "SAME_UPPER", "SAME_LOWER", "VALID"),
        "pads by other amounts where strides do not divide",
    ),
    (
        "ConvTranspose",
        lambda node, version, feeds: attribute(node, "group", 1) > 1 or attribute(node, "auto_pad") is not None,
        "mixes groups",
    ),
    (
        "ConvTranspose",
        wider_than_whole,
        "pads by negative amounts, which ONNX Runtime refuses and the standard leaves open",
    ),
    ("GridSample", of_type("float16", "bfloat16", "float64"), "computes positions in the type of the image, or in f32"),
    ("DeformConv", of_type("float64"), "computes positions in f32"),
    ("LRN", always, "takes windows of an even size, and of few channels, elsewhere"),
    (
        "Resize",
        has("keep_aspect_ratio_policy"),
        "works with the factors asked for, not with those of the size that it made",
    ),
    (
        "Resize",
        sets("coordinate_transformation_mode", "pytorch_half_pixel", "align_corners"),
        "takes sizes before they are rounded down",
    ),
    ("Pad|CenterCropPad|Trilu", of_type("object"), "fills with the number 0 rather than with empty texts"),
]


def drops_negative_axes(node: onnx.NodeProto, version: int, feeds: dict[str, np.ndarray]) -> bool:
    axes = feeds.get(node.input[1]) if len(node.input) > 1 else attribute(node, "axes")
    return feeds[node.input[0]].size == 0 and axes is not None and any(int(axis) < 0 for axis in axes)


# The same for ONNX Runtime, where the evaluator has nothing: such a node is left out.
WRONG_IN_ONNXRUNTIME: list[tuple[str, Fact, str]] = [
    ("QuantizeLinear", beyond_int32, OVERFLOWS),
    ("Reduce.*", drops_negative_axes, "keeps the negative axes of a tensor without elements"),
    (
        "StringSplit",
        lambda node, version, feeds: bool(attribute(node, "delimiter")) and "" in feeds[node.input[0]].reshape(-1),
        "makes no piece of an empty text, where Python's split and the evaluator make an empty one",
    ),
]
