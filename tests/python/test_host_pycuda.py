"""The stand-in for PyCUDA over host memory; the package is put on the path as a program's user would."""

import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def cuda():
    folder = str(ROOT / "python" / "host_pycuda")
    before = {name for name in sys.modules if name.split(".")[0] == "pycuda"}
    assert not before, "another pycuda is in use"
    sys.path.insert(0, folder)
    try:
        import pycuda.autoinit
        import pycuda.driver

        assert pycuda.autoinit.context is pycuda.driver.Context.get_current()
        yield pycuda.driver
    finally:
        sys.path.remove(folder)
        for name in [name for name in sys.modules if name.split(".")[0] == "pycuda"]:
            del sys.modules[name]


def test_copies_come_back(cuda):
    host = np.arange(12, dtype=np.float32).reshape(3, 4)
    device = cuda.mem_alloc(host.nbytes)
    assert int(device) % 256 == 0
    cuda.memcpy_htod(device, host)
    back = cuda.pagelocked_empty(12, dtype=np.float32)
    stream = cuda.Stream()
    cuda.memcpy_dtoh_async(back, device, stream)
    stream.synchronize()
    assert stream.handle
    np.testing.assert_array_equal(back, host.ravel())
    cuda.memcpy_htod_async(device, np.zeros(4, np.float32), stream)
    cuda.memcpy_dtoh(back, device)
    np.testing.assert_array_equal(back, [0] * 4 + list(range(4, 12)))
    other = cuda.to_device(host)
    cuda.memcpy_dtod(device, other, host.nbytes)
    np.testing.assert_array_equal(cuda.from_device_like(device, host), host)
    cuda.memset_d32(device, 7, 2)
    np.testing.assert_array_equal(cuda.from_device(device, 2, np.uint32), [7, 7])
    cuda.memcpy_htod(int(device) + 4, b"\x01\x00\x00\x00")
    np.testing.assert_array_equal(cuda.from_device(device, 2, np.uint32), [7, 1])


def test_column_major_arrays_are_copied_as_they_lie(cuda):
    host = np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3))
    device = cuda.to_device(host)
    np.testing.assert_array_equal(cuda.from_device(device, 6, np.int32), [0, 3, 1, 4, 2, 5])
    back = np.empty((2, 3), np.int32, order="F")
    cuda.memcpy_dtoh(back, device)
    np.testing.assert_array_equal(back, host)


def test_a_copy_over_the_end_is_an_error(cuda):
    device = cuda.mem_alloc(16)
    with pytest.raises(cuda.LogicError, match="17 bytes where the memory has 16"):
        cuda.memcpy_htod(device, bytes(17))
    with pytest.raises(cuda.LogicError, match="has 12"):
        cuda.memcpy_dtoh(bytearray(16), int(device) + 4)
    with pytest.raises(cuda.LogicError, match="null"):
        cuda.memcpy_htod(0, bytes(1))
    with pytest.raises(ValueError, match="contiguous"):
        cuda.memcpy_htod(device, np.zeros((4, 4), np.uint8)[:, :2])
    with pytest.raises(ValueError, match="writable"):
        cuda.memcpy_dtoh(bytes(16), device)


def test_memory_is_freed_once(cuda):
    device = cuda.mem_alloc(16)
    device.free()
    with pytest.raises(cuda.LogicError):
        device.free()
    with pytest.raises(cuda.LogicError):
        int(device)
    with pytest.raises(cuda.LogicError):
        cuda.mem_alloc(0)
    with pytest.raises(cuda.MemoryError):
        cuda.mem_alloc(1 << 62)


def test_pagelocked_arrays(cuda):
    assert cuda.pagelocked_empty((2, 3), np.float16).shape == (2, 3)
    assert cuda.pagelocked_empty(0, np.float16).shape == (0,)
    zeros = cuda.pagelocked_zeros((4,), np.int8)
    assert zeros.tolist() == [0] * 4 and zeros.flags.writeable
    assert cuda.pagelocked_empty_like(zeros).dtype == np.int8


def test_events_are_clocks(cuda):
    start, end = cuda.Event(), cuda.Event()
    with pytest.raises(cuda.LogicError):
        end.time_since(start)
    start.record(cuda.Stream())
    end.record().synchronize()
    assert 0 <= end.time_since(start) < 1000
    assert start.time_till(end) == end.time_since(start)


def test_the_device_is_the_host(cuda):
    assert cuda.Device.count() == 1
    assert "host CPU" in cuda.Device(0).name()
    available, total = cuda.mem_get_info()
    assert 0 < available <= total == cuda.Device(0).total_memory()
    with pytest.raises(cuda.LogicError):
        cuda.Device(1)
    cuda.Context.synchronize()
    context = cuda.Device(0).make_context()
    assert cuda.Context.get_current() is context
    cuda.Context.pop()
    assert cuda.Context.get_current() is not context


def test_arrays(cuda):
    from pycuda import gpuarray

    array = gpuarray.to_gpu(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert array.ptr == int(array.gpudata)
    np.testing.assert_array_equal(array.get(), np.arange(6).reshape(2, 3))
    assert gpuarray.zeros(3, np.int32).get().tolist() == [0, 0, 0]
    empty = gpuarray.empty((2, 0), np.float32)
    assert empty.get().shape == (2, 0)
    with pytest.raises(ValueError, match="does not fit"):
        array.set(np.zeros(5, np.float32))


def test_kernels_are_refused(cuda):
    from pycuda.compiler import SourceModule

    with pytest.raises(cuda.RuntimeError, match="without a GPU"):
        SourceModule("__global__ void f() {}")
