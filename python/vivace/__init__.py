"""Vivace: build inference engines from ONNX models or layer by layer, and run them.

    engine = vivace.build("model.onnx", plan_path="model.plan")
    outputs = engine.run({"pixels": array})
    engine = vivace.load("model.plan")
    y = torch.from_dlpack(engine.run([cuda_tensor])[0])  # with a plan for device "cuda": no copies, nothing waits

VIVACE_NUM_THREADS, VIVACE_CACHE_DIR and VIVACE_LOG set what no argument does.
"""

from ._core import Error, Value
from .engine import Engine, Layer, TensorInfo, build, load
from .gpu import DeviceArray
from .lists import devices, operators, set_logger, tactics
from .network import Network
from .plugins import GpuTensor, Node, TensorType, list_plugins, load_plugins, plugin, remove_plugin

from . import _core  # isort: skip

__version__ = _core.version()
__all__ = [
    "DeviceArray",
    "Engine",
    "Error",
    "GpuTensor",
    "Layer",
    "Network",
    "Node",
    "TensorInfo",
    "TensorType",
    "Value",
    "build",
    "devices",
    "list_plugins",
    "load",
    "load_plugins",
    "operators",
    "plugin",
    "remove_plugin",
    "set_logger",
    "tactics",
]
