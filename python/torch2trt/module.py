"""TRTModule: an engine as a PyTorch module."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import torch

import tensorrt as trt

from .flattener import Flattener
from .types import torch_dtype_from_trt


def _load(plan: Any) -> trt.ICudaEngine | None:
    return trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(plan)


class _Grown(trt.IOutputAllocator):
    """Memory of an output whose shape is known once it is computed."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.dtype = dtype
        self.shape: tuple[int, ...] = ()
        self.memory = torch.empty(0, dtype=torch.uint8, device=device)

    def reallocate_output(self, name: str, memory: int, size: int, alignment: int) -> int:
        self.memory = torch.empty(max(size, 1), dtype=torch.uint8, device=self.memory.device)
        return self.memory.data_ptr()

    def notify_shape(self, name: str, shape: Any) -> None:
        self.shape = tuple(shape)

    def tensor(self) -> torch.Tensor:
        size = math.prod(self.shape) * torch.empty(0, dtype=self.dtype).element_size()
        return self.memory[:size].view(self.dtype).reshape(self.shape)


class TRTModule(torch.nn.Module):
    """Runs an engine. Its state is the plan, the names of inputs and outputs, and how these are nested.

    engine: an engine, a plan, or the path of a file with one
    input_flattener, output_flattener: how the tensors lie in what forward() takes and gives; None: one after the other,
    a single output not in a tuple
    """

    def __init__(
        self,
        engine: Any = None,
        input_names: list[str] | None = None,
        output_names: list[str] | None = None,
        input_flattener: Flattener | None = None,
        output_flattener: Flattener | None = None,
    ) -> None:
        super().__init__()
        self._register_state_dict_hook(TRTModule._on_state_dict)
        self.input_names = input_names
        self.output_names = output_names
        self.input_flattener = input_flattener
        self.output_flattener = output_flattener
        if isinstance(engine, (str, pathlib.Path)):
            engine = pathlib.Path(engine).read_bytes()
        if engine is not None and not isinstance(engine, trt.ICudaEngine):
            engine = _load(engine)
            if engine is None:
                raise ValueError("This is no plan of this version; convert the model again")
        self._set_engine(engine)

    def _set_engine(self, engine: trt.ICudaEngine | None) -> None:
        self.engine = engine
        self.context = engine.create_execution_context() if engine is not None else None
        if engine is None:
            return
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self.input_names = self.input_names or inputs
        self.output_names = self.output_names or [name for name in names if name not in inputs]
        self._types = {name: torch_dtype_from_trt(engine.get_tensor_dtype(name)) for name in names}

    def _on_state_dict(self, state_dict: dict[str, Any], prefix: str, local_metadata: Any) -> None:
        if self.engine is None:
            return
        state_dict[prefix + "engine"] = bytearray(self.engine.serialize())
        state_dict[prefix + "input_names"] = self.input_names
        state_dict[prefix + "output_names"] = self.output_names
        for name in ("input_flattener", "output_flattener"):
            if getattr(self, name) is not None:
                state_dict[prefix + name] = getattr(self, name).dict()

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        if prefix + "engine" not in state_dict:
            missing_keys.append(prefix + "engine")
            return
        engine = _load(state_dict[prefix + "engine"])
        if engine is None:
            error_msgs.append(f"'{prefix}engine' holds no engine of this version; convert the model again")
            return
        self.input_names = state_dict[prefix + "input_names"]
        self.output_names = state_dict[prefix + "output_names"]
        for name in ("input_flattener", "output_flattener"):
            entries = state_dict.get(prefix + name)
            setattr(self, name, Flattener.from_dict(entries) if entries is not None else None)
        self._set_engine(engine)

    def forward(self, *inputs: Any, **named: torch.Tensor) -> Any:
        if self.context is None:
            raise RuntimeError("This module has no engine yet: load_state_dict() gives it one")
        tensors = list(inputs)
        if named:  # instead of those that would come last
            tensors += [named[name] for name in self.input_names[len(inputs) :] if name in named]
        elif self.input_flattener is not None and len(inputs) == len(self.input_flattener.schema):
            tensors = self.input_flattener.flatten(inputs)
        if len(tensors) != len(self.input_names):
            raise TypeError(f"The engine has {len(self.input_names)} inputs, not {len(tensors)}")
        # The engine reads and writes tensors where they are, in memory of the CPU or of a GPU, whichever it runs on
        # itself. What had to be copied is held here until the engine is done with it.
        device = tensors[0].device if tensors else torch.device("cpu")
        held = []
        for name, value in zip(self.input_names, tensors):
            value = value.detach().to(device, self._types[name]).contiguous()
            held.append(value)
            if not self.context.set_input_shape(name, tuple(value.shape)):
                raise ValueError(f"Input '{name}' cannot have shape {tuple(value.shape)}")
            self.context.set_tensor_address(name, value.data_ptr())
        made: list[Any] = []
        for name in self.output_names:
            shape = tuple(self.context.get_tensor_shape(name))
            if min(shape, default=0) < 0:  # depends on the values
                made.append(_Grown(self._types[name], device))
                self.context.set_output_allocator(name, made[-1])
            else:
                made.append(torch.empty(shape, dtype=self._types[name], device=device))
                self.context.set_tensor_address(name, made[-1].data_ptr())
        # PyTorch's memory is given away again in the order of its stream, so nothing is to be waited for.
        stream = torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
        if not self.context.execute_async_v3(stream):
            raise RuntimeError("The engine failed; the logger has the reason")
        outputs = [value.tensor() if isinstance(value, _Grown) else value for value in made]
        if self.output_flattener is not None:
            return self.output_flattener.unflatten(outputs)
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def enable_profiling(self) -> None:
        """Prints the time of each layer at every run."""
        if not self.context.profiler:
            self.context.profiler = trt.Profiler()
