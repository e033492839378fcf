"""Models of one of ONNX Runtime's operators, run by it and by Vivace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import vivace
from onnx import helper

random = np.random.default_rng(7)


@dataclass
class Case:
    op: str
    inputs: list[np.ndarray | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: str = "x"  # one character each: x is compared, o is made but not compared, - left out
    tolerance: float = 2e-5  # of differences relative to 1 + |expected|; of integers themselves
    domain: str = "com.microsoft"
    constants: tuple[int, ...] = ()  # inputs that are weights of the model
    expected: list[np.ndarray] | None = None  # where ONNX Runtime has no kernel
    like: Case | None = None  # where its kernel lacks a form: the same in another
    runtime: dict[int, tuple[str, ...]] = field(default_factory=dict)  # inputs with dimensions that are not known

    def __str__(self) -> str:
        shapes = ",".join("-" if x is None else "x".join(map(str, x.shape)) or "1" for x in self.inputs)
        return f"{self.op}({shapes})" + "".join(f" {k}={v}" for k, v in self.attributes.items())


def normal(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return random.standard_normal(shape).astype(dtype)


def integers(low: int, high: int, shape: Any, dtype: Any = np.int64) -> np.ndarray:
    return random.integers(low, high, shape).astype(dtype)


def scalar(value: float, dtype: Any = np.float32) -> np.ndarray:
    return np.array(value, dtype)


def model_of(case: Case, opset: int = 21) -> onnx.ModelProto:
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(case.inputs)]
    results = [f"y{i}" if kind != "-" else "" for i, kind in enumerate(case.outputs)]
    node = helper.make_node(case.op, names, results, name="node", domain=case.domain, **case.attributes)
    given = {i: x for i, x in enumerate(case.inputs) if x is not None}
    infos = [
        helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(x.dtype), case.runtime.get(i, x.shape))
        for i, x in given.items()
        if i not in case.constants
    ]
    weights = [onnx.numpy_helper.from_array(given[i], f"x{i}") for i in case.constants]
    made = [helper.make_value_info(n, onnx.TypeProto()) for n in results if n]
    graph = helper.make_graph([node], "graph", infos, made, weights)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=10)


def feeds_of(case: Case) -> dict[str, np.ndarray]:
    return {f"x{i}": x for i, x in enumerate(case.inputs) if x is not None and i not in case.constants}


def expected_of(case: Case, model: onnx.ModelProto) -> list[np.ndarray]:
    if case.expected is not None:
        return case.expected
    if case.like is not None:
        return expected_of(case.like, model_of(case.like))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds_of(case))


def check(case: Case) -> None:
    model = model_of(case)
    expected = expected_of(case, model)
    feeds = feeds_of(case)
    symbols = any(isinstance(d, str) for dims in case.runtime.values() for d in dims)
    ranges = {name: (x.shape,) * 3 for name, x in feeds.items()} if symbols else None
    engine = vivace.build(model, effort=0, threads=1, **({"shapes": ranges} if ranges else {}))
    results = engine.run(feeds)
    for name, want, got in zip([info.name for info in engine.outputs], expected, results):
        if case.outputs[int(name[1:])] == "o":
            continue
        assert got.shape == want.shape, f"{name} is {got.shape}, should be {want.shape}"
        assert got.dtype == want.dtype, f"{name} is {got.dtype}, should be {want.dtype}"
        a, b = want.astype(np.float64), got.astype(np.float64)
        size = 1 + np.abs(a) if want.dtype.kind == "f" else 1
        far = ~(np.abs(a - b) <= case.tolerance * size) & ~(np.isnan(a) & np.isnan(b)) & (a != b)
        assert not far.any(), (
            f"{name}: {int(far.sum())} of {far.size} differ, by up to {np.abs(a - b).max()}\n{want}\n{got}"
        )
