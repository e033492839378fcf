"""PyTorch modules as inference engines, under torch2trt's names:

    fast = torch2trt(model.eval(), [x])
    y = fast(x)
    torch.save(fast.state_dict(), "fast.pth")      # the engine is inside
    again = TRTModule(); again.load_state_dict(torch.load("fast.pth"))

The model goes through ONNX, so that no converter per operation is needed. Engines compute on the processor: tensors on
other devices are copied there and back.
"""

from .convert import torch2trt, torch_device_from_trt, torch_dtype_from_trt, torch_dtype_to_trt
from .module import TRTModule

__all__ = ["TRTModule", "torch2trt", "torch_device_from_trt", "torch_dtype_from_trt", "torch_dtype_to_trt"]
