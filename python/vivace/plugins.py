"""Operators that Vivace lacks: classes in Python, and libraries of compiled ones."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from . import _core, arrays

_Class = TypeVar("_Class", bound=type)
_TEXT, _TENSOR, _TEXTS = 3, 4, 8  # of ONNX's AttributeType
_STRING = _core.dtype_from_name("string")


@dataclass(frozen=True)
class TensorType:
    """What is known of a tensor while a plugin infers."""

    dtype: np.dtype
    shape: tuple[int | str | None, ...] | None  # a dimension is a number, a name, or unknown; None: not even the rank
    value: np.ndarray | None = None  # the elements of an input, where they are known before the model runs


@dataclass(frozen=True)
class Node:
    """The node that a plugin's object is made for."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)  # its attributes; tensors are arrays
    input_count: int = 0
    output_count: int = 0


class GpuTensor:
    """A tensor in a GPU's memory, for cupy.asarray(), torch.as_tensor() and whatever takes __cuda_array_interface__."""

    def __init__(self, dtype: np.dtype, shape: tuple[int, ...], address: int, read_only: bool) -> None:
        self.dtype, self.shape, self.address, self._read_only = dtype, shape, address, read_only

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        # NumPy has no bfloat16 of its own: the bits, then.
        typestr = f"<u{self.dtype.itemsize}" if self.dtype.kind == "V" else self.dtype.str
        data = (self.address, self._read_only)
        return {"shape": self.shape, "typestr": typestr, "data": data, "version": 3, "strides": None, "stream": None}


def plugin(
    domain: str, name: str | None = None, version: int = 1, *, varies: bool = False
) -> Callable[[_Class], _Class]:
    """Registers a class as the plugin for nodes of the operator `domain`.`name` (the class's name where none is given).

    Objects are made with a Node, one for each node of a model, and may be called from several threads. They have
    - infer(inputs): TensorTypes (None for inputs left out) -> a list of a TensorType or (dtype, shape) for each output, or
      the TensorType of the only one; `return inputs[0]` where they are the same. Also called
      with unknown dimensions, and again with those of a run; names of dimensions are those of inputs.
    - run(inputs, outputs): on the CPU, with arrays. Writes to `outputs`, or returns arrays for them; those whose shapes
      infer() left open are None in `outputs` and have to be returned.
    - and/or enqueue(inputs, outputs, stream): on a GPU, with GpuTensors, puts its work into the stream, which may be
      under capture into a CUDA graph: it must not wait, and what it allocates must last.
    - perhaps supports(on_gpu, inputs, outputs) -> bool: whether it works there on TensorTypes like these.
    varies: equal inputs may give other outputs.
    """

    def register(made: _Class) -> _Class:
        on_cpu, on_gpu = hasattr(made, "run"), hasattr(made, "enqueue")
        if not hasattr(made, "infer") or not (on_cpu or on_gpu):
            raise TypeError(f"{made.__name__} lacks infer(), or both run() and enqueue()")
        called = name or made.__name__
        _core.add_plugin(domain, called, version, varies, _Factory(made), on_cpu, on_gpu, hasattr(made, "supports"))
        return made

    return register


def remove_plugin(domain: str, name: str, version: int = 1) -> None:
    """Takes a plugin from the registry, for another of its name and version. Engines that have it keep it."""
    _core.remove_plugin(domain, name, version)


def load_plugins(path: str | os.PathLike[str]) -> None:
    """Loads a library of plugins (docs/plugins.md) into the process; again does nothing."""
    _core.load_plugins(os.fspath(path))


def list_plugins() -> list[dict[str, Any]]:
    """The plugins that are registered."""
    return json.loads(_core.list_plugins())


class _Factory:
    def __init__(self, made: type) -> None:
        self._class = made

    def create(self, name: str, fields: dict[str, tuple[int, Any]], inputs: int, outputs: int) -> _Instance:
        node = Node(name, {key: _field(*value) for key, value in fields.items()}, inputs, outputs)
        return _Instance(self._class(node))


class _Instance:
    """What the module calls: between its tuples and the arrays of the class."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def infer(self, inputs: list[tuple], count: int) -> list[tuple[int, Any]]:
        made = self._of.infer([_type(raw) for raw in inputs])
        made = [made] if isinstance(made, TensorType) else made
        made = [(x.dtype, x.shape) if isinstance(x, TensorType) else x for x in made]
        if len(made) != count:
            raise ValueError(f"infer() tells of {len(made)} outputs, the node has {count}")
        return [
            (arrays.type_number(dtype), None if shape is None else tuple(map(_dim, shape))) for dtype, shape in made
        ]

    def supports(self, on_gpu: bool, inputs: list[tuple], outputs: list[tuple]) -> bool:
        return bool(self._of.supports(on_gpu, [_type(raw) for raw in inputs], [_type(raw) for raw in outputs]))

    def run(self, call: _core.PluginCall) -> None:
        raws = call.outputs
        outputs = [None if raw[1] is None or raw[0] == _STRING else _array(raw, True) for raw in raws]
        made = self._of.run([_array(raw, False) for raw in call.inputs], list(outputs))
        if made is None:
            made = outputs
        elif isinstance(made, np.ndarray):
            made = [made]
        if len(made) != len(raws):
            raise ValueError(f"run() gives {len(made)} outputs, the node has {len(raws)}")
        for i, (value, raw) in enumerate(zip(made, raws)):
            if value is not None:
                _give(call, i, np.asarray(value), raw, outputs[i])

    def enqueue(self, call: _core.PluginCall) -> None:
        inputs = [_gpu_tensor(raw, True) for raw in call.inputs]
        outputs = [_gpu_tensor(raw, False) for raw in call.outputs]
        self._of.enqueue(inputs, outputs, call.stream)


def _dim(d: int | str | None) -> int | str | None:
    return d if d is None or isinstance(d, str) else int(d)


def _field(kind: int, value: Any) -> Any:
    if kind == _TEXT:
        return value.decode(errors="surrogateescape")
    if kind == _TEXTS:
        return [text.decode(errors="surrogateescape") for text in value]
    return _array(value, False).copy() if kind == _TENSOR else value


def _type(raw: tuple) -> TensorType | None:
    number, dims, symbols, address, *_ = raw
    if not number:
        return None
    shape = dims
    if dims is not None:
        names: Sequence[str | None] = symbols or (None,) * len(dims)
        shape = tuple(s if d < 0 else d for d, s in zip(dims, names))
    return TensorType(arrays.numpy_dtype(number), shape, _array(raw, False) if address else None)


def _memory(address: int, size: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8) if size else np.empty(0, np.uint8)


def _array(raw: tuple, writable: bool) -> np.ndarray | None:
    """The tensor's memory; of types packed in less than a byte a copy."""
    number, shape, _, address, size, texts = raw
    if not number:
        return None
    if number == _STRING:
        return arrays.from_core((number, shape, texts))
    data = _memory(address, size)
    if arrays.bits_below_byte(number):
        return arrays.from_core((number, shape, data))
    array = data.view(arrays.numpy_dtype(number)).reshape(shape)
    array.flags.writeable = writable
    return array


def _give(call: _core.PluginCall, i: int, value: np.ndarray, raw: tuple, output: np.ndarray | None) -> None:
    number = raw[0]
    if not call.allocate(i, list(value.shape)):
        return  # the run fails, with the reason
    if number == _STRING:
        for k, text in enumerate(value.reshape(-1).tolist()):
            call.set_string(i, k, text if isinstance(text, bytes) else str(text).encode())
        return
    packed = arrays.bits_below_byte(number)
    if output is value and not packed:
        return
    to = call.outputs[i]
    value = value.astype(arrays.numpy_dtype(number), casting="same_kind", copy=False)
    if packed:
        _memory(to[3], to[4])[:] = arrays.to_core(value, number)[2]
    else:
        _array(to, True)[...] = value


def _gpu_tensor(raw: tuple, read_only: bool) -> GpuTensor | None:
    number, shape, _, address, *_ = raw
    return GpuTensor(arrays.numpy_dtype(number), shape, address, read_only) if number else None
