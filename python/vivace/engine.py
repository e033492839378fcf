"""Engines: built from a model or loaded from a plan, and run on arrays."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core, arrays, gpu
from .network import Network
from .plugins import load_plugins

_PRECISIONS = {"fp32": 0, "fp16": 1, "bf16": 2, "int8": 4, "tf32": 8}
_FORMS = {"text": 0, "json": 1, "html": 2, "graph": 3, "dot": 4, "summary": 5, "svg": 6}


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output of an engine: an array; a list (kind "sequence"), something or None ("optional"), a dict ("map")."""

    name: str
    dtype: np.dtype
    shape: tuple[int | str | None, ...] | None  # a name or None where a size is not fixed; None: any rank
    min: tuple[int, ...] = ()  # of inputs: shapes that run
    opt: tuple[int, ...] = ()  # and run fastest
    max: tuple[int, ...] = ()  # -1: no limit
    kind: str = "tensor"
    key: np.dtype | None = None  # of a map
    element: TensorInfo | None = None  # of a sequence, optional or map; None where it is unknown


@dataclasses.dataclass(frozen=True)
class Layer:
    """What one layer took, in seconds per run."""

    name: str
    op: str
    tactic: str
    seconds: float


def _infos(core: list[dict[str, Any]]) -> list[TensorInfo]:
    return [_info(info) for info in core]


def _info(core: dict[str, Any]) -> TensorInfo:
    made = {**core, "dtype": arrays.numpy_dtype(core["dtype"]), "element": core["element"] and _info(core["element"])}
    made["key"] = arrays.numpy_dtype(core["key"]) if core["kind"] == "map" else None
    return TensorInfo(**made)


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
        self._kinds = self._core.inputs, self._core.outputs
        self._numbers = [info["dtype"] for info in self._core.inputs]
        self.inputs = _infos(self._core.inputs)
        self.outputs = _infos(self._core.outputs)
        self._output_numbers = [info["dtype"] for info in self._core.outputs]
        self._pool = gpu.Pool(self._core)
        self._of_thread = threading.local()
        self._pinned: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0"."""
        return self._core.device

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

    def run(
        self, inputs: Sequence[Any] | Mapping[str, Any], outputs: Sequence[str] | None = None, stream: Any = None
    ) -> list[Any]:
        """Runs one inference.

        Inputs are arrays in the engine's order, or by name: of NumPy, or anything with DLPack or the buffer protocol.
        They are not copied where they are contiguous. Sequences are lists of arrays, optionals None or what they hold,
        maps dicts; so they come back. `outputs` names those wanted, in place of all.

        Where an input lies in GPU memory (a torch or cupy tensor, anything with DLPack or __cuda_array_interface__), or
        `stream` is given, the run is queued on that stream, else on the current one of the input's library; the call
        returns before it is done. Inputs are used where they are, and stay as they are until then; outputs are
        DeviceArrays, which torch.from_dlpack() and the like take without a copy. Runs that one thread queues follow each
        other, those of several may overlap.
        """
        values = self._in_order(inputs)
        if stream is not None or any(map(gpu.is_on_gpu, values)):
            made = self._queue(values, gpu.stream_of(stream, values))
        else:
            made = self._core.run(self._prepared(values))
            made = [arrays.value_from_core(x, info) for x, info in zip(made, self._kinds[1])]
        if outputs is not None:
            index = {info.name: i for i, info in enumerate(self.outputs)}
            unknown = [name for name in outputs if name not in index]
            if unknown:
                raise KeyError(f"there is no output {unknown[0]!r}; there are: {', '.join(index)}")
            made = [made[index[name]] for name in outputs]
        return made

    def wait(self, stream: Any = 0) -> None:
        """Waits until all that is queued on a stream of the engine's GPU is done."""
        self._core.wait(gpu.stream_of(stream, []))

    def pinned(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """An array in memory of the host that the engine's GPU reads by itself: run(..., stream=s) makes no copy of it."""
        array = arrays.from_core(self._core.allocate(False, arrays.type_number(dtype), list(shape)).numpy())
        self._pinned[array.ctypes.data] = array
        return array

    def _queue(self, values: list[Any], stream: int) -> list[gpu.DeviceArray]:
        if not hasattr(self._of_thread, "context"):
            self._of_thread.context = _core.Context(self._core, 0)
        keep: list[Any] = []
        tensors = [self._on_gpu(x, i, stream, keep) for i, x in enumerate(values)]
        leases = [
            self._pool.take(number, self._core.output_shape(tensors, i), stream)
            for i, number in enumerate(self._output_numbers)
        ]
        self._of_thread.context.enqueue(tensors, [lease.tensor for lease in leases], stream)
        return [
            gpu.DeviceArray(lease, info.dtype, self._core, stream, keep) for lease, info in zip(leases, self.outputs)
        ]

    def _on_gpu(self, value: Any, i: int, stream: int, keep: list[Any]) -> _core.Tensor:
        """An input where the GPU can read it; `keep` holds copies and what must outlive the run."""
        name = self.inputs[i].name if i < len(self.inputs) else str(i)
        if gpu.is_on_gpu(value):
            return gpu.to_core(value, name, self._core, stream)
        value = np.asarray(value) if hasattr(value, "__array__") else value
        array = arrays.to_core(value, self._numbers[i] if i < len(self._numbers) else 0)
        if not isinstance(array, np.ndarray):
            raise TypeError(f"input {name!r} cannot be brought to the GPU by a run on a stream; bring it there first")
        if self._pinned.get(array.ctypes.data) is not value:
            pinned = self.pinned(array.shape, array.dtype)
            pinned[...] = array
            array = pinned
        keep.append(array)
        return _core.Tensor.wrap(arrays.type_number(array.dtype), list(array.shape), array.ctypes.data)

    def profile(self, inputs: Sequence[Any] | Mapping[str, Any], runs: int = 10) -> list[Layer]:
        """Times each layer over some runs, after one to warm up."""
        context = _core.Context(self._core, 0)
        prepared = self._prepared(self._in_order(inputs))
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

    def _in_order(self, inputs: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        if not isinstance(inputs, Mapping):
            return list(inputs)
        names = [info.name for info in self.inputs]
        for name in inputs:
            if name not in names:
                raise KeyError(f"there is no input {name!r}; there are: {', '.join(names)}")
        missing = [name for name in names if name not in inputs]
        if missing:
            raise KeyError(f"input {missing[0]!r} is missing")
        return [inputs[name] for name in names]

    def _prepared(self, values: list[Any]) -> list[Any]:
        if len(values) != len(self._numbers):
            return values  # the engine says how many it takes
        return [arrays.value_to_core(x, info) for x, info in zip(values, self._kinds[0])]


def load(
    plan: str | os.PathLike[str] | bytes,
    threads: int | None = None,
    strict: bool = False,
    memory_limit: int = 0,
    device: str | None = None,
    plugins: Sequence[str | os.PathLike[str]] = (),
) -> Engine:
    """Loads a plan from its file or bytes. `strict` refuses one of another version or machine.

    device: "cpu", "cuda" or "cuda:1"; without it what the plan was made for, or the CPU where that is not here.
    plugins: libraries with operators that Vivace lacks, to load first.
    """
    for path in plugins:
        load_plugins(path)
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
    precision: str | Sequence[str] = "fp32",
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
    tactic_sources: Sequence[str] = (),
    compare_vendors: bool = False,
    portable: bool = True,
    plugins: Sequence[str | os.PathLike[str]] = (),
    progress: bool | Callable[[str, float], Any] = False,
) -> Engine:
    """Builds an engine for this machine.

    model         a path to an ONNX file, its bytes, an onnx.ModelProto, or a Network
    plan_path     where to save the plan
    device        "cpu", "cuda", "cuda:1", or "sm_90" and the like for a GPU that is not here
    precision     "fp32", the model's own types; "fp16" or "bf16" on a GPU: fewer bits inside, inputs and outputs as they are;
                  "tf32": f32 whose products a GPU may round to 11 bits
    shapes        by input: a shape, or (min, opt, max); a dimension of max may be -1, no limit
    effort        0: estimates only, 3: the default, 5: every candidate is timed
    time_budget   seconds of tuning
    timing_cache  a file of measured times, read and added to
    disable_passes   passes of the optimizer to leave out; "all": the graph runs as the model says it
    tactic_sources   "cudnn", "cublaslt": libraries that may run layers of a GPU where they are fastest; the plan needs them
    compare_vendors  times those libraries for the report, which says for each layer who is faster
    plugins       libraries with operators that Vivace lacks, to load first
    progress      True shows a bar on a terminal; a callable gets (phase, fraction), and False from it cancels
    """
    for path in plugins:
        load_plugins(path)
    network = model if isinstance(model, Network) else Network.from_onnx(model)
    config = _core.Config()
    for setting, value in (
        (config.device, device),
        (config.precision, _flags(precision)),
        (config.threads, threads),
        (config.effort, effort),
        (config.time_budget, time_budget),
        (config.workspace_limit, workspace_limit),
        (config.memory_limit, memory_limit),
        (config.timing_cache, os.fspath(timing_cache) if timing_cache is not None else None),
        (config.tactic_sources, ",".join(tactic_sources)),
        (config.compare_vendors, compare_vendors),
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


def _flags(precision: str | Sequence[str]) -> int:
    flags = 0
    for name in [precision] if isinstance(precision, str) else precision:
        if name not in _PRECISIONS:
            raise ValueError(f"there is no precision {name!r}; there are: {', '.join(_PRECISIONS)}")
        flags |= _PRECISIONS[name]
    return flags


def _show(phase: str, fraction: float) -> bool:
    filled = int(fraction * 40)
    sys.stderr.write(f"\r\033[K[{'#' * filled}{' ' * (40 - filled)}] {fraction:4.0%} {phase}")
    sys.stderr.flush()
    return True
