"""Attributes of plugins: what they may be, and how they travel in a plan."""

import typing

import numpy as np

import tensorrt as trt

_T = trt.PluginFieldType
_PLAIN = {int: _T.INT64, float: _T.FLOAT64, bool: _T.INT8, str: _T.CHAR, bytes: _T.UNKNOWN}
_ARRAYS = {
    np.dtype(np.int8): _T.INT8,
    np.dtype(np.int16): _T.INT16,
    np.dtype(np.int32): _T.INT32,
    np.dtype(np.int64): _T.INT64,
    np.dtype(np.float16): _T.FLOAT16,
    np.dtype(np.float32): _T.FLOAT32,
    np.dtype(np.float64): _T.FLOAT64,
    np.dtype(np.bool_): _T.INT8,
}


def _array_type(annotation):
    """NumPy's type of numpy.typing.NDArray[...]; None where the annotation is something else."""
    if typing.get_origin(annotation) is not np.ndarray:
        return None
    inner = typing.get_args(typing.get_args(annotation)[1])
    return np.dtype(inner[0]) if inner and isinstance(inner[0], type) else None


class Attribute:
    """One attribute by its annotation."""

    def __init__(self, name, annotation):
        self.name, self.annotation = name, annotation
        self.dtype = _array_type(annotation)
        self.any_array = annotation is np.ndarray
        if annotation not in _PLAIN and not self.any_array and self.dtype not in _ARRAYS:
            raise ValueError(
                f"Attribute '{name}' is of type {annotation}; int, float, bool, str, bytes and "
                "numpy.typing.NDArray of a number type are possible"
            )

    def check(self, value):
        if not isinstance(value, np.ndarray):
            if type(value) is not self.annotation:
                raise ValueError(f"Attribute '{self.name}' is {type(value)}, not {self.annotation}")
        elif self.any_array:
            self.dtype = value.dtype
        elif value.dtype != self.dtype:
            raise ValueError(f"Attribute '{self.name}' is an array of {value.dtype}, not of {self.dtype}")
        return value

    def field(self, value=None):
        """The trt.PluginField of a value, or of none."""
        kind = (
            _ARRAYS.get(self.dtype, _T.UNKNOWN) if self.dtype is not None or self.any_array else _PLAIN[self.annotation]
        )
        if value is None:
            return trt.PluginField(self.name, None, kind)
        if isinstance(value, (int, float)):
            value = np.array([value])
        return trt.PluginField(self.name, value, kind)

    def value(self, field):
        """What a field holds."""
        data = field.data
        if self.dtype is not None:
            return data.astype(self.dtype)
        if self.any_array:
            return data
        if self.annotation is bytes:
            return data.tobytes()
        if self.annotation is str:
            return data.tobytes().rstrip(b"\0").decode()
        return self.annotation(data.reshape(-1)[0])
