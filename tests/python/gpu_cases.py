"""Runs on a GPU's memory, on the null device: its memory is the host's, and a network without layers gives its input.

test_gpu.py runs these in a process of their own, for a driver is opened once.
"""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest
import vivace


class OnGpu:
    """An array as numba and others have them."""

    def __init__(self, array, **more):
        self.array, self.more = array, more

    @property
    def __cuda_array_interface__(self):
        given = {"shape": self.array.shape, "typestr": self.array.dtype.str, "data": (self.array.ctypes.data, False)}
        return given | {"strides": self.array.strides, "version": 3} | self.more


def on_host(output):
    """What an output holds."""
    given = output.__cuda_array_interface__
    bytes_there = (ctypes.c_char * output.nbytes).from_address(given["data"][0])
    return np.frombuffer(bytes_there, np.dtype(given["typestr"])).reshape(given["shape"]).copy()


@pytest.fixture
def engine():
    net = vivace.Network("same")
    net.output(net.add("Identity", [net.input("x", "float32", ("batch", 2))]), "y")
    return vivace.build(net, device="cuda", precision="fp16", effort=0, shapes={"x": ((1, 2), (3, 2), (16, 2))})


def test_inputs_of_the_gpu_are_used_where_they_are(engine):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    (y,) = engine.run([OnGpu(x)])
    assert isinstance(y, vivace.DeviceArray) and engine.device == "cuda:0"
    assert y.shape == (3, 2) and y.dtype == np.float32 and y.nbytes == 24
    np.testing.assert_array_equal(on_host(y), x)
    x += 1  # the same addresses again, then replayed
    for _ in range(2):
        np.testing.assert_array_equal(on_host(engine.run({"x": OnGpu(x)}, outputs=["y"])[0]), x)


def test_outputs_are_inputs_and_dlpack(engine):
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    (y,) = engine.run([OnGpu(x)], stream=5)
    assert y.stream == 5 and y.__cuda_array_interface__["stream"] == 5
    assert y.__dlpack_device__() == (2, 0) and "dltensor" in repr(y.__dlpack__(stream=5))
    (again,) = engine.run([y])
    assert again.stream == 5  # where its input is ready
    np.testing.assert_array_equal(on_host(again), x)


def test_memory_is_used_again_only_when_nobody_holds_it(engine):
    x = OnGpu(np.ones((3, 2), np.float32))
    first = engine.run([x])[0]
    second = engine.run([x])[0]
    address = second.__cuda_array_interface__["data"][0]
    assert first.__cuda_array_interface__["data"][0] != address
    capsule = second.__dlpack__()
    del second
    held = engine.run([x])[0]
    assert held.__cuda_array_interface__["data"][0] != address
    del capsule
    assert engine.run([x])[0].__cuda_array_interface__["data"][0] == address


def test_host_arrays_go_to_a_stream_through_pinned_memory(engine):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    (y,) = engine.run([x.tolist()], stream=0)
    engine.wait()
    np.testing.assert_array_equal(on_host(y), x)
    pinned = engine.pinned((3, 2), "float32")
    pinned[:] = x + 1
    np.testing.assert_array_equal(on_host(engine.run([pinned], stream=0)[0]), x + 1)
    np.testing.assert_array_equal(engine.run([x])[0], x)  # without a stream all is as on the CPU


def test_what_does_not_fit_is_refused(engine):
    x = np.zeros((3, 4), np.float32)
    with pytest.raises(ValueError, match="'x' is not contiguous"):
        engine.run([OnGpu(x[:, ::2])])
    with pytest.raises(vivace.Error, match="3x4"):
        engine.run([OnGpu(x)])
    with pytest.raises(vivace.Error, match="not f64"):
        engine.run([OnGpu(np.zeros((3, 2)))])
    with pytest.raises(vivace.Error, match="1 inputs"):
        engine.run([OnGpu(x), OnGpu(x)])
    with pytest.raises(ValueError, match="mask"):
        engine.run([OnGpu(np.zeros((3, 2), np.float32), mask=1)])
    with pytest.raises(ValueError, match="precision 'fp8'"):
        vivace.build(vivace.Network("n"), precision="fp8")


def test_a_cpu_engine_says_that_it_needs_a_gpu(network):
    with pytest.raises(vivace.Error, match="needs a GPU"):
        vivace.build(network, effort=0, shapes={"x": (3, 2)}).run([np.zeros((3, 2), np.float32)], stream=0)


def test_streams_of_other_libraries_have_their_number():
    class Stream:
        def __init__(self, name):
            setattr(self, name, 7)

    class Protocol:
        def __cuda_stream__(self):
            return 0, 7

    from vivace import gpu

    assert [gpu.stream_of(s, []) for s in (Stream("cuda_stream"), Stream("ptr"), Protocol(), 7)] == [7] * 4


def test_engines_elsewhere_are_named():
    """Without a driver a build for the GPU says what is missing and how it is had."""
    program = "import vivace; print(vivace.devices())"
    said = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"VIVACE_CUDA": "off"}, capture_output=True, text=True
    )
    assert "unset it" in said.stdout


def test_onnx_backend_has_the_gpu():
    parser = pytest.importorskip("onnx.parser")
    from vivace import backend

    assert backend.supports_device("CPU") and backend.supports_device("CUDA") and backend.supports_device("CUDA:0")
    assert not backend.supports_device("CUDA:7")
    same = '<ir_version: 9, opset_import: ["" : 17]> same (float[2] x) => (float[2] y) { y = Identity(x) }'
    made = backend.prepare(parser.parse_model(same), "CUDA")
    assert made.engine.device == "cuda:0"
    np.testing.assert_array_equal(made.run(np.float32([1, 2])).y, [1, 2])
