"""Memory, streams and events that the runtime and the driver share."""

import ctypes
import os
import threading
import time

import numpy as np

_ALIGNMENT = 256
PER_THREAD_STREAM = 2  # the value of cudaStreamPerThread, which every CUDA runtime knows


class Memory:
    """Blocks given out, by address: freeing anything else is an error and not a crash."""

    def __init__(self):
        self._lock = threading.Lock()
        self._blocks = {}

    def allocate(self, nbytes):
        """The address of `nbytes` of aligned memory; None where there is not as much."""
        try:
            memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
        except (ValueError, MemoryError):
            return None
        address = memory.ctypes.data + -memory.ctypes.data % _ALIGNMENT
        with self._lock:
            self._blocks[address] = memory
        return address

    def free(self, address):
        """Whether there was such a block."""
        with self._lock:
            return self._blocks.pop(address, None) is not None

    def size(self, address):
        """The bytes of the block that holds an address; None where it is none of these."""
        with self._lock:
            for start, memory in self._blocks.items():
                if start <= address < start + memory.nbytes - _ALIGNMENT:
                    return start + memory.nbytes - _ALIGNMENT - address
        return None


memory = Memory()


def address_of(pointer):
    """The address that a caller means: a number, a handle, or an object with a buffer."""
    if pointer is None:
        return 0
    if isinstance(pointer, np.ndarray):
        return pointer.ctypes.data
    if hasattr(pointer, "__int__") or hasattr(pointer, "__index__"):
        return int(pointer)
    return np.frombuffer(pointer, np.uint8).ctypes.data


def copy(target, source, nbytes):
    """Whether the copy could be made: both ends have an address, and room where it is known."""
    target, source = address_of(target), address_of(source)
    if nbytes and not (target and source):
        return False
    for address in (target, source):
        room = memory.size(address)
        if room is not None and room < nbytes:
            return False
    ctypes.memmove(target, source, nbytes)
    return True


def fill(target, value, nbytes):
    """Whether there was memory to fill."""
    target = address_of(target)
    room = memory.size(target)
    if (nbytes and not target) or (room is not None and room < nbytes):
        return False
    ctypes.memset(target, value & 0xFF, nbytes)
    return True


def free_and_total():
    page = os.sysconf("SC_PAGE_SIZE")
    return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


class Handle(int):
    """A number that C calls take."""

    def __new__(cls, value=0):
        return super().__new__(cls, value)

    def getPtr(self):
        """The address of a place that holds the handle."""
        self._place = ctypes.c_void_p(int(self))
        return ctypes.addressof(self._place)


class Events:
    """Clocks by handle."""

    def __init__(self):
        self._times = {}
        self._next = 1

    def create(self):
        self._next += 1
        self._times[self._next] = None
        return self._next

    def known(self, event):
        return int(event) in self._times

    def record(self, event):
        self._times[int(event)] = time.perf_counter()

    def milliseconds(self, first, second):
        """None where either was not recorded."""
        times = self._times.get(int(first)), self._times.get(int(second))
        return None if None in times else (times[1] - times[0]) * 1e3

    def destroy(self, event):
        return self._times.pop(int(event), self) is not self


events = Events()
