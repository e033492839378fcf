"""Data types of PyTorch and TensorRT."""

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


def torch_dtype_to_trt(dtype):
    try:
        return _TYPES[dtype]
    except KeyError:
        raise TypeError(f"{dtype} is no data type of TensorRT") from None


def torch_dtype_from_trt(dtype):
    try:
        return _BACK[dtype]
    except KeyError:
        raise TypeError(f"PyTorch has no type for {dtype}") from None


def torch_device_from_trt(location):
    """Engines compute in this machine's memory, wherever a tensor is said to be."""
    del location
    return torch.device("cpu")
