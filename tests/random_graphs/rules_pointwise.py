"""Rules of operators that work element by element."""

from __future__ import annotations

import numpy as np

from .maker import FLOATS, INTEGERS, NUMBERS, SMALL, Call, Maker, Unfit, finite, rule
from .truth import is_float

# Ranges that keep results numbers, most of the time.
RANGES = {
    "Sqrt": (0, 9), "Log": (0.1, 9), "Reciprocal": (0.5, 8), "Asin": (-1, 1), "Acos": (-1, 1), "Acosh": (1, 6),
    "Atanh": (-0.9, 0.9), "Tan": (-1.2, 1.2),
}  # fmt: skip


@rule(
    "Abs", "Neg", "Sign", "Sqrt", "Reciprocal", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh",
    "Tanh", "Asinh", "Acosh", "Atanh", "Erf", "Floor", "Ceil", "Round", "Sigmoid", "Relu", "HardSwish", "Softplus",
    "Softsign", "Mish", "Not", "BitwiseNot", "IsNaN",
)  # fmt: skip
def unary(m: Maker, op: str) -> Call:
    low, high = RANGES.get(op, (-4, 4))
    fits = None
    if op in RANGES and m.chance(0.9):
        fits = lambda v: v.array.size == 0 or (v.array.min() >= low and v.array.max() <= high)
    x = m.tensor(m.type(op), fits, low=low, high=high, wild=True)
    return m.call(op, [x])


@rule("LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid", "Shrink", "Swish", "IsInf", "Gelu")
def unary_with_numbers(m: Maker, op: str) -> Call:
    x = m.tensor(m.type(op), wild=op not in ("Shrink",))
    numbers = {
        "LeakyRelu": ["alpha"], "Elu": ["alpha"], "Selu": ["alpha", "gamma"], "Celu": ["alpha"], "Swish": ["alpha"],
        "ThresholdedRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"], "Shrink": ["bias", "lambd"],
    }.get(op, [])  # fmt: skip
    attributes = {name: m.maybe(m.pick([0.25, 0.5, 1.0, 1.5, 2.0])) for name in numbers}
    if op == "IsInf":
        attributes = {name: m.maybe(m.integer(0, 1)) for name in ("detect_negative", "detect_positive")}
    if op == "Gelu":
        attributes = {"approximate": m.maybe(m.pick(["none", "tanh"]))}
    return m.call(op, [x], **attributes)


@rule("Add", "Sub", "Mul", "Div", "Mod", "Pow", "And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater",
      "GreaterOrEqual", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", "PRelu")  # fmt: skip
def binary(m: Maker, op: str) -> Call:
    kind = m.type(op)
    comparing = op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
    low, high = {"Pow": (0, 3), "Div": (1, 8), "Mod": (1, 8), "BitShift": (0, 7)}.get(op, (-4, 4))
    x = m.tensor(kind, wild=comparing, low=0 if op == "Pow" else -4)
    if op == "PRelu":
        # The slope broadcasts to the input, not both to each other.
        shape = tuple(d if m.chance(0.5) else 1 for d in m.array(x).shape)
        return m.call(op, [x, m.tensor(kind, shape=shape[m.integer(0, len(shape)) if shape else 0 :])])
    if op == "Pow" and m.chance(0.4):
        other = m.type(op, 1)
        if other in INTEGERS or other in FLOATS:
            y = m.leaf(m.data(other, m.broadcastable(m.array(x).shape), 0, 3))
            return powers(m, x, y)
    if m.chance(0.1) and op not in ("Div", "Mod", "BitShift", "Pow"):
        return m.call(op, [x, x])
    y = m.like(x, low=low, high=high, wild=comparing)
    if m.chance(0.3) and op not in ("Div", "Mod", "BitShift", "Pow"):
        x, y = y, x
    if op == "Pow":
        return powers(m, x, y)
    a, b = m.array(x), m.array(y)
    if op in ("Div", "Mod") and not is_float(a.dtype) and (b == 0).any():
        raise Unfit("a division by zero")
    if op == "Div" and not is_float(a.dtype) and a.dtype.kind == "i" and (a == np.iinfo(a.dtype).min).any():
        raise Unfit("a quotient that does not fit")
    attributes = {}
    if op == "Mod":
        attributes["fmod"] = 1 if is_float(a.dtype) else m.maybe(m.integer(0, 1))
    if op == "BitShift":
        attributes["direction"] = m.pick(["LEFT", "RIGHT"])
        if (b >= a.dtype.itemsize * 8).any():
            raise Unfit("a shift beyond the width")
    return m.call(op, [x, y], **attributes)


def powers(m: Maker, x: str, y: str) -> Call:
    a, b = m.array(x), m.array(y)
    if not is_float(a.dtype) and (is_float(b.dtype) and (b != np.round(b.astype(float))).any() or (b < 0).any()):
        raise Unfit("an integer has no such power")
    if is_float(a.dtype) and (a < 0).any() and m.chance(0.9):
        raise Unfit("a negative number has no such power")
    return m.call("Pow", [x, y])


@rule("Max", "Min", "Sum", "Mean")
def variadic(m: Maker, op: str) -> Call:
    x = m.tensor(m.type(op))
    return m.call(op, [x, *(m.like(x) for _ in range(m.weighted({0: 0.5, 1: 3, 2: 2, 3: 1})))])


@rule("Where")
def where(m: Maker) -> Call:
    x = m.tensor(m.type("Where", 1), wild=True)
    y = m.like(x, wild=True)
    return m.call("Where", [m.tensor("bool", shape=m.broadcastable(m.array(x).shape)), x, y])


@rule("Clip")
def clip(m: Maker) -> Call:
    kind = m.type("Clip")
    x = m.tensor(kind)
    low = float(np.asarray(m.data(kind, (), -3, 0)).astype(np.float64))
    high = float(np.asarray(m.data(kind, (), 0, 3)).astype(np.float64))
    if m.since("Clip") < 11:
        return m.call("Clip", [x], min=m.maybe(low), max=m.maybe(high))
    dtype = m.array(x).dtype
    ends = [m.leaf(np.asarray(end, dtype)) if m.chance(0.7) else None for end in (low, high)]
    return m.call("Clip", [x, *ends])


def castable(m: Maker, op: str, x: str, to: str) -> None:
    array = m.array(x)
    if array.dtype == object or to == "string":
        raise Unfit("texts of numbers are another test's")
    if is_float(array.dtype) and to not in FLOATS and to != "bool":
        wide = array.astype(np.float64)
        least = 0 if to.startswith("u") else -8
        if not finite(array) or (wide <= least - 1).any() or (wide > (3 if "2" in to[:6] else 120)).any():
            raise Unfit("a number that does not fit")


@rule("Cast")
def cast(m: Maker) -> Call:
    x = m.tensor(m.type("Cast"))
    names = [n for n in m.types("Cast", "T2") if n in FLOATS + INTEGERS + ("bool",)]
    to = m.pick(m.types("Cast", "T2") if m.chance(0.2) else names)
    castable(m, "Cast", x, to)
    saturate = m.maybe(m.integer(0, 1)) if m.opset >= 19 and to in SMALL and to.startswith("float8") else None
    return m.call("Cast", [x], to=NUMBERS[to], saturate=saturate)


@rule("CastLike")
def cast_like(m: Maker) -> Call:
    x = m.tensor(m.type("CastLike"))
    y = m.tensor(m.pick([n for n in m.types("CastLike", "T2") if n in FLOATS + INTEGERS + ("bool",)]))
    castable(m, "CastLike", x, m.find(y).type)
    return m.call("CastLike", [x, y])


@rule("BitCast")
def bit_cast(m: Maker) -> Call:
    x = m.tensor(m.type("BitCast", among=FLOATS + INTEGERS))
    size = m.array(x).dtype.itemsize
    sizes = {"float": 4, "double": 8, "float16": 2, "bfloat16": 2} | {n: np.dtype(n).itemsize for n in INTEGERS}
    return m.call("BitCast", [x], to=NUMBERS[m.pick([n for n, s in sizes.items() if s == size])])


@rule("Dropout")
def dropout(m: Maker) -> Call:
    x = m.tensor(m.type("Dropout"))
    outputs = m.integer(1, 2) if m.opset >= 10 else 1
    if m.since("Dropout") < 12:
        return m.call("Dropout", [x], outputs, ratio=m.maybe(0.25))
    mode = m.leaf(np.array(False), True) if m.chance(0.3) else None
    return m.call("Dropout", [x, m.leaf(np.array(0.25, np.float32), True) if m.chance(0.5) else None, mode], outputs)


@rule("Identity")
def identity(m: Maker) -> Call:
    return m.call("Identity", [m.tensor(m.type("Identity"), wild=True)])
