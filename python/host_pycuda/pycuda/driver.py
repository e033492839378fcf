"""Memory, copies, streams and events over host memory."""

import bisect
import builtins
import ctypes
import os
import platform
import threading
import time
import weakref

import numpy as np

_ALIGNMENT = 256
_PER_THREAD_STREAM = 2  # the value of cudaStreamPerThread, which every CUDA runtime knows


class Error(Exception):
    """Base of all errors."""


class LogicError(Error):
    """A call that makes no sense: a wrong pointer, a copy over the end."""


class MemoryError(Error):
    """The host has not as much memory."""


class RuntimeError(Error):
    """What is not there at run time."""


class LaunchError(Error):
    """A kernel failed; there are none here."""


class host_alloc_flags:
    PORTABLE = 1
    DEVICEMAP = 2
    WRITECOMBINED = 4


class mem_attach_flags:
    GLOBAL = 1
    HOST = 2
    SINGLE = 4


class event_flags:
    DEFAULT = 0
    BLOCKING_SYNC = 1
    DISABLE_TIMING = 2
    INTERPROCESS = 4


class ctx_flags:
    SCHED_AUTO = 0
    SCHED_SPIN = 1
    SCHED_YIELD = 2
    SCHED_BLOCKING_SYNC = 4
    MAP_HOST = 8


class device_attribute:
    MAX_THREADS_PER_BLOCK = 1
    WARP_SIZE = 10
    CLOCK_RATE = 13
    MULTIPROCESSOR_COUNT = 16
    COMPUTE_CAPABILITY_MAJOR = 75
    COMPUTE_CAPABILITY_MINOR = 76


# --- memory -----------------------------------------------------------------------------------------------------------


class _Blocks:
    """Start and size of the memory given out, so that a copy over an end is an error and not a crash."""

    def __init__(self):
        self.lock = threading.Lock()
        self.starts = []
        self.sizes = {}

    def add(self, start, size):
        with self.lock:
            bisect.insort(self.starts, start)
            self.sizes[start] = size

    def remove(self, start):
        with self.lock:
            if self.sizes.pop(start, None) is not None:
                self.starts.remove(start)

    def room_at(self, address):
        """Bytes from `address` to the end of its block; None for memory that was not given out here."""
        with self.lock:
            index = bisect.bisect_right(self.starts, address) - 1
            if index < 0:
                return None
            room = self.starts[index] + self.sizes[self.starts[index]] - address
            return room if room > 0 else None


_blocks = _Blocks()


def _page_bytes(nbytes):
    """`nbytes` of aligned host memory, as an array of bytes."""
    try:
        memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
    except (ValueError, builtins.MemoryError) as error:
        raise MemoryError(f"cuMemAlloc failed: out of memory ({nbytes} bytes)") from error
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + nbytes]


class DeviceAllocation:
    """Memory from mem_alloc(); int() gives its address. It is freed with the object, or by free()."""

    def __init__(self, nbytes):
        self._memory = _page_bytes(nbytes)
        self._address = self._memory.ctypes.data
        self.size = nbytes
        _blocks.add(self._address, nbytes)
        self._finalizer = weakref.finalize(self, _blocks.remove, self._address)

    def free(self):
        if self._memory is None:
            raise LogicError("cuMemFree failed: the memory is already freed")
        self._finalizer()
        self._memory = None

    def as_buffer(self, size, offset=0):
        return memoryview(self._memory)[offset : offset + size]

    def __int__(self):
        if self._memory is None:
            raise LogicError("the memory is already freed")
        return self._address

    __index__ = __int__

    def __add__(self, offset):
        return int(self) + offset


def mem_alloc(nbytes):
    nbytes = int(nbytes)
    if nbytes <= 0:
        raise LogicError(f"cuMemAlloc failed: invalid argument ({nbytes} bytes)")
    return DeviceAllocation(nbytes)


def mem_alloc_pitch(width, height, access_size):
    pitch = -(-int(width) // 512) * 512
    return mem_alloc(pitch * int(height)), pitch


def mem_get_info():
    page = os.sysconf("SC_PAGE_SIZE")
    return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


def _array_of(buffer, writable):
    """A flat array of bytes over what a caller gives as host memory."""
    if isinstance(buffer, np.ndarray):
        if not (buffer.flags.c_contiguous or buffer.flags.f_contiguous):
            raise ValueError("ndarray is not contiguous")
        if writable and not buffer.flags.writeable:
            raise ValueError("ndarray is not writable")
        return buffer.ravel(order="K").view(np.uint8) if buffer.nbytes else np.empty(0, np.uint8)
    array = np.frombuffer(buffer, np.uint8)
    if writable and not array.flags.writeable:
        raise ValueError("the buffer is not writable")
    return array


def _device(pointer, nbytes):
    """The address of device memory with room for `nbytes`."""
    address = int(getattr(pointer, "gpudata", pointer))
    if address == 0:
        raise LogicError("cuMemcpy failed: invalid argument (a null pointer)")
    room = _blocks.room_at(address)
    if room is not None and room < nbytes:
        raise LogicError(f"cuMemcpy failed: invalid argument ({nbytes} bytes where the memory has {room})")
    return address


def memcpy_htod(dest, src):
    source = _array_of(src, writable=False)
    if source.nbytes:
        ctypes.memmove(_device(dest, source.nbytes), source.ctypes.data, source.nbytes)


def memcpy_dtoh(dest, src):
    target = _array_of(dest, writable=True)
    if target.nbytes:
        ctypes.memmove(target.ctypes.data, _device(src, target.nbytes), target.nbytes)


def memcpy_dtod(dest, src, size):
    if size:
        ctypes.memmove(_device(dest, size), _device(src, size), size)


def memcpy_htod_async(dest, src, stream=None):
    memcpy_htod(dest, src)


def memcpy_dtoh_async(dest, src, stream=None):
    memcpy_dtoh(dest, src)


def memcpy_dtod_async(dest, src, size, stream=None):
    memcpy_dtod(dest, src, size)


def _memset(dest, value, count, dtype):
    nbytes = count * np.dtype(dtype).itemsize
    if nbytes:
        values = np.full(count, value, dtype)
        ctypes.memmove(_device(dest, nbytes), values.ctypes.data, nbytes)


def memset_d8(dest, data, count):
    _memset(dest, data, count, np.uint8)


def memset_d16(dest, data, count):
    _memset(dest, data, count, np.uint16)


def memset_d32(dest, data, count):
    _memset(dest, data, count, np.uint32)


def memset_d8_async(dest, data, count, stream=None):
    memset_d8(dest, data, count)


def memset_d32_async(dest, data, count, stream=None):
    memset_d32(dest, data, count)


def to_device(array):
    allocation = mem_alloc(array.nbytes)
    memcpy_htod(allocation, array)
    return allocation


def from_device(pointer, shape, dtype, order="C"):
    result = np.empty(shape, dtype, order)
    memcpy_dtoh(result, pointer)
    return result


def from_device_like(pointer, other):
    return from_device(pointer, other.shape, other.dtype)


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    return _page_bytes(count * dtype.itemsize).view(dtype).reshape(shape, order=order)


def pagelocked_zeros(shape, dtype, order="C", mem_flags=0):
    result = pagelocked_empty(shape, dtype, order, mem_flags)
    result.fill(0)
    return result


def pagelocked_empty_like(array, mem_flags=0):
    return pagelocked_empty(array.shape, array.dtype, mem_flags=mem_flags)


def pagelocked_zeros_like(array, mem_flags=0):
    return pagelocked_zeros(array.shape, array.dtype, mem_flags=mem_flags)


def managed_empty(shape, dtype, order="C", mem_flags=mem_attach_flags.GLOBAL):
    return pagelocked_empty(shape, dtype, order)


def managed_zeros(shape, dtype, order="C", mem_flags=mem_attach_flags.GLOBAL):
    return pagelocked_zeros(shape, dtype, order)


def register_host_memory(array, flags=0):
    return array


# --- streams and events -----------------------------------------------------------------------------------------------


class Stream:
    """Work is done when the call that asks for it returns; `handle` is the calling thread's own stream."""

    def __init__(self, flags=0):
        self.handle = _PER_THREAD_STREAM

    def synchronize(self):
        pass

    def is_done(self):
        return True

    def wait_for_event(self, event):
        pass


class Event:
    """A clock."""

    def __init__(self, flags=event_flags.DEFAULT):
        self._flags = flags
        self._time = None

    def record(self, stream=None):
        self._time = time.perf_counter()
        return self

    def synchronize(self):
        return self

    def query(self):
        return True

    def time_since(self, other):
        """Milliseconds from the other's record to this one's."""
        for event in (self, other):
            if event._time is None or event._flags & event_flags.DISABLE_TIMING:
                raise LogicError("cuEventElapsedTime failed: invalid resource handle (not recorded, or not timed)")
        return (self._time - other._time) * 1e3

    def time_till(self, other):
        return other.time_since(self)


# --- the device -------------------------------------------------------------------------------------------------------


def init(flags=0):
    pass


def get_version():
    return 12, 8, 0


def get_driver_version():
    return 12080


class Device:
    """The host, as the only device."""

    def __init__(self, number=0):
        if number not in (0, "0000:00:00.0"):
            raise LogicError("cuDeviceGet failed: invalid device ordinal; the host is device 0, and the only one")

    @staticmethod
    def count():
        return 1

    def name(self):
        return f"Vivace host CPU: {platform.processor() or platform.machine()}"

    def pci_bus_id(self):
        return "0000:00:00.0"

    def compute_capability(self):
        return 8, 0

    def total_memory(self):
        return mem_get_info()[1]

    def get_attribute(self, attribute):
        values = {
            device_attribute.MAX_THREADS_PER_BLOCK: 1024,
            device_attribute.WARP_SIZE: 32,
            device_attribute.MULTIPROCESSOR_COUNT: os.cpu_count(),
            device_attribute.COMPUTE_CAPABILITY_MAJOR: 8,
        }
        return values.get(attribute, 0)

    def make_context(self, flags=ctx_flags.SCHED_AUTO):
        context = Context()
        context.push()
        return context

    def retain_primary_context(self):
        return Context()


class Context:
    """There is nothing to switch: contexts are kept as a stack because programs push and pop them."""

    _stack = threading.local()

    @classmethod
    def _all(cls):
        if not hasattr(cls._stack, "contexts"):
            cls._stack.contexts = []
        return cls._stack.contexts

    def push(self):
        self._all().append(self)

    @classmethod
    def pop(cls):
        if cls._all():
            cls._all().pop()

    def detach(self):
        if self in self._all():
            self._all().remove(self)

    @classmethod
    def get_current(cls):
        return cls._all()[-1] if cls._all() else None

    @staticmethod
    def get_device():
        return Device(0)

    @staticmethod
    def synchronize():
        pass
