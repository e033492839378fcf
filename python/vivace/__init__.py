"""Vivace: build inference engines from ONNX models or layer by layer, and run them.

    engine = vivace.build("model.onnx", plan_path="model.plan")
    outputs = engine.run({"pixels": array})
    engine = vivace.load("model.plan")

VIVACE_NUM_THREADS, VIVACE_CACHE_DIR and VIVACE_LOG set what no argument does.
"""

from ._core import Error, Value
from .engine import Engine, Layer, TensorInfo, build, load
from .lists import devices, operators, set_logger, tactics
from .network import Network

from . import _core  # isort: skip

__version__ = _core.version()
__all__ = [
    "Engine",
    "Error",
    "Layer",
    "Network",
    "TensorInfo",
    "Value",
    "build",
    "devices",
    "load",
    "operators",
    "set_logger",
    "tactics",
]
