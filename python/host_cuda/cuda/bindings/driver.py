"""CUDA's driver, as far as memory goes: each call gives a tuple of the error and its results."""

import enum

from . import _host
from . import runtime as _runtime

CUDA_VERSION = _runtime.VERSION


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_INVALID_DEVICE = 101
    CUDA_ERROR_INVALID_HANDLE = 400
    CUDA_ERROR_NOT_SUPPORTED = 801
    CUDA_ERROR_UNKNOWN = 999


class CUdevice(_host.Handle):
    pass


class CUcontext(_host.Handle):
    pass


class CUstream(_host.Handle):
    pass


class CUdeviceptr(_host.Handle):
    pass


class CUdevice_attribute(enum.IntEnum):
    CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 1
    CU_DEVICE_ATTRIBUTE_WARP_SIZE = 10
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76


def _of(result, *kinds):
    """The driver's form of what the runtime gave."""
    error, *values = result
    return (CUresult(int(error)), *[kind(value) for kind, value in zip(kinds, values)])


def cuInit(flags):
    return (CUresult.CUDA_SUCCESS,)


def cuDriverGetVersion():
    return CUresult.CUDA_SUCCESS, CUDA_VERSION


def cuDeviceGetCount():
    return CUresult.CUDA_SUCCESS, 1


def cuDeviceGet(ordinal):
    if ordinal != 0:
        return CUresult.CUDA_ERROR_INVALID_DEVICE, CUdevice()
    return CUresult.CUDA_SUCCESS, CUdevice(0)


def cuDeviceGetName(length, device):
    return CUresult.CUDA_SUCCESS, _runtime.cudaDeviceProp().name[: length - 1]


def cuDeviceGetAttribute(attribute, device):
    return _of(_runtime.cudaDeviceGetAttribute(int(attribute), int(device)), int)


def cuCtxCreate(*arguments):
    """(flags, device), or from 13 on (parameters, flags, device)."""
    if len(arguments) not in (2, 3):
        raise TypeError(f"cuCtxCreate() takes 2 or 3 arguments ({len(arguments)} given)")
    return CUresult.CUDA_SUCCESS, CUcontext(1)


def cuCtxDestroy(context):
    return (CUresult.CUDA_SUCCESS,)


def cuCtxSynchronize():
    return (CUresult.CUDA_SUCCESS,)


def cuMemAlloc(bytesize):
    return _of(_runtime.cudaMalloc(bytesize), CUdeviceptr)


def cuMemFree(pointer):
    return _of(_runtime.cudaFree(pointer))


def cuMemcpyHtoD(target, source, count):
    return _of(_runtime.cudaMemcpy(target, source, count, None))


def cuMemcpyDtoH(target, source, count):
    return _of(_runtime.cudaMemcpy(target, source, count, None))


def cuMemcpyDtoD(target, source, count):
    return _of(_runtime.cudaMemcpy(target, source, count, None))


def cuMemsetD8(target, value, count):
    return _of(_runtime.cudaMemset(target, value, count))


def cuMemGetInfo():
    return CUresult.CUDA_SUCCESS, *_host.free_and_total()


def cuStreamCreate(flags):
    return CUresult.CUDA_SUCCESS, CUstream(_host.PER_THREAD_STREAM)


def cuStreamSynchronize(stream):
    return (CUresult.CUDA_SUCCESS,)


def cuStreamDestroy(stream):
    return (CUresult.CUDA_SUCCESS,)


def cuGetErrorName(error):
    return CUresult.CUDA_SUCCESS, CUresult(error).name.encode()


def cuGetErrorString(error):
    return CUresult.CUDA_SUCCESS, CUresult(error).name.removeprefix("CUDA_").replace("_", " ").lower().encode()


def _no_kernels(*arguments, **named):
    """Kernels need a GPU."""
    return CUresult.CUDA_ERROR_NOT_SUPPORTED, None


cuModuleLoadData = cuModuleLoadDataEx = cuModuleGetFunction = cuLaunchKernel = _no_kernels
