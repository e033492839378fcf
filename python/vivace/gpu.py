"""Arrays in a GPU's memory: what an engine takes and gives where its inputs are there already.

Whatever has DLPack or __cuda_array_interface__ goes in (torch, cupy, numba, jax); outputs have both, so that
torch.from_dlpack(output) and cupy.asarray(output) share their memory.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core, arrays

CUDA = 2  # of DLPack's devices
_KEPT = 8  # pieces of memory of one kind, for the next runs


class DeviceArray:
    """An output in the memory of an engine's GPU, ready once `stream` is past the run.

    The memory is used again by later runs when nobody holds the array, or what shares its memory, any more.
    """

    def __init__(self, lease: Lease, dtype: np.dtype, engine: _core.Engine, stream: int, keep: Any = None) -> None:
        self._lease, self._engine, self._keep = lease, engine, keep
        self.shape: tuple[int, ...] = lease.tensor.shape
        self.dtype = dtype
        self.stream = stream

    @property
    def nbytes(self) -> int:
        return self._lease.tensor.nbytes

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.dtype.kind == "V":
            raise AttributeError(f"__cuda_array_interface__ has no {self.dtype}; DLPack has")
        # 1 is the default stream; 0 would be ambiguous.
        data = (self._lease.tensor.address, False)
        return {
            "shape": self.shape, "typestr": self.dtype.str, "data": data, "version": 3, "strides": None,
            "stream": self.stream or 1,
        }  # fmt: skip

    def __dlpack_device__(self) -> tuple[int, int]:
        return CUDA, ordinal_of(self._engine)

    def __dlpack__(self, *, stream: int | None = None, **more: Any) -> Any:
        """`stream`: where the memory will be used; where that is another than the run's, waits for the run."""
        if stream != -1 and (stream or 1) != (self.stream or 1):
            self._engine.wait(self.stream)
        return self._lease.tensor.dlpack(self._lease, ordinal_of(self._engine))

    def __repr__(self) -> str:
        return f"vivace.DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self._engine.device})"


class Lease:
    """Memory of the pool, until nobody needs it."""

    def __init__(self, tensor: _core.Tensor, give_back: Callable[[_core.Tensor], None]) -> None:
        self.tensor, self._give_back = tensor, give_back

    def __del__(self) -> None:
        self._give_back(self.tensor)


class Pool:
    """Memory for outputs. What one stream is done with is used again by that stream alone, whose order keeps it safe."""

    def __init__(self, engine: _core.Engine) -> None:
        self._engine = engine
        self._free: dict[Any, list[_core.Tensor]] = {}

    def take(self, dtype: int, shape: tuple[int, ...], stream: int) -> Lease:
        free = self._free.setdefault((dtype, shape, stream), [])
        try:
            tensor = free.pop()
        except IndexError:
            tensor = self._engine.allocate(True, dtype, list(shape))
        return Lease(tensor, lambda tensor: free.append(tensor) if len(free) < _KEPT else None)


def ordinal_of(engine: _core.Engine) -> int:
    """The GPU's number."""
    return int(engine.device.partition(":")[2] or 0)


def is_on_gpu(value: Any) -> bool:
    """Whether an input lies in a GPU's memory."""
    if isinstance(value, np.ndarray):
        return False
    device = getattr(type(value), "__dlpack_device__", None)
    if device is not None:
        return device(value)[0] == CUDA
    return getattr(value, "__cuda_array_interface__", None) is not None


def stream_of(stream: Any, inputs: list[Any]) -> int:
    """A stream as a number: one given, else the current one of the library that the first input comes from."""
    if stream is None:
        for value in inputs:
            module = type(value).__module__.partition(".")[0]
            if module == "torch" and value.is_cuda:
                import torch

                return torch.cuda.current_stream(value.device).cuda_stream
            if module == "cupy":
                import cupy

                return cupy.cuda.get_current_stream().ptr
            if isinstance(value, DeviceArray):
                return value.stream
        return 0
    if hasattr(stream, "__cuda_stream__"):
        return stream.__cuda_stream__()[1]
    for name in ("cuda_stream", "ptr", "handle"):
        if hasattr(stream, name):
            return int(getattr(stream, name))
    return int(stream)


def to_core(value: Any, name: str, engine: _core.Engine, stream: int) -> _core.Tensor:
    """An input that lies on the GPU as the module takes it; its memory is shared."""
    if getattr(value, "requires_grad", False):
        value = value.detach()
    if hasattr(type(value), "__dlpack_device__"):
        device = value.__dlpack_device__()
        if device[1] != ordinal_of(engine):
            raise ValueError(
                f"input {name!r} is on cuda:{device[1]}, the engine on {engine.device}; "
                f"vivace.load(plan, device='cuda:{device[1]}') makes one for there"
            )
        if isinstance(value, DeviceArray) and (value.stream or 1) != (stream or 1):
            engine.wait(value.stream)
        if hasattr(value, "is_contiguous") and not value.is_contiguous():
            value = value.contiguous()
        return _core.Tensor.from_dlpack(value)
    return _from_interface(value.__cuda_array_interface__, name, engine, stream)


def _from_interface(given: dict[str, Any], name: str, engine: _core.Engine, stream: int) -> _core.Tensor:
    (number, size), shape, strides = _type_of(given["typestr"]), tuple(given["shape"]), given.get("strides")
    if strides is not None and 0 not in shape:
        if tuple(strides) != tuple(size * math.prod(shape[i + 1 :]) for i in range(len(shape))):
            raise ValueError(f"input {name!r} is not contiguous; make a copy that is")
    if given.get("mask") is not None:
        raise ValueError(f"input {name!r} has a mask, which engines know nothing of")
    made_on = given.get("stream")
    if made_on is not None and made_on != (stream or 1):
        engine.wait(made_on)
    return _core.Tensor.wrap(number, list(shape), given["data"][0])


@functools.cache
def _type_of(typestr: str) -> tuple[int, int]:
    """Vivace's type, and bytes of an element."""
    return arrays.type_number(np.dtype(typestr)), np.dtype(typestr).itemsize
