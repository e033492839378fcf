"""CUDA's runtime: each call gives a tuple of the error and its results."""

import enum
import os
import platform

from . import _host

VERSION = 12080


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorNoDevice = 100
    cudaErrorInvalidDevice = 101
    cudaErrorInvalidResourceHandle = 400
    cudaErrorNotReady = 600
    cudaErrorNotSupported = 801
    cudaErrorUnknown = 999


_TEXTS = {
    cudaError_t.cudaSuccess: "no error",
    cudaError_t.cudaErrorInvalidValue: "invalid argument",
    cudaError_t.cudaErrorMemoryAllocation: "out of memory",
    cudaError_t.cudaErrorNoDevice: "no CUDA-capable device is detected",
    cudaError_t.cudaErrorInvalidDevice: "invalid device ordinal",
    cudaError_t.cudaErrorInvalidResourceHandle: "invalid resource handle",
    cudaError_t.cudaErrorNotReady: "device not ready",
    cudaError_t.cudaErrorNotSupported: "operation not supported",
    cudaError_t.cudaErrorUnknown: "unknown error",
}


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToHost = 0
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2
    cudaMemcpyDeviceToDevice = 3
    cudaMemcpyDefault = 4


class cudaMemoryType(enum.IntEnum):
    cudaMemoryTypeUnregistered = 0
    cudaMemoryTypeHost = 1
    cudaMemoryTypeDevice = 2
    cudaMemoryTypeManaged = 3


class cudaDeviceAttr(enum.IntEnum):
    cudaDevAttrMaxThreadsPerBlock = 1
    cudaDevAttrWarpSize = 10
    cudaDevAttrClockRate = 13
    cudaDevAttrMultiProcessorCount = 16
    cudaDevAttrIntegrated = 18
    cudaDevAttrComputeCapabilityMajor = 75
    cudaDevAttrComputeCapabilityMinor = 76
    cudaDevAttrManagedMemory = 83
    cudaDevAttrMemoryPoolsSupported = 115


class cudaMemPoolAttr(enum.IntEnum):
    cudaMemPoolReuseFollowEventDependencies = 1
    cudaMemPoolReuseAllowOpportunistic = 2
    cudaMemPoolReuseAllowInternalDependencies = 3
    cudaMemPoolAttrReleaseThreshold = 4
    cudaMemPoolAttrReservedMemCurrent = 5
    cudaMemPoolAttrReservedMemHigh = 6
    cudaMemPoolAttrUsedMemCurrent = 7
    cudaMemPoolAttrUsedMemHigh = 8


class cudaMemAllocationType(enum.IntEnum):
    cudaMemAllocationTypeInvalid = 0
    cudaMemAllocationTypePinned = 1


class cudaMemAllocationHandleType(enum.IntEnum):
    cudaMemHandleTypeNone = 0
    cudaMemHandleTypePosixFileDescriptor = 1


class cudaMemLocationType(enum.IntEnum):
    cudaMemLocationTypeInvalid = 0
    cudaMemLocationTypeDevice = 1


cudaStreamDefault, cudaStreamNonBlocking = 0, 1
cudaEventDefault, cudaEventBlockingSync, cudaEventDisableTiming = 0, 1, 2
cudaHostAllocDefault = 0
cudaMemAttachGlobal = 1
CUDART_VERSION = VERSION


class cudaStream_t(_host.Handle):
    pass


class cudaEvent_t(_host.Handle):
    pass


class cudaMemPool_t(_host.Handle):
    pass


class cudaMemLocation:
    def __init__(self):
        self.type = cudaMemLocationType.cudaMemLocationTypeInvalid
        self.id = 0


class cudaMemPoolProps:
    def __init__(self):
        self.allocType = cudaMemAllocationType.cudaMemAllocationTypeInvalid
        self.handleTypes = cudaMemAllocationHandleType.cudaMemHandleTypeNone
        self.location = cudaMemLocation()
        self.maxSize = 0


class cudaDeviceProp:
    """What programs print of a device."""

    def __init__(self):
        self.name = f"Vivace host CPU: {platform.processor() or platform.machine()}".encode()
        self.major, self.minor = 8, 0
        self.totalGlobalMem = _host.free_and_total()[1]
        self.multiProcessorCount = os.cpu_count()
        self.integrated = 1
        self.warpSize = 32
        self.maxThreadsPerBlock = 1024


class cudaPointerAttributes:
    def __init__(self, kind, pointer):
        self.type = kind
        self.device = 0
        self.devicePointer = self.hostPointer = pointer


_last = cudaError_t.cudaSuccess


def _done(error, *results):
    global _last
    if error != cudaError_t.cudaSuccess:
        _last = error
    return (error, *results)


def _when(good, *results):
    return _done(cudaError_t.cudaSuccess if good else cudaError_t.cudaErrorInvalidValue, *results)


# --- memory -----------------------------------------------------------------------------------------------------------


def cudaMalloc(size):
    if size < 0:
        return _done(cudaError_t.cudaErrorInvalidValue, 0)
    pointer = _host.memory.allocate(size) if size else 0
    if pointer is None:
        return _done(cudaError_t.cudaErrorMemoryAllocation, 0)
    return _done(cudaError_t.cudaSuccess, pointer)


def cudaMallocHost(size):
    return cudaMalloc(size)


def cudaHostAlloc(size, flags):
    return cudaMalloc(size)


def cudaMallocManaged(size, flags=cudaMemAttachGlobal):
    return cudaMalloc(size)


def cudaMallocAsync(size, stream):
    return cudaMalloc(size)


def cudaFree(pointer):
    address = _host.address_of(pointer)
    return _when(not address or _host.memory.free(address))


def cudaFreeHost(pointer):
    return cudaFree(pointer)


def cudaFreeAsync(pointer, stream):
    return cudaFree(pointer)


def cudaMemcpy(dst, src, count, kind):
    return _when(_host.copy(dst, src, count))


def cudaMemcpyAsync(dst, src, count, kind, stream):
    return cudaMemcpy(dst, src, count, kind)


def cudaMemset(pointer, value, count):
    return _when(_host.fill(pointer, value, count))


def cudaMemsetAsync(pointer, value, count, stream):
    return cudaMemset(pointer, value, count)


def cudaMemGetInfo():
    return _done(cudaError_t.cudaSuccess, *_host.free_and_total())


def cudaPointerGetAttributes(pointer):
    address = _host.address_of(pointer)
    inside = _host.memory.size(address) is not None
    kind = cudaMemoryType.cudaMemoryTypeDevice if inside else cudaMemoryType.cudaMemoryTypeUnregistered
    return _done(cudaError_t.cudaSuccess, cudaPointerAttributes(kind, address))


# --- pools: memory is the system's, so a pool only remembers its settings ----------------------------------------------

_pools = {}


def cudaMemPoolCreate(props):
    if props.location.id != 0:
        return _done(cudaError_t.cudaErrorInvalidDevice, cudaMemPool_t())
    pool = cudaMemPool_t(len(_pools) + 1)
    while pool in _pools:
        pool = cudaMemPool_t(pool + 1)
    _pools[pool] = {cudaMemPoolAttr.cudaMemPoolAttrReleaseThreshold: 0}
    return _done(cudaError_t.cudaSuccess, pool)


def cudaMemPoolDestroy(pool):
    return _when(_pools.pop(pool, None) is not None)


def cudaMemPoolSetAttribute(pool, attribute, value):
    known = pool in _pools
    if known:
        _pools[pool][attribute] = value
    return _when(known)


def cudaMemPoolGetAttribute(pool, attribute):
    return _when(pool in _pools, _pools.get(pool, {}).get(attribute, 0))


def cudaMemPoolTrimTo(pool, minBytesToKeep):
    return _when(pool in _pools)


def cudaDeviceGetDefaultMemPool(device):
    _pools.setdefault(cudaMemPool_t(0), {})
    return _when(device == 0, cudaMemPool_t(0))


def cudaMallocFromPoolAsync(size, pool, stream):
    return cudaMalloc(size) if pool in _pools else _done(cudaError_t.cudaErrorInvalidValue, 0)


# --- streams and events -----------------------------------------------------------------------------------------------


def cudaStreamCreate():
    return _done(cudaError_t.cudaSuccess, cudaStream_t(_host.PER_THREAD_STREAM))


def cudaStreamCreateWithFlags(flags):
    return cudaStreamCreate()


def cudaStreamCreateWithPriority(flags, priority):
    return cudaStreamCreate()


def cudaStreamDestroy(stream):
    return _done(cudaError_t.cudaSuccess)


def cudaStreamSynchronize(stream):
    return _done(cudaError_t.cudaSuccess)


def cudaStreamQuery(stream):
    return _done(cudaError_t.cudaSuccess)


def _with_event(event, act=None):
    if not _host.events.known(event):
        return _done(cudaError_t.cudaErrorInvalidResourceHandle)
    if act:
        act(event)
    return _done(cudaError_t.cudaSuccess)


def cudaStreamWaitEvent(stream, event, flags=0):
    return _with_event(event)


def cudaEventCreate():
    return _done(cudaError_t.cudaSuccess, cudaEvent_t(_host.events.create()))


def cudaEventCreateWithFlags(flags):
    return cudaEventCreate()


def cudaEventRecord(event, stream=0):
    return _with_event(event, _host.events.record)


def cudaEventSynchronize(event):
    return _with_event(event)


def cudaEventQuery(event):
    return _with_event(event)


def cudaEventElapsedTime(start, end):
    milliseconds = _host.events.milliseconds(start, end)
    if milliseconds is None:
        return _done(cudaError_t.cudaErrorInvalidResourceHandle, 0.0)
    return _done(cudaError_t.cudaSuccess, milliseconds)


def cudaEventDestroy(event):
    return _with_event(event, _host.events.destroy)


# --- the device -------------------------------------------------------------------------------------------------------


def cudaGetDeviceCount():
    return _done(cudaError_t.cudaSuccess, 1)


def cudaGetDevice():
    return _done(cudaError_t.cudaSuccess, 0)


def cudaSetDevice(device):
    return _done(cudaError_t.cudaSuccess if device == 0 else cudaError_t.cudaErrorInvalidDevice)


def cudaDeviceSynchronize():
    return _done(cudaError_t.cudaSuccess)


def cudaDeviceReset():
    return _done(cudaError_t.cudaSuccess)


def cudaGetDeviceProperties(device):
    if device != 0:
        return _done(cudaError_t.cudaErrorInvalidDevice, None)
    return _done(cudaError_t.cudaSuccess, cudaDeviceProp())


def cudaDeviceGetAttribute(attribute, device):
    if device != 0:
        return _done(cudaError_t.cudaErrorInvalidDevice, 0)
    values = {
        cudaDeviceAttr.cudaDevAttrMaxThreadsPerBlock: 1024,
        cudaDeviceAttr.cudaDevAttrWarpSize: 32,
        cudaDeviceAttr.cudaDevAttrMultiProcessorCount: os.cpu_count(),
        cudaDeviceAttr.cudaDevAttrIntegrated: 1,
        cudaDeviceAttr.cudaDevAttrComputeCapabilityMajor: 8,
        cudaDeviceAttr.cudaDevAttrManagedMemory: 1,
        cudaDeviceAttr.cudaDevAttrMemoryPoolsSupported: 1,
    }
    return _done(cudaError_t.cudaSuccess, values.get(attribute, 0))


def cudaRuntimeGetVersion():
    return _done(cudaError_t.cudaSuccess, VERSION)


def cudaDriverGetVersion():
    return _done(cudaError_t.cudaSuccess, VERSION)


# --- errors -----------------------------------------------------------------------------------------------------------


def cudaGetErrorName(error):
    return cudaError_t.cudaSuccess, cudaError_t(error).name.encode()


def cudaGetErrorString(error):
    return cudaError_t.cudaSuccess, _TEXTS[cudaError_t(error)].encode()


def cudaPeekAtLastError():
    return (_last,)


def cudaGetLastError():
    global _last
    error, _last = _last, cudaError_t.cudaSuccess
    return (error,)
