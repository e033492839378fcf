"""Lets programs that say .cuda() run where PyTorch has no CUDA: tensors stay in this machine's memory.

Imported before the program, or `pytest -p host_cuda`.
"""

import collections
import collections.abc

import torch

if not torch.cuda.is_available():

    class Stream:
        cuda_stream = 0

        def synchronize(self):
            pass

    # CUDA's allocator hands out freed memory again only behind the work that still uses it, and so programs pass the
    # address of a tensor that nobody holds. A while of being held does the same here.
    _held = collections.deque(maxlen=32)
    _contiguous = torch.Tensor.contiguous

    def contiguous(self, *args, **options):
        made = _contiguous(self, *args, **options)
        _held.append(made)
        return made

    def in_memory(make):
        def made(*args, **options):
            if options.get("device") is not None and torch.device(options["device"]).type == "cuda":
                del options["device"]
            return make(*args, **options)

        return made

    for name in ("empty", "ones", "rand", "randn", "zeros"):
        setattr(torch, name, in_memory(getattr(torch, name)))
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *args, **options: self
    torch.Tensor.contiguous = contiguous
    torch.cuda.current_stream = lambda *args: Stream()
    torch.cuda.synchronize = lambda *args: None
