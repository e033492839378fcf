"""Vivace under TensorRT's Python interface: programs written for TensorRT run on it as they are.

Engines compute on this machine's processor: bindings are addresses in its memory (`array.ctypes.data`).
"""

import enum
import math

import numpy as np

from . import _generation
from . import tensorrt as tensorrt
from ._plugin_classes import (
    IPluginCapability,
    IPluginResource,
    IPluginV2DynamicExt,
    IPluginV3,
    IPluginV3OneBuild,
    IPluginV3OneBuildV2,
    IPluginV3OneCore,
    IPluginV3OneRuntime,
    IVersionedInterface,
)
from ._values import Dims, Dims2, Dims3, Dims4, DimsHW, Permutation, PluginFieldCollection, Weights
from .tensorrt import *  # noqa: F403
from .tensorrt import DataType, InterpolationMode, SampleMode

_GENERATION, __version__ = _generation.chosen()

float32 = DataType.FLOAT
float16 = DataType.HALF
int8 = DataType.INT8
int32 = DataType.INT32
bool = DataType.BOOL
uint8 = DataType.UINT8
fp8 = DataType.FP8
bfloat16 = DataType.BF16
int64 = DataType.INT64
int4 = DataType.INT4
if hasattr(DataType, "FP4"):
    fp4 = DataType.FP4
if hasattr(DataType, "E8M0"):
    e8m0 = DataType.E8M0

# The names of 8.0 to 8.4.
ResizeMode = InterpolationMode
SliceMode = SampleMode


def volume(iterable):
    """The product of the numbers: of a shape, the number of elements."""
    return math.prod(iterable)


_NUMPY_TYPES = {
    float32: np.float32,
    float16: np.float16,
    int8: np.int8,
    int32: np.int32,
    bool: np.bool_,
    uint8: np.uint8,
    int64: np.int64,
}


def nptype(trt_type):
    """NumPy's type of a DataType; TypeError where NumPy has none."""
    try:
        return _NUMPY_TYPES[trt_type]
    except KeyError:
        raise TypeError(f"NumPy has no type for {trt_type}") from None


def _itemsize(trt_type):
    bits = tensorrt._size_in_bytes(trt_type, 8)
    return bits // 8 if bits % 8 == 0 else bits / 8


def _equal(a, b):
    """Members of different enumerations differ, whatever their numbers."""
    return int(a) == b if not isinstance(b, enum.Enum) or type(a) is type(b) else False


for _class in [*vars(tensorrt).values(), tensorrt.ILogger.Severity]:
    if isinstance(_class, type) and issubclass(_class, enum.IntEnum):
        _class.__eq__ = _equal
        _class.__ne__ = lambda a, b: not _equal(a, b)
        _class.__hash__ = lambda a: hash(int(a))

DataType.itemsize = property(_itemsize, doc="Bytes of one element")

for _class in (
    Dims,
    Dims2,
    Dims3,
    Dims4,
    DimsHW,
    IPluginCapability,
    IPluginResource,
    IPluginV2DynamicExt,
    IPluginV3,
    IPluginV3OneBuild,
    IPluginV3OneBuildV2,
    IPluginV3OneCore,
    IPluginV3OneRuntime,
    IVersionedInterface,
    Permutation,
    PluginFieldCollection,
    Weights,
):
    _class.__module__ = "tensorrt"
    setattr(tensorrt, _class.__name__, _class)
del _class

_generation.apply(globals(), tensorrt, _GENERATION)
