"""Arrays in and out, element types that NumPy lacks among them (as ml_dtypes has them, where it is installed)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core

_NUMPY = {
    "f32": "float32", "f64": "float64", "f16": "float16", "i8": "int8", "i16": "int16", "i32": "int32",
    "i64": "int64", "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "bool": "bool",
    "c64": "complex64", "c128": "complex128", "string": "object",
}  # fmt: skip
_ML_DTYPES = {
    "bf16": "bfloat16", "f8e4m3fn": "float8_e4m3fn", "f8e4m3fnuz": "float8_e4m3fnuz", "f8e5m2": "float8_e5m2",
    "f8e5m2fnuz": "float8_e5m2fnuz", "f8e8m0": "float8_e8m0fnu", "u4": "uint4", "i4": "int4",
    "f4e2m1": "float4_e2m1fn", "u2": "uint2", "i2": "int2",
}  # fmt: skip
_BITS = {"u4": 4, "i4": 4, "f4e2m1": 4, "u2": 2, "i2": 2}  # one element a byte in ml_dtypes, packed in Vivace
_NAME_OF = {v: k for k, v in {**_NUMPY, **_ML_DTYPES}.items()}
_NATIVE = frozenset(np.dtype(name) for name in _NUMPY.values() if name != "object")


@functools.cache
def numpy_dtype(number: int) -> np.dtype:
    """The NumPy type of a Vivace type; an unsigned integer of its size where ml_dtypes is missing."""
    name = _core.dtype_name(number)
    if name in ("list", "undefined"):
        return np.dtype(object)
    if name in _NUMPY:
        return np.dtype(_NUMPY[name])
    try:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, _ML_DTYPES[name]))
    except (ImportError, AttributeError):
        return np.dtype("uint16" if name == "bf16" else "uint8")


def type_number(dtype: Any) -> int:
    """The Vivace type of a name ("f32", "float32") or of anything NumPy takes for a type."""
    if isinstance(dtype, str) and (number := _core.dtype_from_name(_NAME_OF.get(dtype, dtype))):
        return number
    name = np.dtype(dtype).name
    number = _core.dtype_from_name("string" if np.dtype(dtype).kind in "OUS" else _NAME_OF.get(name, ""))
    if not number:
        raise TypeError(f"Vivace has no element type for {dtype!r}")
    return number


def bits_below_byte(number: int) -> int:
    """Bits of an element that is packed; 0 for types of whole bytes."""
    return _BITS.get(_core.dtype_name(number), 0)


def _pack(array: np.ndarray, bits: int) -> np.ndarray:
    per_byte = 8 // bits
    flat = array.reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    flat = np.pad(flat, (0, -len(flat) % per_byte)).reshape(-1, per_byte)
    return np.bitwise_or.reduce(flat << (np.arange(per_byte, dtype=np.uint8) * bits), axis=1, dtype=np.uint8)


def _unpack(data: np.ndarray, name: str, count: int) -> np.ndarray:
    bits = _BITS[name]
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    flat = ((data[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count]
    if name in ("i4", "i2"):  # sign
        flat = (flat.astype(np.int8) ^ (1 << (bits - 1))) - (1 << (bits - 1))
    return np.ascontiguousarray(flat)


def to_core(value: Any, wanted: int) -> Any:
    """An input as the module takes it. Lists and numbers become arrays of the wanted type; arrays keep theirs."""
    if isinstance(value, np.ndarray) and value.dtype in _NATIVE and value.flags.c_contiguous:
        return value
    if not isinstance(value, np.ndarray):
        if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
            return value
        value = np.asarray(value, dtype=None if isinstance(value, (np.generic, memoryview)) else numpy_dtype(wanted))
    if value.dtype.kind in "OUS":
        texts = [x if isinstance(x, bytes) else str(x).encode() for x in value.reshape(-1).tolist()]
        return _core.dtype_from_name("string"), value.shape, texts
    if value.dtype.byteorder == ">":
        value = value.astype(value.dtype.newbyteorder("="))
    name = _NAME_OF.get(value.dtype.name)
    if name in _NUMPY:
        return np.ascontiguousarray(value).reshape(value.shape)
    if name is None:
        raise TypeError(f"Vivace has no element type for {value.dtype}")
    flat = np.ascontiguousarray(value).reshape(-1)
    data = _pack(flat, _BITS[name]) if name in _BITS else flat.view(np.uint8)
    return _core.dtype_from_name(name), value.shape, data


ANY: Mapping[str, Any] = {"kind": "sequence", "element": None}  # lists stay lists


def value_to_core(value: Any, info: Mapping[str, Any]) -> Any:
    """An input of any kind: a list for a sequence, None or the element for an optional, a dict for a map."""
    kind, element = info["kind"], info["element"]
    if kind == "tensor":
        return to_core(value, info["dtype"])
    if kind == "optional":
        return [] if value is None else [value_to_core(value, element) if element else to_core(value, 1)]
    if kind == "map":
        if not isinstance(value, Mapping):
            raise TypeError(f"input {info['name']!r} is a map; give a dict, not a {type(value).__name__}")
        values = element["dtype"] if element else 0
        return [to_core(list(value), info["key"]), to_core(list(value.values()), values)]
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"input {info['name']!r} is a sequence; give a list, not a {type(value).__name__}")
    return [value_to_core(item, element) if element else to_core(item, 1) for item in value]


def value_from_core(value: Any, info: Mapping[str, Any]) -> Any:
    """An output of any kind, likewise."""
    kind, element = info["kind"], info["element"]
    if kind == "tensor" or not isinstance(value, list):
        return from_core(value)
    if kind == "map":
        keys, values = (from_core(part).reshape(-1).tolist() for part in value)
        return dict(zip(keys, values))
    items = [value_from_core(item, element or ANY) for item in value]
    return items if kind == "sequence" else items[0] if items else None


def from_core(value: Any) -> np.ndarray:
    """An output of the module as an array."""
    if not isinstance(value, tuple):
        return value
    number, shape, data = value
    name = _core.dtype_name(number)
    if name == "string":
        array = np.empty(len(data), dtype=object)
        array[:] = [text.decode(errors="replace") for text in data]
        return array.reshape(shape)
    dtype = numpy_dtype(number)
    if name in _BITS:
        unpacked = _unpack(data, name, int(np.prod(shape)))
        if name == "f4e2m1" or dtype == np.uint8:
            return unpacked.view(np.uint8).view(dtype).reshape(shape)
        return unpacked.astype(dtype).reshape(shape)
    return data.view(dtype).reshape(shape)
