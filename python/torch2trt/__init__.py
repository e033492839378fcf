"""PyTorch modules as inference engines, under torch2trt's names:

    fast = torch2trt(model.eval(), [x])
    y = fast(x)
    torch.save(fast.state_dict(), "fast.pth")      # the engine is inside
    again = TRTModule(); again.load_state_dict(torch.load("fast.pth"))

A model goes through ONNX, so that no converter per operation is needed; those that a program registers with
@tensorrt_converter serve the calls they are for. Engines compute on the processor: tensors in this machine's memory are
used where they are, those on other devices are copied there and back.
"""

from .torch2trt import *  # noqa: F403
