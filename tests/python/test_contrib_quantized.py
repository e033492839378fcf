"""ONNX Runtime's operators on quantized tensors, against its kernels."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
from contrib_testing import Case, check, integers, normal, scalar


def quantized(shape, dtype, scale=0.05):
    """x, its scale and its zero point."""
    info = np.iinfo(dtype)
    zero = 0 if dtype == np.int8 else 120
    return [integers(info.min, info.max + 1, shape, dtype), scalar(scale), scalar(zero + 3, dtype)]


# Results may lie one step apart where a number lies between two.
STEP = {"tolerance": 1.0}


def pointwise():
    for dtype in (np.uint8, np.int8):
        a, b, c = quantized((2, 3, 8), dtype), quantized((3, 1), dtype, 0.02), quantized((), dtype, 0.07)[1:]
        for op in ("QLinearAdd", "QLinearMul"):
            yield Case(op, [*a, *b, *c], **STEP)
            if dtype == np.int8:
                without = [a[0], a[1], None, b[0], b[1], None, c[0]]
                zero = scalar(0, dtype)
                yield Case(op, without, like=Case(op, [*a[:2], zero, *b[:2], zero, c[0], zero]), **STEP)
        for op in ("QLinearSigmoid", "QLinearLeakyRelu"):
            attributes = {"alpha": 0.2} if op == "QLinearLeakyRelu" else {}
            yield Case(op, [*a, scalar(0.01), c[1]], attributes, constants=(1, 2, 3, 4), **STEP)
        for opset, axis in ((13, -1), (13, 1), (11, 1)):
            attributes = {"opset": opset, "axis": axis}
            yield Case(
                "QLinearSoftmax",
                [*a, scalar(1 / 256), scalar(np.iinfo(dtype).min, dtype)],
                attributes,
                constants=(1, 2, 3, 4),
                **STEP,
            )
        choice = np.array([[True, False] * 4])
        yield Case("QLinearWhere", [choice, *a, *b, *c], constants=(2, 3, 5, 6, 7, 8), **STEP)
        yield Case("QLinearConcat", [*c, *a, *quantized((2, 5, 8), dtype, 0.02)], {"axis": 1}, **STEP)


def images():
    for dtype in (np.uint8, np.int8):
        y = [scalar(0.06), scalar(4, dtype)]
        x = quantized((1, 4, 7, 7), dtype)
        last = [x[0].transpose(0, 2, 3, 1).copy(), *x[1:]]
        window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        for include in (0, 1):
            for ceil in (0, 1):
                attributes = {**window, "count_include_pad": include, "ceil_mode": ceil}
                yield Case("QLinearAveragePool", [*x, *y], attributes, **STEP)
        yield Case("QLinearAveragePool", [*last, *y], {**window, "channels_last": 1}, **STEP)
        yield Case("QLinearGlobalAveragePool", [*x, *y], **STEP)
        yield Case("QLinearGlobalAveragePool", [*last, *y], {"channels_last": 1}, **STEP)
        w = [integers(-100, 100, (6, 4, 3, 3), np.int8), (normal(6) ** 2 / 50).astype(np.float32), np.zeros(6, np.int8)]
        bias = integers(-500, 500, (6,), np.int32)
        yield Case("QLinearConv", [*last, *w, *y, bias], {**window, "channels_last": 1}, **STEP)
        yield Case("QLinearConv", [*x, *w, *y, bias], window, **STEP)
        depthwise = [integers(-100, 100, (4, 1, 3, 3), np.int8), scalar(0.02), scalar(0, np.int8)]
        yield Case("QLinearConv", [*last, *depthwise, *y], {**window, "group": 4, "channels_last": 1}, **STEP)
        real = (x[0].astype(np.float32) - x[2]) * x[1]
        mean = np.rint(real.mean((1, 3)) / y[0]) + y[1]
        want = np.clip(mean, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
        yield Case("QLinearReduceMean", [*x, *y], {"axes": [1, 3], "keepdims": 0}, expected=[want], **STEP)


def products():
    a, b = normal(2, 3, 16), integers(-100, 100, (16, 8), np.int8)
    per_column, zeros = (normal(8) ** 2 / 50).astype(np.float32), integers(-5, 5, (8,), np.int8)
    near = {"tolerance": 1e-4}
    yield Case("DynamicQuantizeMatMul", [a, b, scalar(0.02)], **near)
    yield Case("DynamicQuantizeMatMul", [a, b, per_column, zeros, normal(8)], **near)
    unsigned = integers(0, 255, (16, 8), np.uint8)
    yield Case("DynamicQuantizeMatMul", [a, unsigned, scalar(0.02), scalar(130, np.uint8)], **near)
    left = integers(0, 255, (2, 3, 16), np.uint8)
    yield Case("MatMulIntegerToFloat", [left, b, scalar(0.1), scalar(0.02)], **near)
    yield Case(
        "MatMulIntegerToFloat", [left, b, scalar(0.1), per_column, scalar(130, np.uint8), zeros, normal(8)], **near
    )
    yield Case("MatMulIntegerToFloat", [left, unsigned, scalar(0.1), scalar(0.02), None, scalar(7, np.uint8)], **near)
    c = integers(-900, 900, (8,), np.int32)
    given = [left[0], scalar(0.1), scalar(130, np.uint8), b]
    for more in ([scalar(0.02), scalar(0, np.int8)], [per_column, np.zeros(8, np.int8)]):
        yield Case("QGemm", [*given, *more, c, scalar(0.4), scalar(100, np.uint8)], **STEP)
        yield Case("QGemm", [*given, *more, c], {"alpha": 0.5}, **near)
        yield Case("QGemm", [*given, *more], **near)
    turned = [left[0].T.copy(), *given[1:3], b.T.copy()]
    yield Case("QGemm", [*turned, scalar(0.02), scalar(3, np.int8), c], {"transA": 1, "transB": 1}, **near)


def lines():
    x = normal(3, 8)
    for dtype, zero in ((np.uint8, 120), (np.int8, 3), (np.uint16, 30000), (np.int16, -30)):
        info = np.iinfo(dtype)
        yield Case("QuantizeLinear", [x, scalar(0.03), scalar(zero, dtype)])
        columns = (np.abs(normal(8)) + 0.1).astype(np.float32)
        yield Case("QuantizeLinear", [x, columns, np.full(8, zero, dtype)], {"axis": 1})
        y = integers(info.min, info.max, (3, 8), dtype)
        yield Case("DequantizeLinear", [y, scalar(0.03), scalar(zero, dtype)])
        yield Case("DequantizeLinear", [y, columns, np.full(8, zero, dtype)], {"axis": 1})
        yield Case("DequantizeLinear", [y, np.array([0.5], np.float32)])
    yield Case("QuantizeLinear", [x, scalar(0.03)])


def recurrent():
    hidden, size, length, batch = 8, 6, 5, 3
    for directions, direction in ((1, "forward"), (1, "reverse"), (2, "bidirectional")):
        x = normal(length, batch, size)
        w, r = (integers(-127, 127, (directions, n, 4 * hidden), np.int8) for n in (size, hidden))
        scale, zero = np.full((directions,), 0.004, np.float32), integers(-3, 3, (directions,), np.int8)
        bias, start = normal(directions, 8 * hidden), normal(directions, batch, hidden)
        lengths = np.array([5, 3, 4], np.int32)
        attributes = {"hidden_size": hidden, "direction": direction}
        # Its inputs are rounded to 8 bits before each product there, and not here.
        yield Case(
            "DynamicQuantizeLSTM",
            [x, w, r, bias, None, start, start, None, scale, zero, scale, zero],
            attributes,
            "xxx",
            constants=(1, 2, 8, 9, 10, 11),
            tolerance=0.03,
        )
        yield Case(
            "DynamicQuantizeLSTM",
            [x, w, r, bias, lengths, None, None, None, scale, zero, scale, zero],
            attributes,
            "xxx",
            constants=(1, 2, 8, 9, 10, 11),
            tolerance=0.03,
        )


def gathers():
    indices = np.array([[1, 6], [0, 2]], np.int64)
    scales = (normal(8, 2) / 10).astype(np.float32)
    for bits in (4, 8):
        data = integers(0, 256, (8, 32 * bits // 8), np.uint8)
        zeros = integers(0, 256, (8, 2 * bits // 8), np.uint8)
        attributes = {"bits": bits, "block_size": 16, "gather_axis": 0, "quantize_axis": 1}
        yield Case("GatherBlockQuantized", [data, indices, scales, zeros], attributes, constants=(0, 2, 3))
        yield Case("GatherBlockQuantized", [data, indices, scales], attributes, constants=(0, 2))


def few_bits():
    """Weights of 2, 4 and 8 bits in blocks; rows of A by ones, some and many; a last block that is not full."""
    for bits, block in ((4, 16), (4, 32), (4, 128), (8, 32), (2, 64)):
        for m, k, n in ((1, 256, 40), (3, 200, 33), (50, 144, 64)):
            blocks, fields = -(-k // block), 8 // bits
            q = integers(0, 256, (n, blocks, block * bits // 8), np.uint8)
            scales = (normal(n, blocks) / 16).astype(np.float32)
            a, bias = normal(1, m, k), normal(n)
            attributes = {"K": k, "N": n, "bits": bits, "block_size": block}
            weights = {"constants": (1, 2), "tolerance": 1e-4}

            def product(zeros, q=q, scales=scales, a=a, bits=bits, block=block, k=k, fields=fields):
                numbers = np.stack([q >> (i * bits) & (2**bits - 1) for i in range(fields)], -1).reshape(
                    *q.shape[:2], block
                )
                w = ((numbers - zeros.astype(np.float64)[..., None]) * scales[..., None].astype(np.float64)).reshape(
                    len(q), -1
                )[:, :k]
                return (a @ w.T).astype(np.float32)

            middle = np.full((n, blocks), 2 ** (bits - 1), np.float64)
            yield Case("MatMulNBits", [a, q, scales], attributes, expected=[product(middle)], **weights)
            packed = integers(0, 256, (n, -(-blocks * bits // 8)), np.uint8)
            zeros = np.stack([packed >> (i * bits) & (2**bits - 1) for i in range(fields)], -1).reshape(n, -1)[
                :, :blocks
            ]
            want = product(zeros) + bias
            given = [a, q, scales, packed, None, bias]
            yield Case("MatMulNBits", given, attributes, expected=[want], constants=(1, 2, 3, 5), tolerance=1e-4)
            if bits == 4 and block >= 32:  # its kernels and ours mean the same
                yield Case("MatMulNBits", given, attributes, constants=(1, 2, 3, 5), tolerance=1e-4)
                real = normal(n, blocks) + 8
                given = [a, q, scales, real]
                yield Case(
                    "MatMulNBits", given, attributes, expected=[product(real)], constants=(1, 2, 3), tolerance=1e-4
                )
                same = (np.arange(k) // block).astype(np.int32)
                given = [a, q, scales, packed, same, bias]
                yield Case("MatMulNBits", given, attributes, expected=[want], constants=(1, 2, 3, 4, 5), tolerance=1e-4)
                groups = np.sort(integers(0, blocks, (k,), np.int32))
                yield Case("MatMulNBits", [a, q, scales, None, groups], attributes, constants=(1, 2, 4), tolerance=1e-4)
    half = [a.astype(np.float16), q, scales.astype(np.float16)]
    yield Case("MatMulNBits", half, attributes, expected=[product(middle).astype(np.float16)], tolerance=1e-2)


CASES = [*pointwise(), *images(), *products(), *lines(), *recurrent(), *gathers(), *few_bits()]


@pytest.mark.parametrize("case", CASES, ids=map(str, CASES))
def test_against_onnxruntime(case):
    check(case)
