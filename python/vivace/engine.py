"""Engines: built from a model or loaded from a plan, and run on arrays."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core, arrays
from .network import Network

_FORMS = {"text": 0, "json": 1, "html": 2, "graph": 3, "dot": 4, "summary": 5, "svg": 6}


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output of an engine."""

    name: str
    dtype: np.dtype
    shape: tuple[int | str | None, ...] | None  # a name or None where a size is not fixed; None: any rank
    min: tuple[int, ...] = ()  # of inputs: shapes that run
    opt: tuple[int, ...] = ()  # and run fastest
    max: tuple[int, ...] = ()  # -1: no limit


@dataclasses.dataclass(frozen=True)
class Layer:
    """What one layer took, in seconds per run."""

    name: str
    op: str
    tactic: str
    seconds: float


def _infos(core: list[dict[str, Any]]) -> list[TensorInfo]:
    return [TensorInfo(**{**info, "dtype": arrays.numpy_dtype(info["dtype"])}) for info in core]


class Engine:
    """A plan ready to run, from any number of threads at once. vivace.build() and vivace.load() make engines."""

    def __init__(
        self,
        plan: _core.Plan,
        threads: int | None = None,
        strict: bool = False,
        memory_limit: int = 0,
        device: str | None = None,
    ) -> None:
        self._plan = plan
        self._core = _core.Engine(plan, threads or 0, strict, memory_limit, device or "")
        self._numbers = [info["dtype"] for info in self._core.inputs]
        self.inputs = _infos(self._core.inputs)
        self.outputs = _infos(self._core.outputs)

    @property
    def threads(self) -> int:
        """Threads of one run."""
        return self._core.threads

    @property
    def notice(self) -> str:
        """Why the plan was adapted to this machine or version; empty where it was not."""
        return self._core.notice

    @property
    def report(self) -> dict[str, Any]:
        """How the plan was built."""
        text = self._plan.report(_FORMS["json"])
        return json.loads(text) if text else {}

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of weights, and of activations of each run at once, at the optimum shapes."""
        return dict(zip(("weight_bytes", "activation_bytes", "largest_live_bytes"), self._core.memory()))

    def report_as(self, form: str) -> str:
        """The report as text, summary, json or html; all but json only of an engine just built."""
        return self._plan.report(_FORMS[form])

    def run(self, inputs: Sequence[Any] | Mapping[str, Any], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Runs one inference.

        Inputs are arrays in the engine's order, or by name: of NumPy, or anything with DLPack or the buffer protocol.
        They are not copied where they are contiguous. `outputs` names those wanted, in place of all.
        """
        made = self._core.run(self._prepared(inputs))
        if outputs is not None:
            index = {info.name: i for i, info in enumerate(self.outputs)}
            unknown = [name for name in outputs if name not in index]
            if unknown:
                raise KeyError(f"there is no output {unknown[0]!r}; there are: {', '.join(index)}")
            made = [made[index[name]] for name in outputs]
        return [arrays.from_core(x) for x in made]

    def profile(self, inputs: Sequence[Any] | Mapping[str, Any], runs: int = 10) -> list[Layer]:
        """Times each layer over some runs, after one to warm up."""
        context = _core.Context(self._core, 0)
        prepared = self._prepared(inputs)
        context.run(prepared)
        context.set_profiling(True)
        for _ in range(runs):
            context.run(prepared)
        return [Layer(name, op, tactic, seconds / max(n, 1)) for name, op, tactic, seconds, n in context.profile()]

    def inspect(self, form: str = "json") -> Any:
        """What the engine runs: layers with tactics, times, memory. A dict, or text for text, graph, dot and svg."""
        text = self._core.inspect(_FORMS[form])
        return json.loads(text) if form == "json" else text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the plan to a file."""
        self._plan.save(os.fspath(path))

    def to_bytes(self) -> bytes:
        """The bytes of the plan."""
        return self._plan.to_memory()

    def _prepared(self, inputs: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        if isinstance(inputs, Mapping):
            names = [info.name for info in self.inputs]
            for name in inputs:
                if name not in names:
                    raise KeyError(f"there is no input {name!r}; there are: {', '.join(names)}")
            missing = [name for name in names if name not in inputs]
            if missing:
                raise KeyError(f"input {missing[0]!r} is missing")
            inputs = [inputs[name] for name in names]
        if len(inputs) != len(self._numbers):
            return list(inputs)  # the engine says how many it takes
        return [arrays.to_core(x, number) for x, number in zip(inputs, self._numbers)]


def load(
    plan: str | os.PathLike[str] | bytes,
    threads: int | None = None,
    strict: bool = False,
    memory_limit: int = 0,
    device: str | None = None,
) -> Engine:
    """Loads a plan from its file or bytes. `strict` refuses one of another version or machine.

    device: "cpu", "cuda" or "cuda:1"; without it what the plan was made for, or the CPU where that is not here.
    """
    if isinstance(plan, (bytes, bytearray, memoryview)):
        core = _core.Plan.from_memory(np.frombuffer(plan, dtype=np.uint8))
    else:
        core = _core.Plan.load(os.fspath(plan))
    return Engine(core, threads, strict, memory_limit, device)


def build(
    model: Any,
    plan_path: str | os.PathLike[str] | None = None,
    *,
    device: str | None = None,
    threads: int | None = None,
    shapes: Mapping[str, Any] | None = None,
    effort: int | None = None,
    time_budget: float | None = None,
    workspace_limit: int | None = None,
    memory_limit: int | None = None,
    timing_cache: str | os.PathLike[str] | None = None,
    force_tactics: Sequence[str] = (),
    disable_tactics: Sequence[str] = (),
    disable_passes: Sequence[str] = (),
    portable: bool = True,
    progress: bool | Callable[[str, float], Any] = False,
) -> Engine:
    """Builds an engine for this machine.

    model         a path to an ONNX file, its bytes, an onnx.ModelProto, or a Network
    plan_path     where to save the plan
    device        "cpu", "cuda", "cuda:1", or "sm_90" and the like for a GPU that is not here
    shapes        by input: a shape, or (min, opt, max); a dimension of max may be -1, no limit
    effort        0: estimates only, 3: the default, 5: every candidate is timed
    time_budget   seconds of tuning
    timing_cache  a file of measured times, read and added to
    progress      True shows a bar on a terminal; a callable gets (phase, fraction), and False from it cancels
    """
    network = model if isinstance(model, Network) else Network.from_onnx(model)
    config = _core.Config()
    for setting, value in (
        (config.device, device),
        (config.threads, threads),
        (config.effort, effort),
        (config.time_budget, time_budget),
        (config.workspace_limit, workspace_limit),
        (config.memory_limit, memory_limit),
        (config.timing_cache, os.fspath(timing_cache) if timing_cache is not None else None),
        (config.portable, portable),
    ):
        if value is not None:
            setting(value)
    for name, given in (shapes or {}).items():
        ranged = len(given) == 3 and not all(isinstance(d, (int, np.integer)) for d in given)
        config.shape(name, *([list(map(int, s)) for s in given] if ranged else [list(map(int, given))] * 3))
    for setting, names in (
        (config.force_tactic, force_tactics),
        (config.disable_tactic, disable_tactics),
        (config.disable_pass, disable_passes),
    ):
        for name in names:
            setting(name)
    callback = progress if callable(progress) else _show if progress and sys.stderr.isatty() else None
    plan = _core.build(network._core, config, callback)
    if callback is _show:
        sys.stderr.write("\r\033[K")
    if plan_path is not None:
        plan.save(os.fspath(plan_path))
    return Engine(plan, threads)


def _show(phase: str, fraction: float) -> bool:
    filled = int(fraction * 40)
    sys.stderr.write(f"\r\033[K[{'#' * filled}{' ' * (40 - filled)}] {fraction:4.0%} {phase}")
    sys.stderr.flush()
    return True
