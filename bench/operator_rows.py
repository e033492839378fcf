"""The rows of bench/operators: one node each, as networks have it.

A shape is a network's own where one is named. `given` values arrive at run time, `fixed` ones are weights.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

Maker = Callable[[np.random.Generator], np.ndarray]


@dataclasses.dataclass
class Value:
    """An input of the node: how to make it, and whether the model holds it."""

    make: Maker
    constant: bool


@dataclasses.dataclass
class Row:
    operator: str
    what: str  # which shapes, of which network
    inputs: Sequence[Value | None]
    attributes: dict = dataclasses.field(default_factory=dict)
    outputs: int = 1
    opset: int = 23

    @property
    def name(self) -> str:
        return f"{self.operator} {self.what}"


def given(*shape: int) -> Value:
    return Value(lambda rng: rng.standard_normal(shape, dtype=np.float32), False)


def weights(*shape: int) -> Value:
    scale = 1 / np.sqrt(max(np.prod(shape[1:]), 1))
    return Value(lambda rng: rng.standard_normal(shape, dtype=np.float32) * np.float32(scale), True)


def fixed(values: object, dtype: str = "int64") -> Value:
    return Value(lambda rng: np.array(values, dtype), True)


def positive(*shape: int) -> Value:
    """Of weights that must be: scales of quantization."""
    return Value(lambda rng: rng.uniform(0.002, 0.02, shape).astype(np.float32), True)


def integers(low: int, high: int, dtype: str, *shape: int, constant: bool = False) -> Value:
    return Value(lambda rng: rng.integers(low, high, shape).astype(dtype), constant)


def u8(*shape: int) -> Value:
    return integers(0, 256, "uint8", *shape)


def i8_weights(*shape: int) -> Value:
    return integers(-127, 128, "int8", *shape, constant=True)


def boxes(count: int, size: float, spread: float) -> Maker:
    """Corners [x1, y1, x2, y2], or [y1, x1, y2, x2], of boxes up to `size` in an image of `spread` pixels."""

    def make(rng: np.random.Generator) -> np.ndarray:
        corner = rng.uniform(0, spread - size, (count, 2))
        return np.concatenate([corner, corner + rng.uniform(size / 8, size, (count, 2))], 1).astype(np.float32)

    return make


def given_boxes(count: int, size: float, spread: float) -> Value:
    return Value(lambda rng: boxes(count, size, spread)(rng)[None], False)


def regions(count: int, size: float, spread: float) -> Value:
    return Value(boxes(count, size, spread), False)


def uniform(low: float, high: float, *shape: int) -> Value:
    return Value(lambda rng: rng.uniform(low, high, shape).astype(np.float32), False)


def mask(share: float, *shape: int) -> Value:
    return Value(lambda rng: rng.random(shape) < share, False)


def distinct_rows(count: int, size: int) -> Value:
    """[count, 1] different indices below size."""
    return Value(lambda rng: rng.permutation(size)[:count, None].astype(np.int64), False)


def recurrent(operator: str, gates: int, steps: int, batch: int, size: int, directions: int) -> Row:
    what = f"{steps} steps, batch {batch}, {size}{', both ways' if directions == 2 else ''}"
    inputs = [
        given(steps, batch, size),
        weights(directions, gates * size, size),
        weights(directions, gates * size, size),
        weights(directions, 2 * gates * size),
    ]
    attributes = {"hidden_size": size, "direction": "bidirectional" if directions == 2 else "forward"}
    if operator == "GRU":
        attributes["linear_before_reset"] = 1  # as PyTorch exports it
    return Row(operator, what, inputs, attributes)


def quantized_conv(what: str, channels: int, size: int, filters: int, kernel: int, group: int = 1) -> Row:
    inputs = [
        u8(1, channels, size, size), fixed(0.02, "float32"), fixed(117, "uint8"),
        i8_weights(filters, channels // group, kernel, kernel), positive(filters), fixed([0] * filters, "int8"),
        fixed(4.0, "float32"), fixed(128, "uint8"), integers(-5000, 5000, "int32", filters, constant=True),
    ]  # fmt: skip
    return Row("QLinearConv", what, inputs, {"group": group, "pads": [kernel // 2] * 4})


ROWS = [
    # Images.
    Row("Resize", "nearest 2x, FPN", [given(1, 256, 25, 34), None, fixed([1, 1, 2, 2], "float32")],
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    Row("Resize", "linear up 8x, DeepLab", [given(1, 21, 65, 65), None, None, fixed([1, 21, 513, 513])],
        {"mode": "linear"}),
    Row("Resize", "linear 2x corners, U-Net", [given(1, 64, 112, 112), None, fixed([1, 1, 2, 2], "float32")],
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),
    Row("Resize", "linear down, an image", [given(1, 3, 720, 1280), None, None, fixed([1, 3, 224, 224])],
        {"mode": "linear"}),
    Row("Resize", "cubic up 4x, an image", [given(1, 3, 128, 128), None, fixed([1, 1, 4, 4], "float32")],
        {"mode": "cubic"}),
    Row("GridSample", "linear, deformable attention", [given(8, 32, 100, 134), uniform(-1, 1, 8, 300, 4, 2)],
        {"mode": "linear", "padding_mode": "zeros"}),
    Row("GridSample", "linear, spatial transformer", [given(1, 64, 56, 56), uniform(-1, 1, 1, 56, 56, 2)],
        {"mode": "linear", "padding_mode": "border", "align_corners": 1}),
    Row("GridSample", "cubic, an image", [given(1, 3, 224, 224), uniform(-1, 1, 1, 224, 224, 2)], {"mode": "cubic"}),
    Row("RoiAlign", "7x7, Mask R-CNN", [given(1, 256, 50, 68), regions(200, 200, 800), fixed([0] * 200)],
        {"output_height": 7, "output_width": 7, "sampling_ratio": 2, "spatial_scale": 0.0625}, opset=16),
    Row("ConvTranspose", "2x2 stride 2, U-Net", [given(1, 128, 56, 56), weights(128, 64, 2, 2), weights(64)],
        {"strides": [2, 2]}),
    Row("ConvTranspose", "4x4 stride 2, DCGAN", [given(1, 256, 16, 16), weights(256, 128, 4, 4)],
        {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Row("ConvTranspose", "4x4 stride 2, pose", [given(1, 256, 32, 24), weights(256, 256, 4, 4)],
        {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Row("DeformConv", "3x3, DCN", [given(1, 64, 50, 68), weights(64, 64, 3, 3), given(1, 18, 50, 68)],
        {"pads": [1, 1, 1, 1]}, opset=19),
    Row("DepthToSpace", "CRD 4x, super resolution", [given(1, 48, 128, 128)], {"blocksize": 4, "mode": "CRD"}),
    Row("LRN", "AlexNet", [given(1, 96, 55, 55)], {"size": 5, "alpha": 1e-4, "beta": 0.75}),
    # Detection and search.
    Row("NonMaxSuppression", "SSD, 90 classes",
        [given_boxes(1917, 80, 300), uniform(0, 1, 1, 90, 1917), fixed([20]), fixed([0.6], "float32"),
         fixed([0.9], "float32")]),
    Row("NonMaxSuppression", "proposals", [given_boxes(2000, 120, 800), uniform(0, 1, 1, 1, 2000), fixed([1000]),
                                           fixed([0.7], "float32")]),
    Row("TopK", "5 of 1000", [given(1, 1000), fixed([5])], outputs=2),
    Row("TopK", "1000 proposals", [given(1, 40000), fixed([1000])], outputs=2),
    Row("TopK", "50 of a vocabulary", [given(8, 50257), fixed([50])], outputs=2),
    Row("ArgMax", "of a vocabulary", [given(16, 50257)], {"axis": -1, "keepdims": 0}),
    Row("ArgMax", "classes of pixels", [given(1, 21, 256, 256)], {"axis": 1, "keepdims": 0}),
    Row("NonZero", "a mask", [mask(0.1, 512, 512)]),
    Row("Unique", "10000 ids", [integers(0, 5000, "int64", 10000)], outputs=4),
    Row("OneHot", "128 of 5000", [integers(0, 5000, "int64", 128), fixed(5000), fixed([0, 1], "float32")]),
    # Gathers and scatters.
    Row("Gather", "embedding, BERT", [weights(30522, 768), integers(0, 30522, "int64", 1, 128)]),
    Row("Gather", "columns", [given(256, 1024), integers(0, 1024, "int64", 64)], {"axis": 1}),
    Row("GatherElements", "DETR", [given(1, 8400, 80), integers(0, 8400, "int64", 1, 300, 80)], {"axis": 1}),
    Row("GatherND", "rows", [given(1000, 256), integers(0, 1000, "int64", 500, 1)]),
    Row("GatherND", "points", [given(64, 200, 200), integers(0, 64, "int64", 20000, 3)]),
    Row("ScatterND", "cache", [given(2048, 1024), distinct_rows(64, 2048), given(64, 1024)]),
    Row("ScatterND", "add, pillars", [given(40000, 64), integers(0, 40000, "int64", 12000, 1), given(12000, 64)],
        {"reduction": "add"}),
    Row("ScatterElements", "add, graph", [given(2708, 64), integers(0, 2708, "int64", 10556, 64), given(10556, 64)],
        {"axis": 0, "reduction": "add"}),
    Row("ScatterElements", "rows", [given(512, 1024), integers(0, 1024, "int64", 512, 8), given(512, 8)], {"axis": 1}),
    # Sequences and attention.
    *[recurrent(operator, gates, 50, batch, 256, directions)
      for operator, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1))
      for batch, directions in ((1, 1), (8, 1), (1, 2))],
    Row("Attention", "BERT base, 128", [given(1, 12, 128, 64)] * 3),
    Row("Attention", "ViT base, 197", [given(1, 12, 197, 64)] * 3),
    Row("Attention", "one token, 512 keys", [given(1, 12, 1, 64), given(1, 12, 512, 64), given(1, 12, 512, 64)]),
    Row("Attention", "grouped, causal, 128", [given(1, 32, 128, 128), given(1, 8, 128, 128), given(1, 8, 128, 128)],
        {"is_causal": 1}),
    Row("RotaryEmbedding", "Llama, 128", [given(1, 32, 128, 128), weights(128, 64), weights(128, 64),
                                          Value(lambda rng: np.arange(128)[None], False)]),
    Row("Einsum", "bqhd,bkhd->bhqk", [given(1, 128, 12, 64), given(1, 128, 12, 64)], {"equation": "bqhd,bkhd->bhqk"}),
    Row("Einsum", "bhqk,bkhd->bqhd", [given(1, 12, 128, 128), given(1, 128, 12, 64)],
        {"equation": "bhqk,bkhd->bqhd"}),
    Row("CumSum", "positions", [integers(0, 2, "int64", 8, 512), fixed(1)]),
    Row("CumSum", "rows", [given(512, 512), fixed(0)]),
    Row("Trilu", "512", [given(1, 1, 512, 512)], {"upper": 0}),
    # Normalizations.
    Row("LayerNormalization", "BERT base", [given(1, 128, 768), weights(768), weights(768)]),
    Row("RMSNormalization", "Llama", [given(1, 128, 4096), weights(4096)]),
    Row("GroupNormalization", "diffusion", [given(1, 320, 64, 64), weights(320), weights(320)], {"num_groups": 32}),
    Row("InstanceNormalization", "style transfer", [given(1, 128, 64, 64), weights(128), weights(128)]),
    Row("Softmax", "scores of BERT", [given(1, 12, 128, 128)]),
    Row("Softmax", "classes of pixels", [given(1, 21, 256, 256)], {"axis": 1}),
    Row("LogSoftmax", "of a vocabulary", [given(8, 50257)]),
    # Reductions.
    Row("ReduceMean", "of images", [given(1, 256, 56, 56), fixed([2, 3])]),
    Row("ReduceMean", "of tokens", [given(8, 128, 768), fixed([1])]),
    Row("ReduceSum", "outer and inner axes", [given(16, 64, 56, 56), fixed([0, 2, 3])]),
    Row("ReduceMax", "last axis", [given(8, 128, 768), fixed([-1])]),
    Row("ReduceL2", "last axis", [given(8, 128, 768), fixed([-1])]),
    Row("ReduceLogSumExp", "last axis", [given(64, 4096), fixed([-1])]),
    # Movement.
    Row("Pad", "constant, of an image", [given(1, 64, 112, 112), fixed([0, 0, 1, 1, 0, 0, 1, 1])]),
    Row("Pad", "reflect, style transfer", [given(1, 128, 64, 64), fixed([0, 0, 1, 1, 0, 0, 1, 1])],
        {"mode": "reflect"}),
    Row("Transpose", "heads of BERT", [given(1, 128, 12, 64)], {"perm": [0, 2, 1, 3]}),
    Row("Transpose", "to channels last", [given(1, 64, 112, 112)], {"perm": [0, 2, 3, 1]}),
    Row("Transpose", "a matrix", [given(1024, 1024)], {"perm": [1, 0]}),
    Row("Concat", "channels, DenseNet", [given(1, 128, 28, 28), given(1, 32, 28, 28)], {"axis": 1}),
    Row("Concat", "last axis", [given(1, 512, 384), given(1, 512, 384)], {"axis": -1}),
    Row("Split", "heads", [given(1, 128, 2304), fixed([768, 768, 768])], {"axis": -1}, outputs=3),
    Row("Slice", "every other pixel, Focus", [given(1, 3, 640, 640), fixed([0, 1]), fixed([640, 640]), fixed([2, 3]),
                                              fixed([2, 2])]),
    Row("Slice", "a window", [given(1, 96, 56, 56), fixed([0, 0]), fixed([49, 49]), fixed([2, 3])]),
    Row("Tile", "channels", [given(1, 64, 1, 1), fixed([1, 1, 56, 56])]),
    Row("Tile", "keys", [given(1, 8, 128, 64), fixed([1, 4, 1, 1])]),
    Row("Expand", "keys", [given(1, 8, 1, 128, 128), fixed([1, 8, 4, 128, 128])]),
    Row("Where", "a causal mask", [mask(0.5, 1, 1, 128, 128), given(1, 12, 128, 128), fixed(-1e9, "float32")]),
    Row("Cast", "f32 to f16", [given(1, 64, 112, 112)], {"to": 10}),
    Row("Cast", "i64 to f32", [integers(0, 1000, "int64", 1, 128, 512)], {"to": 1}),
    Row("Cast", "u8 to f32", [u8(1, 3, 640, 640)], {"to": 1}),
    # Quantized.
    quantized_conv("1x1 256 to 64, ResNet-50", 256, 56, 64, 1),
    quantized_conv("3x3 64, ResNet-50", 64, 56, 64, 3),
    quantized_conv("3x3 256, ResNet-50", 256, 14, 256, 3),
    quantized_conv("depthwise 3x3, MobileNet", 144, 56, 144, 3, 144),
    Row("ConvInteger", "3x3 64", [u8(1, 64, 56, 56), i8_weights(64, 64, 3, 3), fixed(117, "uint8")],
        {"pads": [1, 1, 1, 1]}),
    Row("QLinearMatMul", "BERT base", [u8(128, 768), fixed(0.02, "float32"), fixed(117, "uint8"), i8_weights(768, 768),
                                       positive(768), fixed([0] * 768, "int8"), fixed(0.6, "float32"),
                                       fixed(128, "uint8")]),
    Row("MatMulInteger", "BERT base", [u8(1, 128, 768), i8_weights(768, 3072), fixed(117, "uint8")]),
    Row("MatMulInteger", "one row, GPT", [u8(1, 1, 768), i8_weights(768, 3072), fixed(117, "uint8")]),
    Row("DynamicQuantizeLinear", "BERT base", [given(1, 128, 768)], outputs=3),
    Row("QuantizeLinear", "an image", [given(1, 64, 112, 112), fixed(0.05, "float32"), fixed(128, "uint8")]),
    Row("DequantizeLinear", "an image", [u8(1, 64, 112, 112), fixed(0.05, "float32"), fixed(128, "uint8")]),
    Row("DequantizeLinear", "per channel", [integers(-127, 128, "int8", 768, 3072), positive(3072)], {"axis": 1}),
]  # fmt: skip
