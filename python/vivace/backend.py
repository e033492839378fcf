"""Vivace as a backend of the ONNX standard's tests and tools (onnx.backend.base).

The environment variable VIVACE_BACKEND_OPTIONS holds, as JSON, keyword arguments of vivace.build for every model, such as
{"disable_passes": ["all"]}; "through_plan": true runs what comes back from the plan's bytes.
"""

from __future__ import annotations

import json
import os
from typing import Any

import onnx
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from .engine import Engine, build, load
from .lists import devices


class VivaceRep(BackendRep):
    """A model that is ready to run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self, inputs: Any, **kwargs: Any) -> Any:
        """Runs the model on arrays in the order of its inputs (or by name, or one alone); outputs by order and name."""
        if not isinstance(inputs, (list, tuple, dict)):
            inputs = [inputs]
        outputs = self.engine.run(inputs)
        return namedtupledict("Outputs", [info.name for info in self.engine.outputs])(*outputs)


class VivaceBackend(Backend):
    """Builds with estimates alone, unless told otherwise: these models are small and run once."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        try:
            cls.prepare(model, device, **kwargs)
        except RuntimeError:
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> VivaceRep:
        if not cls.supports_device(device):
            raise ValueError(f"Vivace has no device {device!r}; it has CPU, and CUDA where vivace.devices() lists a GPU")
        if Device(device).type == DeviceType.CUDA:
            kwargs.setdefault("device", _name_of(device))
        options = {"effort": 0, **json.loads(os.environ.get("VIVACE_BACKEND_OPTIONS", "{}")), **kwargs}
        through_plan = options.pop("through_plan", False)
        engine = build(model, **options)
        return VivaceRep(load(engine.to_bytes()) if through_plan else engine)

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> Any:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
    ) -> Any:
        arrays = [inputs] if not isinstance(inputs, (list, tuple)) else list(inputs)
        names = [name for name in node.input if name]
        types = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in zip(names, arrays)
        ]
        made = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "node", types, made)
        opsets = [onnx.helper.make_opsetid("", kwargs.pop("opset_version", onnx.defs.onnx_opset_version()))]
        return cls.run_model(onnx.helper.make_model(graph, opset_imports=opsets), arrays, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        asked = Device(device)
        if asked.type == DeviceType.CUDA:
            return any(known["name"] == _name_of(device) for known in devices())
        return asked.type == DeviceType.CPU


def _name_of(device: str) -> str:
    """Vivace's name of a GPU."""
    return f"cuda:{Device(device).device_id}"


is_compatible = VivaceBackend.is_compatible
prepare = VivaceBackend.prepare
run_model = VivaceBackend.run_model
run_node = VivaceBackend.run_node
supports_device = VivaceBackend.supports_device
