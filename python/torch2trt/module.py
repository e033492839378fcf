"""TRTModule: an engine as a PyTorch module."""

import torch
from torch.utils import _pytree as pytree

import tensorrt as trt

from .types import torch_dtype_from_trt


class TRTModule(torch.nn.Module):
    """Runs an engine. Its state is the plan with the names of inputs and outputs.

    output_spec: how the outputs lie in the value that forward returns (of torch.utils._pytree); None for one tensor or
    a tuple of tensors.
    """

    def __init__(self, engine=None, input_names=None, output_names=None, output_spec=None):
        super().__init__()
        self._register_state_dict_hook(TRTModule._on_state_dict)
        self.input_names = input_names
        self.output_names = output_names
        self.output_spec = output_spec
        self._set_engine(engine)

    def _set_engine(self, engine):
        self.engine = engine
        self.context = engine.create_execution_context() if engine is not None else None
        if engine is None:
            return
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self.input_names = self.input_names or inputs
        self.output_names = self.output_names or [name for name in names if name not in inputs]
        self._types = {name: torch_dtype_from_trt(engine.get_tensor_dtype(name)) for name in names}

    def _on_state_dict(self, state_dict, prefix, local_metadata):
        if self.engine is None:
            return
        state_dict[prefix + "engine"] = bytearray(self.engine.serialize())
        state_dict[prefix + "input_names"] = self.input_names
        state_dict[prefix + "output_names"] = self.output_names
        if self.output_spec is not None:
            state_dict[prefix + "output_spec"] = pytree.treespec_dumps(self.output_spec)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
        if prefix + "engine" not in state_dict:
            missing.append(prefix + "engine")
            return
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        engine = runtime.deserialize_cuda_engine(state_dict[prefix + "engine"])
        if engine is None:
            errors.append(f"'{prefix}engine' holds no engine of this version; convert the model again")
            return
        spec = state_dict.get(prefix + "output_spec")
        self.output_spec = pytree.treespec_loads(spec) if spec is not None else None
        self.input_names = state_dict[prefix + "input_names"]
        self.output_names = state_dict[prefix + "output_names"]
        self._set_engine(engine)

    def forward(self, *inputs, **named):
        if self.context is None:
            raise RuntimeError("This module has no engine yet: load_state_dict() gives it one")
        inputs = list(inputs) + [named[name] for name in self.input_names[len(inputs) :] if name in named]
        if len(inputs) != len(self.input_names):
            raise TypeError(f"The engine has {len(self.input_names)} inputs, not {len(inputs)}")
        device = inputs[0].device if inputs else torch.device("cpu")
        # Held here until the engine is done with them.
        held = []
        for name, value in zip(self.input_names, inputs):
            value = value.detach().to("cpu", self._types[name]).contiguous()
            held.append(value)
            if not self.context.set_input_shape(name, tuple(value.shape)):
                raise ValueError(f"Input '{name}' cannot have shape {tuple(value.shape)}")
            self.context.set_tensor_address(name, value.data_ptr())
        outputs = []
        for name in self.output_names:
            value = torch.empty(tuple(self.context.get_tensor_shape(name)), dtype=self._types[name])
            outputs.append(value)
            self.context.set_tensor_address(name, value.data_ptr())
        if not self.context.execute_async_v3(0):
            raise RuntimeError("The engine failed; the logger has the reason")
        outputs = [value.to(device) for value in outputs]
        if self.output_spec is not None:
            return pytree.tree_unflatten(outputs, self.output_spec)
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def enable_profiling(self):
        """Prints the time of each layer at every run."""
        self.context.profiler = trt.Profiler()
