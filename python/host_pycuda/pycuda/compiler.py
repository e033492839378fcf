"""Kernels need a GPU: this says so."""

import pycuda.driver as cuda


class SourceModule:
    def __init__(self, *args, **kwargs):
        raise cuda.RuntimeError(
            "kernels cannot be compiled without a GPU; this is the host's stand-in for PyCUDA. "
            "Take its folder out of PYTHONPATH to use the real package."
        )
