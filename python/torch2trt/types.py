"""Data types and devices of PyTorch and TensorRT."""

from __future__ import annotations

import torch

import tensorrt as trt

_TYPES = {
    torch.float32: trt.float32,
    torch.float16: trt.float16,
    torch.bfloat16: trt.bfloat16,
    torch.int8: trt.int8,
    torch.int32: trt.int32,
    torch.int64: trt.int64,
    torch.uint8: trt.uint8,
    torch.bool: trt.bool,
}
_BACK = {theirs: ours for ours, theirs in _TYPES.items()}
_DEVICES = {trt.TensorLocation.DEVICE: "cuda", trt.TensorLocation.HOST: "cpu"}


def torch_dtype_to_trt(dtype: torch.dtype) -> trt.DataType:
    try:
        return _TYPES[dtype]
    except KeyError:
        raise TypeError(f"{dtype} is no data type of TensorRT") from None


def torch_dtype_from_trt(dtype: trt.DataType) -> torch.dtype:
    try:
        return _BACK[dtype]
    except KeyError:
        raise TypeError(f"PyTorch has no type for {dtype}") from None


def torch_device_to_trt(device: torch.device) -> trt.TensorLocation:
    for location, name in _DEVICES.items():
        if device.type == name:
            return location
    raise TypeError(f"TensorRT has no name for {device}")


def torch_device_from_trt(location: trt.TensorLocation) -> torch.device:
    return torch.device(_DEVICES[location])
