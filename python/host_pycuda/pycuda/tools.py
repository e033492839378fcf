"""Helpers of PyCUDA that programs call to get a context."""

import pycuda.driver as cuda


def make_default_context(ctx_maker=None):
    device = cuda.Device(0)
    return (ctx_maker or (lambda d: d.make_context()))(device)


def clear_context_caches():
    pass
