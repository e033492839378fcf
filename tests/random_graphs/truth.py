"""What a node gives: the standard's own evaluator says it, ONNX Runtime where that is known to be wrong or has nothing.

Each float is evaluated twice. The second time, the *shadow*, inputs of operators that round are a few roundings apart; the
difference says how much of a result's digits are worth comparing, through any chain of nodes. Nodes whose shadow has
another shape or other integers depend on how something was rounded, and are left out.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from .exceptions import (
    ADDS,
    CANCELS,
    COMPARES,
    EXACT,
    PICKS,
    ROUNDS_LATE,
    ROUNDS_TO_INTEGERS,
    SINGLE,
    SQUARES,
    STEPS,
    WRONG_IN_EVALUATOR,
    WRONG_IN_ONNXRUNTIME,
    Fact,
    attribute,
)

# One rounding, relative. Small types are wider apart: what is 1 for one is the next number for another.
EPSILON = {
    "float64": 1.2e-16, "float32": 6e-8, "float16": 4.9e-4, "bfloat16": 3.9e-3, "float8_e4m3fn": 0.0625,
    "float8_e4m3fnuz": 0.0625, "float8_e5m2": 0.125, "float8_e5m2fnuz": 0.125, "float4_e2m1fn": 0.25,
}  # fmt: skip
ROUNDINGS = 4  # between shadow and value at each operator
CHAOTIC = 0.02  # of the largest value: a difference above says that the graph only shows rounding


class Unfit(Exception):
    """A node that cannot be made, or that nobody can evaluate."""


def is_float(dtype: np.dtype) -> bool:
    return np.dtype(dtype).name in EPSILON


def element_type(array: np.ndarray) -> int:
    return onnx.TensorProto.STRING if array.dtype.kind in "OUS" else helper.np_dtype_to_tensor_dtype(array.dtype)


def value_info(name: str, value: Any, dims: list[Any] | None = None, ranked: bool = True) -> onnx.ValueInfoProto:
    return helper.make_value_info(name, type_of(value, dims, ranked))


def type_of(value: Any, dims: list[Any] | None = None, ranked: bool = True) -> onnx.TypeProto:
    if isinstance(value, list):
        inner = type_of(value[0], None, False) if value else helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)
        return helper.make_sequence_type_proto(inner)
    shape = (list(value.shape) if dims is None else dims) if ranked else None
    return helper.make_tensor_type_proto(element_type(value), shape)


def opset_imports(opset: int, opset_ml: int) -> list[onnx.OperatorSetIdProto]:
    return [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", opset_ml)]


def node_model(proto: onnx.NodeProto, values: list[Any], opset: int, opset_ml: int) -> onnx.ModelProto:
    inputs = [value_info(v.name, v.array) for v in values]
    outputs = [onnx.ValueInfoProto(name=name) for name in proto.output if name]
    graph = helper.make_graph([proto], "node", inputs, outputs)
    return helper.make_model(graph, opset_imports=opset_imports(opset, opset_ml), ir_version=10)


def evaluate(
    proto: onnx.NodeProto, values: list[Any], opset: int, opset_ml: int, rng: np.random.Generator
) -> list[tuple[Any, Any]]:
    """Pairs of value and shadow, one for each output that has a name or was left out."""
    model = node_model(proto, values, opset, opset_ml)
    inferred = checked(model)
    feeds = {v.name: v.array for v in values}
    if near_tie(proto, values):
        raise Unfit("depends on rounding")
    if proto.op_type in SQUARES and squares_overflow(values[0].array):
        raise Unfit("squares beyond what their type holds, where the standard leaves open how they are added up")
    arrays = run(proto, model, inferred, feeds, opset)
    if proto.op_type == "ReduceProd" and any(map(has_nan, arrays)) and not any(map(has_nan, feeds.values())):
        raise Unfit("an infinity times zero, or not, by the order of the factors")
    exact = proto.op_type in EXACT
    single = proto.op_type in SINGLE
    shadows_in = {v.name: v.shadow if exact else moved(v.shadow, rng, single=single) for v in values}
    if all(shadows_in[name] is feeds[name] for name in feeds):
        shadows = arrays
    else:
        shadows = run(proto, model, inferred, shadows_in, opset)
    if not exact:
        most = max([x.size for x in feeds.values() if isinstance(x, np.ndarray)], default=1)
        shadows = [moved(s, rng, max(1, most**0.5 / 4) if proto.op_type in ADDS else 1) for s in shadows]
    return list(zip_named(proto, [pair(proto, a, s) for a, s in zip(arrays, shadows)]))


def squares_overflow(array: np.ndarray) -> bool:
    if array.dtype.kind in "iu":
        most = float(np.iinfo(array.dtype).max)
    elif is_float(array.dtype):
        most = float(np.finfo(np.float64 if array.dtype == np.float64 else np.float32).max)
    else:
        return False
    with np.errstate(all="ignore"):
        return bool(np.square(array.astype(np.float64)).sum() > most)


def has_nan(array: np.ndarray) -> bool:
    return is_float(array.dtype) and bool(np.isnan(array.astype(np.float64)).any())


def near_tie(proto: onnx.NodeProto, values: list[Any]) -> bool:
    """Whether two of the numbers that are compared may be either way round, each as far off as compare() lets it be."""
    if proto.op_type not in COMPARES | PICKS | STEPS.keys() or not is_float(values[0].array.dtype):
        return False
    if proto.op_type in STEPS:
        x, off = values[0].array.astype(np.float64), tolerance(values[0])
        to = attribute(proto, "to") if proto.op_type == "Cast" else element_type(values[-1].array)
        if proto.op_type.startswith("Cast") and is_float(helper.tensor_dtype_to_np_dtype(to)):
            return False
        step = np.sign if to == onnx.TensorProto.BOOL else STEPS[proto.op_type]
        with np.errstate(all="ignore"):
            return bool((step(x - off) < step(x + off)).any())
    if proto.op_type in COMPARES:
        named = {v.name: v for v in values}
        a, b = (named[name] for name in proto.input)
        return a is not b and bool(np.any(closer(a.array, b.array, tolerance(a) + tolerance(b))))
    x, margin = values[0].array, tolerance(values[0])
    if x.ndim == 0 or x.size == 0:
        return False
    axis = attribute(proto, "axis", -1 if proto.op_type == "Hardmax" else 0)
    wide = x.astype(np.float64)
    best = (wide.min if proto.op_type == "ArgMin" else wide.max)(axis=axis, keepdims=True)
    return bool((closer(wide, best, margin + margin.max(axis=axis, keepdims=True)).sum(axis=axis) > 1).any())


def closer(a: np.ndarray, b: np.ndarray, margin: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return (np.abs(a.astype(np.float64) - b.astype(np.float64)) <= margin) & (margin > 0)


def tolerance(value: Any) -> np.ndarray:
    """How far each element may be off; nothing where no operator before has rounded."""
    if value.shadow is value.array or (value.shadow == value.array).all():
        return np.zeros(value.array.shape)
    return allowed(value.array, value.shadow)


def zip_named(proto: onnx.NodeProto, pairs: list[tuple[Any, Any]]) -> Any:
    given = iter(pairs)
    return [next(given) if name else (None, None) for name in proto.output]


def checked(model: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """Types of the outputs; what the standard's own inference refuses is no valid model."""
    try:
        made = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        if all(o.type.tensor_type.HasField("shape") for o in made.graph.output):  # the checker insists on shapes
            onnx.checker.check_model(made)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError) as error:
        raise Unfit("invalid: " + first_line(error)) from None
    return {o.name: o.type for o in made.graph.output}


def first_line(error: BaseException) -> str:
    lines = [line for line in str(error).strip().split("\n") if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:160]}"


def moved(value: Any, rng: np.random.Generator, times: float = 1, single: bool = False) -> Any:
    """A few roundings away, up or down at random; those of f32 where doubles become that."""
    if isinstance(value, list):
        return [moved(v, rng, times, single) for v in value]
    if not isinstance(value, np.ndarray) or value.dtype.name not in EPSILON:
        return value
    epsilon = max(EPSILON[value.dtype.name], EPSILON["float32"] if single else 0)
    sign = rng.integers(0, 2, value.shape) * 2 - 1
    with np.errstate(all="ignore"):
        return np.asarray(value.astype(np.float64) * (1 + sign * times * ROUNDINGS * epsilon)).astype(value.dtype)


def run(
    proto: onnx.NodeProto,
    model: onnx.ModelProto,
    inferred: dict[str, onnx.TypeProto],
    feeds: dict[str, Any],
    opset: int,
) -> list[Any]:
    problem = ""
    for runtime, wrong_in in [(run_evaluator, WRONG_IN_EVALUATOR), (run_onnxruntime, WRONG_IN_ONNXRUNTIME)]:
        if why := distrusted(wrong_in, proto, opset, feeds):
            problem = problem or f"{runtime.__name__} {why}"
            continue
        try:
            arrays = runtime(model, feeds)
        except Unfit as unfit:
            problem = problem or str(unfit)
            continue
        named = [name for name in proto.output if name]
        wrong = next((name for name, a in zip(named, arrays) if not agrees(a, inferred.get(name))), None)
        if wrong is None:
            return arrays
        problem = problem or f"{runtime.__name__} gives another type than inference"
    raise Unfit(problem)


def distrusted(
    wrong_in: list[tuple[str, Fact, str]], proto: onnx.NodeProto, opset: int, feeds: dict[str, Any]
) -> str | None:
    return next(
        (why for ops, when, why in wrong_in if re.fullmatch(ops, proto.op_type) and when(proto, opset, feeds)), None
    )


def agrees(value: Any, type_proto: onnx.TypeProto | None) -> bool:
    """True where a result has the type and shape that inference says."""
    if isinstance(value, list) or type_proto is None or type_proto.WhichOneof("value") != "tensor_type":
        return isinstance(value, list) and (type_proto is None or type_proto.HasField("sequence_type"))
    if not isinstance(value, np.ndarray) or element_type(value) != type_proto.tensor_type.elem_type:
        return False
    if not type_proto.tensor_type.HasField("shape"):
        return True
    dims = type_proto.tensor_type.shape.dim
    return len(dims) == value.ndim and all(
        not d.HasField("dim_value") or d.dim_value == n for d, n in zip(dims, value.shape)
    )


def run_evaluator(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = ReferenceEvaluator(model).run(None, {k: copied(v) for k, v in feeds.items()})
    except Exception as error:  # whatever it stumbles over
        raise Unfit("evaluator: " + first_line(error)) from None
    return [tidy(x) for x in made]


def copied(value: Any) -> Any:
    return [copied(v) for v in value] if isinstance(value, list) else value.copy()


def tidy(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [tidy(v) for v in value]
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "US" else array


def run_onnxruntime(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    import onnxruntime

    model = older(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    onnxruntime.set_default_logger_severity(4)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if any(isinstance(x, np.ndarray) and x.dtype.name not in PLAIN for x in feeds.values()):
        raise Unfit("ONNX Runtime takes no such arrays")
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [tidy(x) for x in session.run(None, feeds)]
    except Exception as error:  # its errors have no common class
        raise Unfit("ONNX Runtime: " + first_line(error)) from None


def older(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model for a runtime that does not know the newest opsets: with the oldest in which its nodes mean the same."""
    newest = next(o.version for o in model.opset_import if not o.domain)
    versions = [1]

    def visit(graph: onnx.GraphProto) -> None:
        for node in graph.node:
            if not node.domain:
                versions.append(onnx.defs.get_schema(node.op_type, newest).since_version)
            for held in node.attribute:
                if held.type == onnx.AttributeProto.GRAPH:
                    visit(held.g)

    visit(model.graph)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for o in copy.opset_import:
        if not o.domain:
            o.version = min(newest, max(*versions, 13))
    return copy


PLAIN = {
    "float64", "float32", "float16", "bool", "object", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
}  # fmt: skip


def pair(proto: onnx.NodeProto, value: Any, shadow: Any) -> tuple[Any, Any]:
    """Checks that the two are near enough to be worth comparing."""
    if isinstance(value, list):
        if len(value) != len(shadow):
            raise Unfit("depends on rounding")
        both = [pair(proto, v, s) for v, s in zip(value, shadow)]
        return [v for v, _ in both], [s for _, s in both]
    if value.shape != shadow.shape:
        raise Unfit("depends on rounding")
    if is_float(value.dtype):
        apart = difference(value, shadow)
        wide = value.astype(np.float64)
        largest = np.abs(wide[np.isfinite(wide)]).max(initial=0)
        if apart > max(CHAOTIC, 16 * EPSILON[value.dtype.name]) * largest + 1e-6:
            raise Unfit("depends on rounding")
        name = "float32" if proto.op_type in SINGLE and value.dtype == np.float64 else value.dtype.name
        extra = (np.abs(wide) + 8 * (proto.op_type in CANCELS)) * EPSILON[name]
        if name != value.dtype.name or proto.op_type in CANCELS:
            with np.errstate(all="ignore"):
                shadow = (shadow.astype(np.float64) - extra).astype(value.dtype)
        if (np.isfinite(wide) != np.isfinite(shadow.astype(np.float64))).any():
            raise Unfit("depends on rounding")
        return value, shadow
    if proto.op_type in ROUNDS_LATE:
        return value, np.where(value < np.iinfo(value.dtype).max, value + 1, value).astype(value.dtype)
    if value is shadow or (value == shadow).all():
        return value, value
    if proto.op_type in ROUNDS_TO_INTEGERS and value.dtype.kind in "iu" and difference(value, shadow) <= 1:
        return value, shadow
    raise Unfit("depends on rounding")


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest among what is finite in both."""
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(apart[np.isfinite(apart)].max(initial=0))


def allowed(value: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    """Shadows are 4 roundings apart at each node; orders of sums and other formulas make some more."""
    with np.errstate(all="ignore"):
        roundings = 16 * EPSILON[value.dtype.name] * np.abs(value.astype(np.float64))
        return 8 * difference(value, shadow) + roundings + np.finfo(np.float32).tiny


def compare(got: Any, value: Any, shadow: Any) -> str:
    """Why a result is wrong; empty where it is right."""
    if isinstance(value, list):
        if not isinstance(got, list) or len(got) != len(value):
            return f"{len(got) if isinstance(got, list) else type(got).__name__} elements of a sequence, expected {len(value)}"
        return next((why for g, v, s in zip(got, value, shadow) if (why := compare(g, v, s))), "")
    if got is None:
        return "nothing"
    got = np.asarray(got)
    if value.dtype == object:
        if got.shape != value.shape or not (got.astype(str) == value.astype(str)).all():
            return "strings differ"
        return ""
    if got.dtype != value.dtype:
        return f"type {got.dtype}, expected {value.dtype}"
    if got.shape != value.shape:
        return f"shape {got.shape}, expected {value.shape}"
    if not is_float(value.dtype):
        # One step where rounding decides which integer it is.
        if value is shadow and (got == value).all() or difference(got, value) <= difference(value, shadow):
            return ""
        return f"{int((got != value).sum())} of {got.size} elements differ"
    epsilon = EPSILON[value.dtype.name]
    a, b = got.astype(np.float64), value.astype(np.float64)
    with np.errstate(all="ignore"):
        largest = float(ml_dtypes.finfo(value.dtype).max)
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= allowed(value, shadow))
        # Beyond the largest number by no more than rounding: one has an infinity.
        same |= (
            (np.isinf(a) != np.isinf(b))
            & (np.minimum(np.abs(a), np.abs(b)) > largest * (1 - 32 * epsilon))
            & (np.sign(a) == np.sign(b))
        )
    if same.all():
        return ""
    first = np.unravel_index(int(np.argmin(same)), same.shape)
    place = tuple(int(i) for i in first)
    return f"{int((~same).sum())} of {got.size} elements differ: {a[first]:.7g} at {place}, expected {b[first]:.7g}"
