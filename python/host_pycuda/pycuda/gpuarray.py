"""Arrays in device memory, without arithmetic: to allocate, fill and read."""

import numpy as np

import pycuda.driver as cuda


class GPUArray:
    def __init__(self, shape, dtype, allocator=cuda.mem_alloc, order="C"):
        self.shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        self.dtype = np.dtype(dtype)
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes = self.size * self.dtype.itemsize
        self.ndim = len(self.shape)
        self._order = order
        self.gpudata = allocator(self.nbytes) if self.nbytes else None

    @property
    def ptr(self):
        return int(self.gpudata) if self.gpudata is not None else 0

    def set(self, array, async_=False, stream=None):
        if array.size != self.size or array.dtype != self.dtype:
            raise ValueError(f"{array.dtype}{array.shape} does not fit {self.dtype}{self.shape}")
        if self.nbytes:
            cuda.memcpy_htod(self.gpudata, np.asarray(array, order=self._order))

    def set_async(self, array, stream=None):
        self.set(array)

    def get(self, ary=None, async_=False, stream=None):
        result = np.empty(self.shape, self.dtype, self._order) if ary is None else ary
        if self.nbytes:
            cuda.memcpy_dtoh(result, self.gpudata)
        return result

    def get_async(self, stream=None, ary=None):
        return self.get(ary)

    def fill(self, value, stream=None):
        self.set(np.full(self.shape, value, self.dtype))
        return self

    def __len__(self):
        return self.shape[0]


def empty(shape, dtype, allocator=cuda.mem_alloc, order="C"):
    return GPUArray(shape, dtype, allocator, order)


def zeros(shape, dtype=np.float64, allocator=cuda.mem_alloc, order="C"):
    return GPUArray(shape, dtype, allocator, order).fill(0)


def empty_like(other):
    return GPUArray(other.shape, other.dtype)


def zeros_like(other):
    return zeros(other.shape, other.dtype)


def to_gpu(array, allocator=cuda.mem_alloc):
    result = GPUArray(array.shape, array.dtype, allocator)
    result.set(array)
    return result
