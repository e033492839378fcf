"""Makes random graphs. Each node is evaluated as soon as it is made, so shapes and values are known all along."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from . import truth
from .truth import EPSILON, Unfit, is_float

NEWEST = onnx.defs.onnx_opset_version()
NEWEST_ML = onnx.defs.get_schema("TreeEnsemble", domain="ai.onnx.ml").since_version
# Opset 7 is the first with today's broadcasting, and the first that other runtimes still run.
OLDEST = 7

# How often a type is taken where an operator allows it.
TYPE_WEIGHTS = {
    "float": 14, "double": 2, "float16": 2, "bfloat16": 0.7, "int64": 2, "int32": 2, "bool": 1, "string": 0.5,
    "uint8": 1, "int8": 1, "uint16": 0.3, "int16": 0.3, "uint32": 0.3, "uint64": 0.3, "int4": 0.1, "uint4": 0.1,
    "int2": 0.05, "uint2": 0.05, "float8e4m3fn": 0.1, "float8e4m3fnuz": 0.1, "float8e5m2": 0.1, "float8e5m2fnuz": 0.1,
    "float4e2m1": 0.1,
}  # fmt: skip
NUMBERS = {
    name: getattr(onnx.TensorProto, {"float": "FLOAT", "double": "DOUBLE"}.get(name, name.upper()))
    for name in TYPE_WEIGHTS
}
NUMPY = {
    name: np.dtype(object) if name == "string" else np.dtype(helper.tensor_dtype_to_np_dtype(number))
    for name, number in NUMBERS.items()
}
NAMES = {dtype: name for name, dtype in NUMPY.items()}
FLOATS = ("float", "double", "float16", "bfloat16")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SMALL = (
    "int4",
    "uint4",
    "int2",
    "uint2",
    "float4e2m1",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
)
MAX_ELEMENTS = 3000
WORDS = ["", "a", "b", "A b", "cat", "Cats", "1", "-2.5", "the", "of", "naïve", "x"]


@dataclasses.dataclass
class Value:
    name: str
    array: Any
    shadow: Any  # what the array is where every rounding goes another way: how far results may be apart
    leaf: bool = False
    constant: bool = False
    declared: list[Any] | None = None  # dimensions of a run-time input: numbers, symbols, None; None: any rank

    @property
    def type(self) -> str:
        return NAMES.get(self.array.dtype, "") if isinstance(self.array, np.ndarray) else ""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


@dataclasses.dataclass
class Call:
    """A node in the making."""

    op: str
    inputs: list[str]
    outputs: int = 1
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    domain: str = ""
    captures: list[str] = dataclasses.field(default_factory=list)
    left_out: tuple[int, ...] = ()  # outputs without a name


@dataclasses.dataclass
class Node:
    proto: onnx.NodeProto
    reads: list[str]
    writes: list[str]


Rule = Callable[["Maker"], Call]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Callable[..., Call]], Callable[..., Call]]:
    """Makes a function the rule of operators; one that takes a second argument gets the operator's name."""

    def note(function: Callable[..., Call]) -> Callable[..., Call]:
        takes_name = function.__code__.co_argcount == 2
        for name in names:
            RULES[name] = (lambda m, name=name: function(m, name)) if takes_name else function
        return function

    return note


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.values: list[Value] = []
        self.nodes: list[Node] = []
        self.refused: list[tuple[str, str]] = []
        self.last: str | None = None
        self.opset = NEWEST if self.chance(0.5) else int(self.rng.integers(OLDEST, NEWEST + 1))
        self.opset_ml = int(self.rng.integers(1, NEWEST_ML + 1)) if self.opset < 15 else NEWEST_ML
        self.count = 0
        # Models are declared in one of three ways: with numbers, with symbols, or anyhow.
        self.declaring = self.pick(["numbers", "numbers", "symbols", "any"])

    # -- chance

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def weighted(self, options: dict[Any, float]) -> Any:
        keys = list(options)
        weights = np.array([options[k] for k in keys], float)
        return keys[int(self.rng.choice(len(keys), p=weights / weights.sum()))]

    def integer(self, low: int, high: int) -> int:
        """Both ends included."""
        return int(self.rng.integers(low, high + 1))

    def maybe(self, value: Any, p: float = 0.5) -> Any:
        """A value, or None: attributes that are None are left out."""
        return value if self.chance(p) else None

    def dim(self) -> int:
        return self.weighted({0: 0.3, 1: 5, 2: 6, 3: 6, 4: 4, 5: 3, 7: 2, 8: 2, 11: 0.6, 16: 0.6, 17: 0.4})

    def shape(self, rank: int | None = None, zero: bool = True) -> tuple[int, ...]:
        if rank is None:
            rank = self.weighted({0: 1, 1: 3, 2: 5, 3: 5, 4: 4, 5: 1, 6: 0.5})
        while True:
            shape = tuple(self.dim() for _ in range(rank))
            if np.prod(shape, dtype=np.int64) <= MAX_ELEMENTS and (zero or 0 not in shape):
                return shape

    def axis(self, rank: int, low: int | None = None) -> int:
        """Counted from the front or the back."""
        if rank == 0:
            raise Unfit("a scalar has no axis")
        axis = self.integer(0, rank - 1)
        return axis - rank if self.chance(0.4) else axis

    def axes(self, rank: int, least: int = 1) -> list[int]:
        n = self.integer(min(least, rank), rank)
        axes = [int(a) for a in self.rng.permutation(rank)[:n]]
        return [a - rank if self.chance(0.2) else a for a in axes]

    # -- types

    def schema(self, op: str, domain: str = "") -> onnx.defs.OpSchema:
        version = self.opset_ml if domain == "ai.onnx.ml" else self.opset
        return onnx.defs.get_schema(op, version, domain)

    def has_op(self, op: str) -> bool:
        """Whether the model's opsets have it; names outside of the standard's own domain are qualified."""
        domain, _, name = op.rpartition(".")
        try:
            return not self.schema(name, domain).deprecated
        except onnx.defs.SchemaError:
            return False

    def since(self, op: str) -> int:
        return self.schema(op).since_version

    def types(self, op: str, where: int | str = 0, domain: str = "") -> list[str]:
        """The element types of an input (by number), or of a type parameter."""
        schema = self.schema(op, domain)
        strings: Any
        if isinstance(where, str):
            strings = next(c.allowed_type_strs for c in schema.type_constraints if c.type_param_str == where)
        else:
            strings = schema.inputs[min(where, len(schema.inputs) - 1)].types
        inner = [s[len("tensor(") : -1] for s in strings if s.startswith("tensor(")]
        return [name for name in TYPE_WEIGHTS if name in inner]  # the schema has them in no order

    def type(self, op: str, where: int | str = 0, among: Sequence[str] | None = None, domain: str = "") -> str:
        names = [n for n in self.types(op, where, domain) if among is None or n in among]
        if not names:
            raise Unfit("no such type")
        # The type of the value before, mostly, so that nodes follow each other.
        before = self.find(self.last).type if self.last else ""
        if before in names and self.chance(0.7):
            return before
        return self.weighted({n: TYPE_WEIGHTS[n] for n in names})

    # -- values

    def find(self, name: str) -> Value:
        return next(v for v in self.values if v.name == name)

    def array(self, name: str) -> np.ndarray:
        return self.find(name).array

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def data(
        self, dtype: str, shape: Sequence[int], low: float = -4, high: float = 4, wild: bool = False
    ) -> np.ndarray:
        """Random elements. Floats are quarters, whose sums and products are exact, or anything between the ends."""
        shape, kind = tuple(shape), NUMPY[dtype]
        if dtype == "string":
            made = np.empty(shape, object)
            for i in np.ndindex(*shape):
                made[i] = self.pick(WORDS)
            return made
        if dtype == "bool":
            return self.rng.random(shape) < 0.5
        if is_float(kind):
            if self.chance(0.4):
                x = self.rng.integers(np.ceil(low * 4), np.floor(high * 4) + 1, shape) / 4 if high - low >= 1 else low
            else:
                x = self.rng.uniform(low, high, shape)
            x = np.asarray(np.broadcast_to(x, shape), np.float64).copy()
            if wild and self.chance(0.15) and x.size and dtype in FLOATS:
                special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-6, 60000, -1e4, 88, -88])
                where = self.rng.random(shape) < 0.2
                x[where] = special[self.rng.integers(0, len(special), int(where.sum()))]
            return x.astype(kind)
        ends = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}.get(dtype)
        if ends is None:
            ends = (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
        if wild and self.chance(0.15):
            return self.rng.integers(
                ends[0], ends[1], shape, endpoint=True, dtype=np.int64 if ends[1] < 2**63 else np.uint64
            ).astype(kind)
        bottom, top = max(ends[0], int(np.ceil(low))), min(ends[1], int(np.floor(high)))
        return self.rng.integers(bottom, max(top, bottom), shape, endpoint=True).astype(kind)

    def leaf(self, array: Any, constant: bool | None = None) -> str:
        """A new constant or run-time input."""
        array = np.asarray(array) if not isinstance(array, list) else array
        name = self.fresh()
        if constant is None:
            constant = self.chance(0.4)
        declared = None if constant or isinstance(array, list) else self.declare(array.shape)
        self.values.append(Value(name, array, array, True, constant, declared))
        return name

    def declare(self, shape: tuple[int, ...]) -> list[Any] | None:
        if self.declaring == "numbers":
            return list(shape)
        if self.declaring == "any" and self.chance(0.4):
            return None
        symbols: list[Any] = []
        for i, d in enumerate(shape):
            kind = self.pick(["number", "shared", "own", "none"])
            symbols.append({"number": d, "shared": f"d{d}", "own": f"s{self.count}_{i}", "none": None}[kind])
        return symbols

    def constants(self, values: Any, dtype: Any = np.int64, p: float = 0.75) -> str:
        """Small arrays that say what to do: axes, shapes, sizes."""
        return self.leaf(np.array(values, dtype), self.chance(p))

    def tensor(
        self,
        dtype: str | Sequence[str],
        fits: Callable[[Value], bool] | None = None,
        shape: Sequence[int] | None = None,
        rank: int | None = None,
        low: float = -4,
        high: float = 4,
        wild: bool = False,
        constant: bool | None = None,
        reuse: float = 0.85,
        zero: bool = True,
    ) -> str:
        """A value that was there, the last one rather than others, or a new one."""
        names = [dtype] if isinstance(dtype, str) else list(dtype)

        def good(v: Value) -> bool:
            return (
                v.type in names
                and (shape is None or v.shape == tuple(shape))
                and (rank is None or len(v.shape) == rank)
                and (wild or finite(v.array))
                and (zero or v.array.size > 0)
                and (fits is None or fits(v))
            )

        if self.chance(reuse) and constant is None:
            found = [v for v in self.values if not v.constant and good(v)]
            if found and found[-1].name == self.last and self.chance(0.8):
                return found[-1].name
            made = [v for v in found if not v.leaf] or found
            if made:
                return self.pick(made).name
        for _ in range(20):
            name = names[0] if len(names) == 1 else self.weighted({n: TYPE_WEIGHTS[n] for n in names})
            array = self.data(name, shape if shape is not None else self.shape(rank, zero), low, high, wild)
            if fits is None or fits(Value("", array, array)):
                return self.leaf(array, constant)
        raise Unfit("nothing fits")

    def like(
        self, name: str, shape: Sequence[int] | None = None, low: float = -4, high: float = 4, wild: bool = False
    ) -> str:
        """Of the same type as a value: another one of this shape, or of a shape that broadcasts with it."""
        value = self.find(name)
        return self.tensor(
            value.type, shape=self.broadcastable(value.shape) if shape is None else shape, low=low, high=high, wild=wild
        )

    def broadcastable(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.chance(0.4):
            return shape
        other = [1 if self.chance(0.3) else d for d in shape]
        other = other[self.integer(0, len(other)) :] if self.chance(0.4) else other
        other = [self.pick([2, 3, 5]) if d == 1 and self.chance(0.1) and np.prod(shape) < 500 else d for d in other]
        return (1, *other) if self.chance(0.05) else tuple(other)

    @staticmethod
    def kind_of(array: np.ndarray) -> str:
        return NAMES.get(array.dtype, "")

    # -- nodes

    def call(self, op: str, inputs: Sequence[str | None], outputs: int = 1, domain: str = "", captures: Sequence[str] = (),
             left_out: tuple[int, ...] = (), **attributes: Any) -> Call:  # fmt: skip
        names = ["" if name is None else name for name in inputs]
        while names and not names[-1]:
            names.pop()
        return Call(
            op, names, outputs, {k: v for k, v in attributes.items() if v is not None}, domain, list(captures), left_out
        )

    def step(self, op: str) -> bool:
        """Adds a node of this operator; False where that came to nothing."""
        before, count = len(self.values), self.count
        try:
            call = RULES[op](self)
            self.add(call)
            return True
        except Unfit as unfit:
            self.refused.append((op, str(unfit)))
        del self.values[before:]
        self.count = count
        return False

    def add(self, call: Call) -> list[str]:
        names = ["" if i in call.left_out else self.fresh() for i in range(call.outputs)]
        proto = helper.make_node(
            call.op, call.inputs, names, f"n{len(self.nodes)}", domain=call.domain, **call.attributes
        )
        reads = list(dict.fromkeys(name for name in [*call.inputs, *call.captures] if name))
        values = [self.find(name) for name in reads]
        results = truth.evaluate(proto, values, self.opset, self.opset_ml, self.rng)
        made = [Value(name, *pair) for name, pair in zip(names, results) if name]
        for v in made:
            if isinstance(v.array, np.ndarray) and v.array.size > 20000:
                raise Unfit("too large")
            if isinstance(v.array, np.ndarray) and v.array.size and not finite(v.array) and self.chance(0.5):
                raise Unfit("not a number")
        self.values += made
        self.nodes.append(Node(proto, reads, [v.name for v in made]))
        self.last = made[0].name if made else self.last
        return [v.name for v in made]


def finite(array: Any) -> bool:
    if not isinstance(array, np.ndarray) or not is_float(array.dtype):
        return True
    return bool(np.isfinite(array.astype(np.float64)).all())


__all__ = ["EPSILON", "FLOATS", "INTEGERS", "Call", "Maker", "RULES", "Unfit", "Value", "rule"]
