#!/usr/bin/env python3
"""Writes operator cases for tests/ops/cases: random inputs and what ONNX Runtime, or the standard's own evaluator,
makes of them. Needs numpy, onnx and onnxruntime.

    make_operator_cases.py FILE [--only conv,pool] [--count 4] [--seed 1]
"""
import argparse
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, NotImplemented

NAMES = {
    TensorProto.FLOAT: "f32", TensorProto.DOUBLE: "f64", TensorProto.FLOAT16: "f16", TensorProto.BFLOAT16: "bf16",
    TensorProto.INT8: "i8", TensorProto.UINT8: "u8", TensorProto.INT16: "i16", TensorProto.UINT16: "u16",
    TensorProto.INT32: "i32", TensorProto.UINT32: "u32", TensorProto.INT64: "i64", TensorProto.UINT64: "u64",
    TensorProto.BOOL: "bool", TensorProto.INT4: "i4", TensorProto.UINT4: "u4",
    TensorProto.FLOAT8E4M3FN: "f8e4m3fn", TensorProto.FLOAT8E4M3FNUZ: "f8e4m3fnuz",
    TensorProto.FLOAT8E5M2: "f8e5m2", TensorProto.FLOAT8E5M2FNUZ: "f8e5m2fnuz",
    TensorProto.FLOAT4E2M1: "f4e2m1", TensorProto.STRING: "string", TensorProto.INT2: "i2", TensorProto.UINT2: "u2",
}
# Relative to 1 + |x|: products and sums of some hundred terms, then rounding of the type itself.
TOLERANCE = {"f32": 2e-5, "f64": 1e-10, "f16": 4e-3, "bf16": 3e-2}
# What it does not have for a type or an opset: no kernel, types its schema does not list, an opset it does not know.
MISSING_IN_ONNXRUNTIME = (Fail, InvalidGraph, NotImplemented)
random = np.random.default_rng(1)


def element_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def quoted(text):
    """As std::quoted reads it, where it needs quotes; the cases have no line breaks."""
    text = str(text)
    if text and not any(c in ' "\\\t' for c in text):
        return text
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def number(value, name):
    if name in ("f32", "f16", "bf16"):
        return f"{float(value):.7g}"
    if name == "f64":
        return f"{float(value):.17g}"
    if name == "bool":
        return str(int(value))
    if name == "string":
        return quoted(value)
    return str(int(value))


def line(word, array):
    if array is None:
        return f"{word} -"
    name = NAMES[element_type(array)]
    shape = ",".join(map(str, array.shape)) or "scalar"
    flat = array.reshape(-1)
    if name.startswith("f8"):
        flat = flat.view(np.uint8)
    elif name == "f4e2m1":
        flat = flat.view(np.uint8)
    return f"{word} {name} {shape} : " + " ".join(number(v, name) for v in flat)


def attribute_line(name, value):
    if isinstance(value, onnx.TensorProto):
        return f"attr {name} " + line("t", onnx.numpy_helper.to_array(value))
    if isinstance(value, str):
        return f"attr {name} s {quoted(value)}"
    if isinstance(value, int):
        return f"attr {name} i {value}"
    if isinstance(value, float):
        return f"attr {name} f {value!r}"
    kind = "ss" if isinstance(value[0], str) else "fs" if isinstance(value[0], float) else "is"
    return f"attr {name} {kind} " + " ".join(quoted(v) if kind == "ss" else str(v) for v in value)


def model_of(op, inputs, outputs, attributes, opset):
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" if wanted else "" for i, wanted in enumerate(outputs)]
    domain, _, name = op.rpartition(".")
    node = helper.make_node(name, names, results, domain=domain, **attributes)
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(n, element_type(x), x.shape) for n, x in zip(names, inputs) if n],
        [helper.make_value_info(n, onnx.TypeProto()) for n in results if n])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, opset)], ir_version=10)


def evaluate(op, inputs, outputs, attributes, how, opset):
    model = model_of(op, inputs, outputs, attributes, opset)
    feeds = {f"x{i}": x for i, x in enumerate(inputs) if x is not None}
    if how == "ort":
        try:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return session.run(None, feeds)
        except MISSING_IN_ONNXRUNTIME as problem:
            if "--verbose" in sys.argv:
                print(f"{op} {attributes}: {str(problem)[:200]}; the evaluator instead", file=sys.stderr)
    return ReferenceEvaluator(model).run(None, feeds)


def case(file, op, inputs, attributes=None, outputs=(True,), how="ort", opset=21, tolerance=None):
    inputs = [None if x is None else np.asarray(x) for x in inputs]
    attributes = {k: v for k, v in (attributes or {}).items() if v is not None and v != []}
    try:
        made = evaluate(op, inputs, outputs, attributes, how, opset)
    except Exception as problem:  # neither can do it
        print(f"{op} {attributes}: skipped: {str(problem)[:200]}", file=sys.stderr)
        return
    results = iter(np.asarray(m) for m in made)
    results = [next(results) if wanted else None for wanted in outputs]
    if tolerance is None:
        tolerance = TOLERANCE.get(NAMES[element_type(results[0])], 0)
    write(file, op, inputs, attributes, results, tolerance)


def write(file, op, inputs, attributes, outputs, tolerance):
    print(f"case {op} tolerance {tolerance}", file=file)
    for key, value in attributes.items():
        print(attribute_line(key, value), file=file)
    for x in inputs:
        print(line("in", x), file=file)
    for y in outputs:
        print(line("out", y), file=file)
    print(file=file)


def pick(*choices):
    return choices[random.integers(len(choices))]


def integer(low, high):
    return int(random.integers(low, high + 1))


def values(shape, dtype=np.float32, low=-16, high=16, scale=8):
    """Small multiples of 1/8: short as text, exact in every float type."""
    if np.issubdtype(np.dtype(dtype), np.integer):
        info = np.iinfo(dtype)
        return random.integers(max(low, info.min), min(high, info.max) + 1, shape).astype(dtype)
    return (random.integers(low, high + 1, shape) / scale).astype(dtype)


def quantized(shape, dtype):
    info = np.iinfo(dtype)
    return random.integers(info.min, info.max + 1, shape).astype(dtype)


def float_type():
    return pick(np.float32, np.float32, np.float32, np.float64, np.float16)


def window(n, conv=True):
    kernel = [integer(1, 3) for _ in range(n)]
    attributes = {"strides": pick(None, [integer(1, 3) for _ in range(n)]),
                  "dilations": pick(None, [integer(1, 2) for _ in range(n)])}
    auto = pick("NOTSET", "NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    if auto != "NOTSET":
        attributes["auto_pad"] = auto
        attributes["dilations"] = None  # ONNX Runtime disagrees with itself here
    else:
        dilations = attributes["dilations"] or [1] * n
        attributes["pads"] = pick(None, [integer(0, min(2, (k - 1) * d)) for _ in range(2)
                                         for k, d in zip(kernel, dilations)])
    return kernel, attributes


def conv(file, count):
    for n in (1, 2, 3):
        for _ in range(count):
            kernel, attributes = window(n)
            group = pick(1, 1, 2, 3)
            c, m = group * integer(1, 2), group * integer(1, 3)
            attributes["group"] = group
            dtype = np.float32 if "auto_pad" in attributes else pick(np.float32, np.float32, np.float64, np.float16)
            x = values([integer(1, 2), c] + [integer(5, 7) for _ in range(n)], dtype)
            w = values([m, c // group] + kernel, dtype)
            case(file, "Conv", [x, w] + pick([], [values([m], dtype)]), attributes, how="ort" if dtype != np.float16 else "ref")
            dtype = np.float32
            transposed = {k: v for k, v in attributes.items() if k not in ("pads", "auto_pad")}
            strides = attributes["strides"] or [1] * n
            if random.random() < 0.4:
                transposed["pads"] = [integer(0, (k - 1) // 2) for _ in range(2) for k in kernel]
                transposed["output_padding"] = pick(None, [integer(0, s - 1) for s in strides])
            elif random.random() < 0.5:
                transposed["auto_pad"] = pick("SAME_UPPER", "SAME_LOWER", "VALID")
                transposed["strides"] = [integer(1, k) for k in kernel]
                transposed["dilations"] = None
            else:
                transposed["output_shape"] = [s * 4 for s in strides]
                transposed["dilations"] = None
            x = values([integer(1, 2), c] + [4] * n, dtype)
            w = values([c, integer(1, 2)] + kernel, dtype)
            case(file, "ConvTranspose", [x, w] + pick([], [values([w.shape[1] * group], dtype)]), transposed)
    for _ in range(count):
        kernel, attributes = window(2)
        group = pick(1, 2)
        attributes["group"] = group
        xt, wt = pick((np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8))
        x, w = quantized([1, 2 * group, 5, 6], xt), quantized([2 * group, 2] + kernel, wt)
        zeros = pick([], [quantized([], xt)], [quantized([], xt), quantized([], wt)])
        case(file, "ConvInteger", [x, w] + zeros, attributes)
        m = w.shape[0]
        per_channel = pick([], [m])
        w_zero = quantized([], wt) if per_channel == [] else np.zeros([m], wt)
        w_scale = (random.integers(1, 16, per_channel) / 64).astype(np.float32)
        case(file, "QLinearConv",
             [x, np.float32(0.125), quantized([], xt), w, w_scale, w_zero,
              np.float32(8 + random.random()), quantized([], xt)]
             + pick([], [random.integers(-1000, 1000, [m]).astype(np.int32)]), attributes)


def pool(file, count):
    for n in (1, 2, 3):
        for _ in range(count):
            dtype = float_type()
            x = values([integer(1, 2), integer(1, 2)] + [integer(5, 8) for _ in range(n)], dtype)
            kernel, attributes = window(n)
            attributes["kernel_shape"] = kernel
            pads = attributes.get("pads")
            if pads:  # a pad must be smaller than its window
                attributes["pads"] = [min(p, k - 1) for p, k in zip(pads, kernel * 2)]
            if attributes.get("auto_pad") is None:
                attributes["ceil_mode"] = pick(None, 1)
            if dtype == np.float16:
                case(file, "MaxPool", [x.astype(np.float16)], attributes, how="ort")
            else:
                case(file, "MaxPool", [x], attributes | {"storage_order": pick(0, 1)}, outputs=(True, True), opset=12)
            case(file, "AveragePool", [x.astype(np.float32)], attributes | {"count_include_pad": pick(0, 1)})
            case(file, "LpPool", [x.astype(np.float32)], attributes | {"p": pick(1, 2, 3)})
            case(file, "GlobalAveragePool", [x])
            case(file, "GlobalMaxPool", [x.astype(np.float32)])  # the evaluator's is wrong in other types
            case(file, "GlobalLpPool", [x.astype(np.float32)], {"p": pick(1, 2, 3)})
    case(file, "MaxPool", [quantized([1, 2, 5, 5], np.uint8)], {"kernel_shape": [3, 2], "strides": [2, 2]})
    case(file, "MaxPool", [quantized([1, 2, 5, 5], np.int8)], {"kernel_shape": [3, 2], "pads": [1, 1, 1, 1]})


def matmul(file, count):
    shapes = [([3, 4], [4, 5]), ([4], [4]), ([4], [4, 3]), ([3, 4], [4]), ([2, 3, 4], [4, 2]), ([2, 1, 3, 4], [3, 4, 2]),
              ([4], [2, 4, 3]), ([2, 3, 4], [4]), ([1, 1], [1, 1]), ([0, 3], [3, 2]), ([2, 0], [0, 3]), ([5, 17], [17, 9]),
              ([3, 5, 2, 7], [1, 5, 7, 3])]
    for a, b in shapes:
        for dtype in {np.float32, pick(np.float64, np.float16, np.int32, np.uint32, np.int64, np.uint64)}:
            case(file, "MatMul", [values(a, dtype), values(b, dtype)], opset=13, how="ref" if 0 in a + b else "ort")
    for _ in range(2 * count):
        ta, tb, m, n, k = pick(0, 1), pick(0, 1), integer(1, 5), integer(1, 5), integer(1, 6)
        dtype = pick(np.float32, np.float64, np.float16, np.int32, np.int64)
        a, b = values([k, m] if ta else [m, k], dtype), values([n, k] if tb else [k, n], dtype)
        c = pick([], [values(pick([m, n], [n], [1, n], [m, 1], [1], []), dtype)])
        scales = {"alpha": pick(None, 0.5), "beta": pick(None, 2.0)} if np.issubdtype(dtype, np.floating) else {}
        case(file, "Gemm", [a, b] + c, {"transA": ta, "transB": tb} | scales, how="ref" if dtype in (np.int32, np.int64) else "ort")
    for _ in range(count):
        at, bt = pick((np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8))
        a, b = quantized([2, 3, 4], at), quantized([4, 5], bt)
        zeros = pick([], [quantized([], at)], [quantized([], at), quantized([], bt)], [quantized([], at), quantized([5], bt)])
        case(file, "MatMulInteger", [a, b] + zeros, how="ort")
        case(file, "QLinearMatMul", [a, np.float32(0.125), quantized([], at), b, np.float32(0.25),
                                     quantized([], bt), np.float32(7.3), quantized([], at)])


def norm(file, count):
    for _ in range(2 * count):
        dtype = float_type()
        shape = [integer(1, 3), integer(1, 4)] + [integer(1, 4) for _ in range(integer(0, 3))]
        c = shape[1]
        channel = lambda: values([c], dtype)
        positive = lambda: (values([c], dtype, 1, 16)).astype(dtype)
        case(file, "BatchNormalization", [values(shape, dtype), channel(), channel(), channel(), positive()],
             {"epsilon": pick(None, 0.01)}, opset=15, how="ort" if dtype != np.float16 else "ref")
        if len(shape) > 2:
            case(file, "InstanceNormalization", [values(shape, np.float32), values([c]), values([c])],
                 {"epsilon": pick(None, 0.1)}, how="ort", tolerance=1e-4)
            case(file, "LRN", [values(shape + [2] * (4 - len(shape)), np.float32)] if len(shape) <= 4 else [values([1, 5, 2, 2])],
                 {"size": pick(1, 3, 5), "alpha": pick(None, 0.1), "beta": pick(None, 0.5), "bias": pick(None, 2.0)}, opset=13)
            groups = pick(1, 2)
            case(file, "GroupNormalization", [values([2, 4] + shape[2:]), values([4]), values([4])],
                 {"num_groups": groups, "epsilon": pick(None, 0.1)}, how="ref", tolerance=1e-4)
        axis = integer(-len(shape), len(shape) - 1)
        tail = shape[axis:] if axis < 0 else shape[axis:]
        lowered = list(tail)
        if random.random() < 0.3:
            lowered[0] = 1
        case(file, "LayerNormalization", [values(shape, np.float32), values(lowered)] + pick([], [values(tail)]),
             {"axis": axis, "epsilon": pick(None, 0.1)}, outputs=(True, True, True), how="ref", opset=17, tolerance=1e-4)
        case(file, "RMSNormalization", [values(shape, np.float32), values(lowered)], {"axis": axis, "epsilon": pick(None, 0.1)},
             how="ref", opset=23, tolerance=1e-4)
        case(file, "LpNormalization", [values(shape, np.float32)], {"axis": axis, "p": pick(1, 2)}, how="ort")
    case(file, "BatchNormalization", [values([2, 3, 4]), values([3]), values([3]), values([3]), values([3], low=1)],
         {"training_mode": 1, "momentum": 0.75}, outputs=(True, True, True), opset=15, how="ref")
    case(file, "MeanVarianceNormalization", [values([2, 3, 4, 2])], {}, how="ref", opset=13, tolerance=1e-4)
    case(file, "MeanVarianceNormalization", [values([2, 3, 4])], {"axes": [1, -1]}, how="ref", opset=13, tolerance=1e-4)
    case(file, "LpNormalization", [np.zeros([2, 3], np.float32)], how="ref")


def resize(file, count):
    for n in (1, 2, 3):
        for _ in range(6 * count):
            shape = [1, integer(1, 2)] + [integer(2, 6) for _ in range(n)]
            mode = pick("nearest", "linear", "cubic")
            if n != 2 and mode == "cubic":
                mode = "linear"
            how = "ort"
            transformation = pick("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
            attributes = {"mode": mode, "coordinate_transformation_mode": transformation}
            if mode == "nearest":
                attributes["nearest_mode"] = pick("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
            if mode == "cubic":
                attributes["cubic_coeff_a"] = pick(None, -0.5)
                attributes["exclude_outside"] = pick(None, 1)
            if mode != "nearest" and n == 2 and random.random() < 0.3:
                attributes["antialias"] = 1
            x = values(shape, np.float32)
            if random.random() < 0.5:
                scales = np.array([1, 1] + [pick(0.5, 0.6, 0.75, 1.0, 1.5, 2.0, 2.5) for _ in range(n)], np.float32)
                if transformation == "half_pixel_symmetric":
                    how = "ref" if mode != "linear" else how
                case(file, "Resize", [x, None, scales], attributes, how=how, opset=19)
            else:
                sizes = np.array(shape[:2] + [integer(2, 9) for _ in range(n)], np.int64)
                case(file, "Resize", [x, None, None, sizes], attributes, how=how, opset=19)
    for policy in ("stretch", "not_larger", "not_smaller"):
        case(file, "Resize", [values([1, 1, 4, 5]), None, None, np.array([7, 8], np.int64)],
             {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}, how="ref", opset=19)
    for mode in ("nearest", "linear", "cubic"):
        roi = np.array([0.4, 0.6, 0.6, 0.8], np.float32)
        case(file, "Resize", [values([1, 1, 4, 4]), roi, None, np.array([3, 3], np.int64)],
             {"mode": mode, "axes": [2, 3], "coordinate_transformation_mode": "tf_crop_and_resize"}, how="ref", opset=19)
        roi = np.array([0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7], np.float32)
        case(file, "Resize", [values([1, 1, 4, 4]), roi, None, np.array([1, 1, 3, 3], np.int64)],
             {"mode": mode, "extrapolation_value": 10.0, "coordinate_transformation_mode": "tf_crop_and_resize"}, how="ref", opset=19)
    for dtype in (np.uint8, np.int32, np.float64, np.float16, np.int64):
        case(file, "Resize", [random.integers(0, 2, [1, 1, 3, 4]).astype(dtype), None, np.array([1, 1, 2, 2], np.float32)],
             {"mode": "nearest"}, how="ref", opset=19)


def rnn(file, count):
    for op, gates, functions in (("RNN", 1, 1), ("GRU", 3, 2), ("LSTM", 4, 3)):
        for _ in range(2 * count):
            direction = pick("forward", "reverse", "bidirectional")
            d = 2 if direction == "bidirectional" else 1
            steps, batch, inputs, hidden = integer(1, 4), integer(1, 3), integer(1, 3), integer(1, 4)
            attributes = {"hidden_size": hidden, "direction": direction}
            dtype = np.float32
            x = values([steps, batch, inputs], dtype)
            w, r = values([d, gates * hidden, inputs], dtype), values([d, gates * hidden, hidden], dtype)
            b = pick(None, values([d, 2 * gates * hidden], dtype))
            lens = pick(None, None, random.integers(1, steps + 1, [batch]).astype(np.int32))
            h = pick(None, values([d, batch, hidden], dtype))
            if random.random() < 0.5:
                names = ["Tanh", "Sigmoid", "Relu", "LeakyRelu", "HardSigmoid", "Elu", "Softsign", "ScaledTanh", "Affine", "Softplus", "ThresholdedRelu"]
                picked = [pick(*names) for _ in range(functions * d)]
                attributes["activations"] = picked
                defaults = {"LeakyRelu": (0.01, 0.), "HardSigmoid": (0.25, 0.5), "Elu": (0.5, 0.), "ScaledTanh": (0.75, 1.5),
                            "Affine": (0.5, 0.25), "ThresholdedRelu": (0.5, 0.)}
                attributes["activation_alpha"] = [defaults[f][0] for f in picked if f in defaults]
                attributes["activation_beta"] = [defaults[f][1] for f in picked if f in ("HardSigmoid", "ScaledTanh", "Affine")]
            attributes["clip"] = pick(None, 0.75)
            tail = []
            if op == "GRU":
                attributes["linear_before_reset"] = pick(0, 1)
            if op == "LSTM":
                tail = [pick(None, values([d, batch, hidden], dtype)), pick(None, values([d, 3 * hidden], dtype))]
                attributes["input_forget"] = pick(None, None, 1)
            case(file, op, [x, w, r, b, lens, h] + tail, attributes, outputs=(True, True, True)[:3 if op == "LSTM" else 2], opset=14)
        # Batch first is the same with other axes: neither evaluator has it.
        steps, batch, inputs, hidden = 3, 2, 2, 3
        x, h = values([steps, batch, inputs]), values([2, batch, hidden])
        weights = [values([2, gates * hidden, inputs]), values([2, gates * hidden, hidden]), None, None]
        attributes = {"hidden_size": hidden, "direction": "bidirectional"}
        y, y_h = evaluate(op, [x] + weights + [h], (True, True), attributes, "ort", 14)
        write(file, op, [x.transpose(1, 0, 2)] + weights + [h.transpose(1, 0, 2)], attributes | {"layout": 1},
              [y.transpose(2, 0, 1, 3), y_h.transpose(1, 0, 2)], TOLERANCE["f32"])


def quantize(file, count):
    import ml_dtypes

    integers = (np.uint8, np.int8, np.uint16, np.int16, ml_dtypes.int4, ml_dtypes.uint4)
    floats = (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2, ml_dtypes.float8_e5m2fnuz,
              ml_dtypes.float4_e2m1fn)

    def points(shape, dtype):
        if dtype in floats:
            return (random.integers(-64, 64, shape) / 8).astype(dtype)
        low, high = (int(ml_dtypes.iinfo(dtype).min), int(ml_dtypes.iinfo(dtype).max))
        return random.integers(low, high + 1, shape).astype(dtype)

    for dtype in integers + floats:
        for _ in range(count):
            shape = [integer(1, 3), integer(2, 4), integer(1, 5)]
            axis = integer(-3, 2)
            kind = pick("whole", "axis", "block")
            attributes = {"axis": axis}
            if kind == "block":
                attributes["block_size"] = integer(1, 2)
            scale_shape = {"whole": [], "axis": [shape[axis]],
                           "block": [-(-d // attributes.get("block_size", 1)) if i == axis % 3 else d for i, d in enumerate(shape)]}[kind]
            scale = (random.integers(1, 9, scale_shape) / 8).astype(np.float32)
            zero = points(scale_shape, dtype) if dtype in integers else np.zeros(scale_shape, dtype)
            x = (random.integers(-300, 300, shape) / pick(1, 16)).astype(np.float32)
            case(file, "QuantizeLinear", [x, scale, zero], attributes, how="ref", opset=23)
            case(file, "DequantizeLinear", [points(shape, dtype), scale] + pick([], [zero]), attributes, how="ref", opset=23)
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 300, -300, np.inf, -np.inf], np.float32)
    case(file, "QuantizeLinear", [x, np.float32(1)], how="ort", opset=13)
    case(file, "QuantizeLinear", [x, np.float32(1), np.int8(3)], how="ort", opset=13)
    for dtype in floats[:4]:
        x = np.array([0, -0.0, 1e-9, -1e-9, 0.001953125, 0.0029296875, 0.1, 17, 18, 19, 208, 232, 240, 248, 448, 464, 465, 480, 57344, 61439,
                      61440, 1e6, np.inf, -np.inf, np.nan, -480, -1e6], np.float32)
        case(file, "QuantizeLinear", [x, np.float32(1), np.zeros([], dtype)], {"saturate": 0}, how="ref", opset=23)
        case(file, "QuantizeLinear", [x[:-5], np.float32(1), np.zeros([], dtype)], {"saturate": 1}, how="ref", opset=23)
        every = np.arange(256, dtype=np.uint8).view(dtype)
        case(file, "DequantizeLinear", [every, np.float32(1)], how="ref", opset=23)
    case(file, "DequantizeLinear", [np.arange(-8, 8).astype(np.int32), np.float32(0.5)], how="ort", opset=13)
    case(file, "DequantizeLinear", [points([3, 4], np.int8), np.array([0.5, 0.25, 1], np.float16), points([3], np.int8)], {"axis": 0}, how="ref", opset=23)
    for x in (values([3, 4]), values([5], low=1), -values([5], low=1), np.zeros([3], np.float32)):
        case(file, "DynamicQuantizeLinear", [x.astype(np.float32)], outputs=(True, True, True), how="ort", opset=11, tolerance=1e-6)


def attention(file, count):
    for _ in range(6 * count):
        batch, kv_heads, group = integer(1, 2), integer(1, 2), pick(1, 2)
        heads, size, v_size = kv_heads * group, integer(1, 4), integer(1, 4)
        length, kv_length, past = integer(1, 4), integer(1, 4), pick(0, 0, 2)
        flat = pick(True, False)
        total = past + kv_length
        dtype = pick(np.float32, np.float32, np.float64, np.float16)
        shape = lambda h, n, d: [batch, n, h * d] if flat else [batch, h, n, d]
        attributes = {"is_causal": pick(0, 1), "scale": pick(None, 0.5), "softcap": pick(None, None, 1.5)}
        attributes["qk_matmul_output_mode"] = pick(1, 2, 3) if attributes["softcap"] else pick(0, 2, 3)
        if flat:
            attributes |= {"q_num_heads": heads, "kv_num_heads": kv_heads}
        mask_shape = pick([length, total], [batch, 1, length, total], [batch, heads, length, total], [heads, length, total])
        mask = pick(None, values(mask_shape, dtype), random.integers(0, 2, mask_shape).astype(np.bool_))
        if mask is not None and mask.dtype == np.bool_:
            mask[..., 0] = True  # a row without any key has no defined answer
            attributes["is_causal"] = 0  # the evaluator multiplies 0 by infinity
        inputs = [values(shape(heads, length, size), dtype), values(shape(kv_heads, kv_length, size), dtype),
                  values(shape(kv_heads, kv_length, v_size), dtype), mask]
        inputs += [values([batch, kv_heads, past, size], dtype), values([batch, kv_heads, past, v_size], dtype)] if past else [None, None]
        inputs.append(random.integers(1, total + 1, [batch]).astype(np.int64) if not past and random.random() < 0.3 else None)
        case(file, "Attention", inputs, attributes, outputs=(True, True, True, True), how="ref", opset=24,
             tolerance=None if dtype == np.float16 else 5e-5)  # the evaluator's scale is f32
    for _ in range(2 * count):
        batch, heads, length, size = integer(1, 2), integer(1, 3), integer(1, 4), 2 * integer(1, 4)
        rotary = pick(0, 2) if size > 2 else 0
        half = (rotary or size) // 2
        flat = pick(True, False)
        x = values([batch, length, heads * size] if flat else [batch, heads, length, size])
        attributes = {"num_heads": heads if flat else None, "interleaved": pick(0, 1), "rotary_embedding_dim": rotary}
        if random.random() < 0.5:
            caches = [values([6, half]), values([6, half]), random.integers(0, 6, [batch, length]).astype(np.int64)]
        else:
            caches = [values([batch, length, half]), values([batch, length, half])]
        case(file, "RotaryEmbedding", [x] + caches, attributes, how="ref", opset=23)
    for rule in ("linear", "gated", "delta", "gated_delta"):
        for _ in range(count):
            batch, steps, kv_heads, group, key, value = 2, integer(1, 3), integer(1, 2), pick(1, 2), integer(1, 3), integer(1, 3)
            gate = values([batch, steps, kv_heads * pick(1, key)], low=-16, high=0) if rule.startswith("gated") else None
            rate = values([batch, steps, pick(1, kv_heads)], low=0, high=8) if rule.endswith("delta") else None
            inputs = [values([batch, steps, kv_heads * group * key]), values([batch, steps, kv_heads * key]),
                      values([batch, steps, kv_heads * value]), pick(None, values([batch, kv_heads, key, value])), gate, rate]
            case(file, "LinearAttention", inputs, {"q_num_heads": kv_heads * group, "kv_num_heads": kv_heads, "update_rule": rule,
                                                   "scale": pick(None, 0.5)}, outputs=(True, True), how="ref", opset=27)
    for _ in range(2 * count):
        channels, kernel = integer(1, 3), integer(1, 4)
        case(file, "CausalConvWithState", [values([2, channels, integer(1, 5)]), values([channels, 1, kernel]), pick(None, values([channels])),
                                           pick(None, values([2, channels, kernel - 1]))],
             {"activation": pick("none", "silu")}, outputs=(True, True), how="ref", opset=27)


def image(file, count):
    for _ in range(4 * count):
        n = pick(1, 2, 2, 2, 3)
        shape = [integer(1, 2), integer(1, 2)] + [integer(2, 5) for _ in range(n)]
        mode = pick("linear", "nearest", "cubic")
        if n == 3 and mode == "cubic":
            mode = "linear"
        grid = (random.integers(-60, 61, [shape[0]] + [integer(1, 4) for _ in range(n)] + [n]) / 37).astype(np.float32)
        case(file, "GridSample", [values(shape), grid],
             {"mode": mode, "padding_mode": pick("zeros", "border", "reflection"), "align_corners": pick(0, 1)},
             how="ref" if n == 1 else "ort", opset=20, tolerance=1e-4)
    case(file, "GridSample", [values([1, 1, 3, 3]).astype(np.float64), values([1, 2, 2, 2]).astype(np.float64)], {"mode": "nearest"}, how="ref", opset=22)
    for align in (0, 1):
        case(file, "AffineGrid", [values([2, 2, 3]), np.array([2, 3, 4, 5], np.int64)], {"align_corners": align}, how="ref", opset=20)
        case(file, "AffineGrid", [values([1, 3, 4]), np.array([1, 2, 3, 2, 4], np.int64)], {"align_corners": align}, how="ref", opset=20)
    for _ in range(2 * count):
        x = values([2, 1, integer(4, 6), integer(4, 6)])
        rois = np.stack([random.random(4) * 4, random.random(4) * 4, 4 + random.random(4) * 6, 4 + random.random(4) * 6], 1).astype(np.float32)
        case(file, "RoiAlign", [x, rois.round(2), np.array([0, 1, 1, 0], np.int64)],
             {"output_height": integer(1, 3), "output_width": integer(1, 3), "sampling_ratio": pick(0, 2), "spatial_scale": pick(1.0, 0.5),
              "mode": pick("avg", "max"), "coordinate_transformation_mode": pick("half_pixel", "output_half_pixel")}, opset=16)
        rois = np.concatenate([random.integers(0, 2, [3, 1]), random.integers(-1, 4, [3, 2]), random.integers(3, 9, [3, 2])], 1).astype(np.float32)
        case(file, "MaxRoiPool", [x, rois], {"pooled_shape": [integer(1, 3), integer(1, 3)], "spatial_scale": pick(1.0, 0.5)}, opset=21)
    pooled = values([1, 2, 2, 2])
    indices = np.array([5, 7, 13, 15, 16, 18, 26, 31], np.int64).reshape(pooled.shape)
    case(file, "MaxUnpool", [pooled, indices], {"kernel_shape": [2, 2], "strides": [2, 2]})
    case(file, "MaxUnpool", [pooled, indices, np.array([1, 2, 5, 6], np.int64)], {"kernel_shape": [2, 2], "strides": [2, 2]}, how="ref")
    for _ in range(2 * count):
        group, offset_group = pick(1, 2), pick(1, 2)
        height, width = integer(3, 4), integer(3, 4)
        kernel, strides, pads = [integer(1, 3), integer(1, 3)], [integer(1, 2), integer(1, 2)], [integer(0, 1) for _ in range(4)]
        taps = kernel[0] * kernel[1]
        out = [(height + pads[0] + pads[2] - kernel[0]) // strides[0] + 1, (width + pads[1] + pads[3] - kernel[1]) // strides[1] + 1]
        inputs = [values([2, 4, height, width]), values([2 * group, 4 // group] + kernel),
                  (random.integers(-20, 20, [2, offset_group * taps * 2] + out) / 11).astype(np.float32), pick(None, values([2 * group])),
                  pick(None, values([2, offset_group * taps] + out))]
        case(file, "DeformConv", inputs, {"kernel_shape": kernel, "strides": strides, "pads": pads, "group": group, "offset_group": offset_group},
             how="ref", opset=22, tolerance=1e-4)
    for _ in range(2 * count):
        n = pick(2, 3)
        kernel, attributes = window(n)
        attributes.pop("auto_pad", None)
        size = [integer(5, 6) for _ in range(n)]
        strides, dilations, pads = (attributes.get("strides") or [1] * n, attributes.get("dilations") or [1] * n, attributes.get("pads") or [0] * 2 * n)
        blocks = int(np.prod([(size[i] + pads[i] + pads[n + i] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1 for i in range(n)]))
        x = values([1, 2 * int(np.prod(kernel)), blocks])
        case(file, "Col2Im", [x, np.array(size, np.int64), np.array(kernel, np.int64)],
             {"strides": strides, "dilations": dilations, "pads": pads}, how=pick("ref", "ort") if n == 2 else "ref", opset=18)
        case(file, "CenterCropPad", [values([4, 5, 3]), np.array([integer(1, 8), integer(1, 8)], np.int64)],
             {"axes": pick([0, 1], [-1, 0])}, how="ref", opset=18)
    case(file, "CenterCropPad", [values([4, 5], np.int32), np.array([3, 8], np.int64)], how="ref", opset=18)
    cache, update = values([2, 2, 4, 3]), values([2, 2, 2, 3])
    case(file, "TensorScatter", [cache, update, np.array([1, 2], np.int64)], how="ref", opset=24)
    case(file, "TensorScatter", [cache, update, np.array([3, 6], np.int64)], {"mode": "circular", "axis": 2}, how="ref", opset=24)
    case(file, "TensorScatter", [cache, update], how="ref", opset=24)


GROUPS = {"image": image, "quantize": quantize, "attention": attention, "conv": conv, "pool": pool, "matmul": matmul, "norm": norm, "resize": resize, "rnn": rnn}


def main(groups=GROUPS):
    global random
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--only", default=",".join(groups), help="groups: " + ", ".join(groups))
    parser.add_argument("--count", type=int, default=2, help="how many of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="say where ONNX Runtime could not be asked")
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    with open(arguments.file, "w") as file:
        for name in arguments.only.split(","):
            groups[name](file, arguments.count)


if __name__ == "__main__":
    main()
