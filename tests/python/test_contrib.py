"""ONNX Runtime's own operators around products, activations and normalizations, against its kernels."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
from contrib_testing import Case, check, integers, normal, random, scalar

HALF = np.float16


def erf_gelu(x):
    from math import erf

    return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))


def activations():
    x = normal(2, 3, 8)
    yield Case("Gelu", [x])
    yield Case("FastGelu", [x])
    yield Case("FastGelu", [x, normal(8)])
    yield Case("QuickGelu", [x])
    yield Case("QuickGelu", [x], {"alpha": 0.7})
    yield Case("BiasGelu", [x, normal(8)])
    y, bias, skip = normal(2, 5, 320), normal(320), normal(2, 5, 320)
    yield Case("BiasAdd", [y, bias, skip], expected=[y + bias + skip])
    wide, half = normal(2, 3, 16), normal(16)
    z = wide + half
    yield Case("BiasSplitGelu", [wide, half], expected=[(z[..., :8] * erf_gelu(z[..., 8:])).astype(np.float32)])
    data = normal(2, 3, 4, 8)

    def softmax(v, axis):
        flat = v.reshape(int(np.prod(v.shape[:axis])), -1)
        e = np.exp(flat - flat.max(1, keepdims=True))
        return (e / e.sum(1, keepdims=True)).reshape(v.shape)

    bias = normal(2, 1, 1, 8)
    inner = {"axis": 3, "is_inner_broadcast": 1}
    yield Case("BiasSoftmax", [data, bias], inner, expected=[softmax(data + bias, 3)])
    bias = normal(4, 8)
    yield Case("BiasSoftmax", [data, bias], {"axis": 2, "is_inner_broadcast": 0}, expected=[softmax(data + bias, 2)])
    more = normal(2, 3, 8)
    added = x + half[:8] + more
    yield Case("BiasDropout", [x, half[:8], more], {}, "xx", expected=[added, np.ones(x.shape, bool)])
    yield Case("SampleOp", [x])
    yield Case("Gelu", [normal(0, 3)])


def products():
    x, w, b = normal(1, 4, 7, 7), normal(6, 2, 3, 3), normal(6)
    window = {"group": 2, "pads": [1, 1, 1, 1], "strides": [2, 2]}
    z = normal(1, 6, 4, 4)
    yield Case("FusedConv", [x, w, b], {**window, "activation": "Relu"})
    yield Case("FusedConv", [x, w, b, z], {**window, "activation": "Relu"})
    yield Case("FusedConv", [x, w, b], {**window, "activation": "LeakyRelu", "activation_params": [0.3]})
    yield Case("FusedConv", [x, w], {**window, "activation": "Clip", "activation_params": [-0.5, 0.5]})
    yield Case("FusedConv", [x, w, b], {**window, "activation": "HardSigmoid", "activation_params": [0.3, 0.4]})
    yield Case("FusedConv", [x, w, b], {**window, "activation": "Sigmoid"})
    yield Case("FusedConv", [x, w, b], {**window, "activation": "Tanh"})
    yield Case("FusedConv", [normal(1, 4, 6, 6), normal(2, 4, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]})
    last, single, addend = normal(1, 7, 7, 4), normal(6, 4, 1, 1), normal(1, 7, 7, 6)
    pixels = last @ single[:, :, 0, 0].T + b
    yield Case("NhwcConv", [last, single, b], expected=[pixels])
    fused = {"activation": "Relu", "kernel_shape": [1, 1]}
    yield Case("NhwcFusedConv", [last, single, b, addend], fused, expected=[np.maximum(pixels + addend, 0)])
    a = normal(3, 5)
    for ta in (0, 1):
        for tb in (0, 1):
            left, right = normal(2, 4, 5), normal(2, 5, 3)
            if ta:
                left = left.swapaxes(1, 2).copy()
            if tb:
                right = right.swapaxes(1, 2).copy()
            attributes = {"transA": ta, "transB": tb, "alpha": 0.5}
            yield Case("FusedMatMul", [left, right], attributes)
            yield Case("TransposeMatMul", [left, right], attributes)
            gemm = {**attributes, "beta": 2.0}
            yield Case(
                "FusedGemm",
                [left[0], right[0], normal(3)],
                {**gemm, "activation": "LeakyRelu", "activation_alpha": 0.2},
            )
            yield Case("FusedGemm", [left[0], right[0]], {**gemm, "activation": "Relu"})
            # [M, batch, K]: the batch stands between.
            yield Case(
                "FusedMatMul",
                [left.swapaxes(0, 1).copy(), right.swapaxes(0, 1).copy()],
                {**attributes, "transBatchA": 1, "transBatchB": 1},
            )
    yield Case("FusedMatMul", [normal(5), normal(5, 3)], {"transA": 1})
    yield Case("FusedMatMul", [a, normal(2, 5, 4)])
    yield Case("FusedGemm", [a, normal(5, 4), normal(3, 1)], {"activation": "Tanh"})
    yield Case("CDist", [a, normal(7, 5)], {"metric": "sqeuclidean"}, tolerance=1e-4)
    yield Case("CDist", [a, normal(7, 5)], {"metric": "euclidean"}, tolerance=1e-4)
    pads = np.array([1, 1, 0, 1], np.int64)
    yield Case(
        "ConvTransposeWithDynamicPads", [x, normal(4, 3, 3, 3), pads, normal(3)], {"strides": [2, 2]}, constants=(2,)
    )
    left, right = integers(0, 255, (3, 4), np.uint8), integers(0, 255, (4,), np.uint8)
    product = (left.astype(np.int32) - 3) * right
    yield Case("MulInteger", [left, scalar(3, np.uint8), right], expected=[product])
    yield Case(
        "ReduceSumInteger", [left], {"axes": [1], "keepdims": 1}, expected=[left.sum(1, keepdims=True, dtype=np.uint32)]
    )


def norms():
    for rank3 in (True, False):
        x = normal(2, 3, 8) if rank3 else normal(6, 8)
        skip, scale, bias, more = normal(*x.shape), normal(8), normal(8), normal(8)
        yield Case("SkipLayerNormalization", [x, skip, scale, bias, more], {"epsilon": 1e-5}, "x--x")
        yield Case("SkipLayerNormalization", [x, skip, scale])
        yield Case("SkipLayerNormalization", [x, skip, scale, None, more])
        yield Case("SkipSimplifiedLayerNormalization", [x, skip, scale, more], {"epsilon": 1e-5}, "x--x")
        yield Case("SkipSimplifiedLayerNormalization", [x, skip, scale])
    yield Case("SkipLayerNormalization", [normal(2, 3, 8), normal(1, 3, 8), scale, bias])
    yield Case("SkipLayerNormalization", [normal(2, 3, 8), normal(3, 8), scale, bias])
    yield Case(
        "SkipLayerNormalization",
        [normal(2, 3, 8, dtype=HALF), normal(2, 3, 8, dtype=HALF), normal(8, dtype=HALF)],
        tolerance=4e-3,
    )
    x = normal(2, 3, 8)
    yield Case("SimplifiedLayerNormalization", [x, normal(8)], {"epsilon": 1e-3, "axis": -1}, "xx", domain="")
    yield Case("SimplifiedLayerNormalization", [x, normal(3, 8)], {"axis": 1}, domain="")
    yield Case("LayerNormalization", [x, normal(8), normal(8)], {"epsilon": 1e-3}, "x", domain="")
    ids, segments = integers(0, 20, (2, 5), np.int32), integers(0, 2, (2, 5), np.int32)
    tables = [normal(20, 8), normal(9, 8), normal(2, 8), normal(8), normal(8)]
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    positions = integers(0, 9, (2, 5), np.int32)
    yield Case("EmbedLayerNormalization", [ids, segments, *tables, mask], {"epsilon": 1e-6}, "xxx")
    yield Case("EmbedLayerNormalization", [ids, segments, *tables, mask, positions], {"epsilon": 1e-6}, "xxx")
    yield Case("EmbedLayerNormalization", [ids, None, *tables[:2], None, *tables[3:]], {}, "xx")
    yield Case("EmbedLayerNormalization", [ids, None, *tables[:2], None, *tables[3:], None, positions[:1]], {}, "xx")

    def group_norm(v, scale, bias, groups, silu):
        n, h, w, c = v.shape
        g = v.reshape(n, h * w, groups, c // groups).astype(np.float64)
        g = (g - g.mean((1, 3), keepdims=True)) / np.sqrt(g.var((1, 3), keepdims=True) + 1e-5)
        y = g.reshape(v.shape) * scale + bias
        return (y / (1 + np.exp(-y)) if silu else y).astype(v.dtype)

    x, scale, bias = normal(2, 3, 3, 8), normal(8), normal(8)
    for silu in (0, 1):
        attributes = {"groups": 4, "activation": silu, "epsilon": 1e-5}
        want = group_norm(x, scale, bias, 4, silu)
        yield Case("GroupNorm", [x, scale, bias], attributes, expected=[want])
        first = x.transpose(0, 3, 1, 2).copy()
        yield Case(
            "GroupNorm", [first, scale, bias], {**attributes, "channels_last": 0}, expected=[want.transpose(0, 3, 1, 2)]
        )
        for skip in (normal(2, 3, 3, 8), normal(2, 1, 1, 8), normal(2, 8)):
            more = normal(8)
            total = x + (skip[:, None, None] if skip.ndim == 2 else skip) + more
            yield Case(
                "SkipGroupNorm",
                [x, scale, bias, skip, more],
                attributes,
                "xx",
                expected=[group_norm(total, scale, bias, 4, silu), total],
            )


def others():
    yield Case("Trilu", [normal(2, 4, 5), np.array(1, np.int64)], {"upper": 0})
    yield Case("Trilu", [normal(4, 5)])
    yield Case("Unique", [np.array([2, 1, 1, 3, 4, 3], np.float32)], {}, "xxx")
    yield Case("Range", [scalar(1), scalar(9), scalar(2.5)])
    yield Case("Range", [np.array([3], np.int64), np.array([7], np.int64)])
    yield Case("GatherND", [normal(3, 4, 5), np.array([[0, 1], [2, 3]], np.int64)])
    yield Case("ExpandDims", [normal(3, 4), np.array(-1, np.int32)], constants=(1,))
    yield Case("ExpandDims", [normal(3, 4), np.array(1, np.int32)], constants=(1,))
    yield Case("Pad", [normal(3, 4), np.array([1, 0, 2, -1], np.int64), np.array([7], np.float32)])
    yield Case("Pad", [normal(3, 4), np.array([[1, 0, 2, 1]], np.int64)], {"mode": "reflect"})
    grid = (random.random((2, 3, 4, 2)) * 2 - 1).astype(np.float32)
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            yield Case(
                "GridSample", [normal(2, 3, 5, 6), grid], {"mode": mode, "padding_mode": padding, "align_corners": 1}
            )
    x = normal(2, 9, 6)
    spectrum = np.fft.rfft(x, axis=-1)
    yield Case(
        "Rfft",
        [x],
        {"onesided": 1, "normalized": 0, "signal_ndim": 1},
        expected=[np.stack([spectrum.real, spectrum.imag], -1).astype(np.float32)],
    )
    back = np.stack([spectrum.real, spectrum.imag], -1).astype(np.float32)
    yield Case("Irfft", [back], {"onesided": 1, "normalized": 0, "signal_ndim": 1}, expected=[x])
    plane = np.fft.rfft2(x)
    both = np.stack([plane.real, plane.imag], -1).astype(np.float32)
    yield Case("Rfft", [x], {"onesided": 1, "normalized": 0, "signal_ndim": 2}, expected=[both])
    yield Case("Irfft", [both], {"onesided": 1, "normalized": 0, "signal_ndim": 2}, expected=[x])
    for dtype in (np.int8, np.uint8):
        image = integers(-100 if dtype == np.int8 else 0, 100, (1, 7, 7, 3), dtype)
        yield Case("NhwcMaxPool", [image], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 1]})


CASES = [*activations(), *products(), *norms(), *others()]


@pytest.mark.parametrize("case", CASES, ids=map(str, CASES))
def test_against_onnxruntime(case):
    check(case)
