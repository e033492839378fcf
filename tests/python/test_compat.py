"""vivace.compat: TensorRT's names for programs that are run by it or call it, beside what is installed."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import vivace.compat

CARRIED = vivace.compat.install()
vivace.compat.uninstall()
needs_tensorrt = pytest.mark.skipif("tensorrt" not in CARRIED, reason="built without the module tensorrt")

# Of the form that NVIDIA's samples have.
PROGRAM = """
import sys
import numpy as np
import tensorrt as trt
from {cuda} import {names}

def call(result):
    error, *values = result
    assert isinstance(error, cudart.cudaError_t)
    if error != cudart.cudaError_t.cudaSuccess:
        raise RuntimeError(cudart.cudaGetErrorName(error)[1])
    return values[0] if len(values) == 1 else values

logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)
network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
x = network.add_input("x", trt.float32, (2, 3))
layer = network.add_activation(x, trt.ActivationType.RELU)
layer.get_output(0).name = "y"
network.mark_output(layer.get_output(0))
plan = builder.build_serialized_network(network, builder.create_builder_config())
engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
context = engine.create_execution_context()
stream = call(cudart.cudaStreamCreate())
host = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
back = np.zeros_like(host)
given, made = call(cudart.cudaMalloc(host.nbytes)), call(cudart.cudaMalloc(host.nbytes))
kinds = cudart.cudaMemcpyKind
call(cudart.cudaMemcpyAsync(given, host, host.nbytes, kinds.cudaMemcpyHostToDevice, stream))
context.set_tensor_address("x", given)
context.set_tensor_address("y", made)
context.execute_async_v3(stream_handle=stream)
call(cudart.cudaMemcpyAsync(back.ctypes.data, made, host.nbytes, kinds.cudaMemcpyDeviceToHost, stream))
call(cudart.cudaStreamSynchronize(stream))
call(cudart.cudaFree(given)), call(cudart.cudaFree(made)), call(cudart.cudaStreamDestroy(stream))
print(sys.argv[1:], back.ravel().astype(int).tolist())
"""


def run(*arguments, cwd):
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)


@needs_tensorrt
@pytest.mark.parametrize(
    "cuda, names", [("cuda", "cuda, cudart"), ("cuda.bindings", "driver as cuda, runtime as cudart, nvrtc")]
)
@pytest.mark.parametrize("options", [[], ["--prefer"]])
def test_a_program_runs(tmp_path, cuda, names, options):
    (tmp_path / "program.py").write_text(PROGRAM.format(cuda=cuda, names=names))
    done = run("-m", "vivace.compat", *options, "program.py", "--batch", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['--batch', '2'] [1, 0, 3, 0, 5, 0]"


def test_a_module_runs_and_finds_what_lies_beside_it(tmp_path):
    (tmp_path / "beside.py").write_text("value = 7\n")
    (tmp_path / "program.py").write_text(
        "import sys, beside, pycuda.autoinit\nprint(__name__, beside.value, sys.argv[1])\n"
    )
    for how in (["program.py"], ["-m", "program"]):
        done = run("-m", "vivace.compat", *how, "a", cwd=tmp_path)
        assert done.stdout.strip() == "__main__ 7 a", done.stderr
    (tmp_path / "exits.py").write_text("raise SystemExit(5)\n")
    assert run("-m", "vivace.compat", "exits.py", cwd=tmp_path).returncode == 5


def test_what_is_missing_is_told(tmp_path):
    done = run("-m", "vivace.compat", "absent.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "absent.py" in done.stderr and "usage" in done.stderr
    assert run("-m", "vivace.compat", cwd=tmp_path).returncode == 2


def test_an_installed_package_is_shadowed_only_when_asked(tmp_path):
    """Another `cuda` is installed, without the part `bindings`; another `pycuda` is whole."""
    for name in ("cuda", "pycuda"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("other = True\n")
    (tmp_path / "pycuda" / "driver.py").write_text("other = True\n")
    text = """
        import vivace.compat
        vivace.compat.install({})
        import pycuda.driver, cuda, cuda.bindings.runtime
        print(hasattr(pycuda.driver, "other"), hasattr(cuda, "other"), cuda.bindings.runtime.cudaGetDeviceCount()[1])
    """
    for argument, told in (("", "True True 1"), ("prefer=True", "False False 1")):
        done = run("-c", textwrap.dedent(text.format(argument)), cwd=tmp_path)
        assert done.stdout.strip() == told, done.stderr
    late = "import pycuda, vivace.compat\nvivace.compat.install(prefer=True)"
    done = run("-c", late, cwd=tmp_path)
    assert "ImportError: pycuda of another package is imported already" in done.stderr


def test_names_are_chosen():
    before = list(sys.meta_path)
    with pytest.raises(ValueError, match="no compatible module for numpy"):
        vivace.compat.install(names=["numpy"])
    assert vivace.compat.install(names=["cuda"]) == ["cuda"]
    assert vivace.compat.install(names=["cuda"]) == ["cuda"]
    assert len(sys.meta_path) == len(before) + 1
    vivace.compat.uninstall()
    assert sys.meta_path == before


@pytest.fixture(scope="module")
def cuda():
    assert not [name for name in sys.modules if name.split(".")[0] == "cuda"], "another cuda is in use"
    vivace.compat.install(prefer=True, names=["cuda"])
    try:
        from cuda.bindings import driver, nvrtc, runtime

        yield runtime, driver, nvrtc
    finally:
        vivace.compat.uninstall()
        for name in [name for name in sys.modules if name.split(".")[0] == "cuda"]:
            del sys.modules[name]


def test_memory_of_the_runtime(cuda):
    runtime, driver, _ = cuda
    ok, bad = runtime.cudaError_t.cudaSuccess, runtime.cudaError_t.cudaErrorInvalidValue
    for allocate, free in (
        (runtime.cudaMalloc, runtime.cudaFree),
        (runtime.cudaMallocHost, runtime.cudaFreeHost),
        (lambda size: runtime.cudaMallocAsync(size, 0), lambda p: runtime.cudaFreeAsync(p, 0)),
        (runtime.cudaMallocManaged, runtime.cudaFree),
    ):
        error, pointer = allocate(1000)
        assert error == ok and pointer % 256 == 0
        source = np.arange(250, dtype=np.int32)
        target = np.zeros_like(source)
        assert runtime.cudaMemcpy(pointer, source, 1000, runtime.cudaMemcpyKind.cudaMemcpyHostToDevice) == (ok,)
        assert runtime.cudaMemset(pointer, 1, 4) == (ok,)
        assert runtime.cudaMemcpy(target, pointer, 1000, runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost) == (ok,)
        assert target[0] == 0x01010101 and (target[1:] == source[1:]).all()
        # Over the end, and to nowhere.
        assert runtime.cudaMemcpy(pointer + 8, source, 1000, 1) == (bad,)
        assert runtime.cudaMemset(0, 0, 8) == (bad,)
        assert runtime.cudaGetLastError() == (bad,)
        assert runtime.cudaGetLastError() == (ok,)
        held, free_block = (
            runtime.cudaPointerGetAttributes(pointer)[1],
            runtime.cudaMemoryType.cudaMemoryTypeUnregistered,
        )
        assert held.type == runtime.cudaMemoryType.cudaMemoryTypeDevice
        assert free(pointer) == (ok,)
        assert runtime.cudaPointerGetAttributes(pointer)[1].type == free_block
        assert free(pointer) == (bad,)
    assert runtime.cudaFree(0) == (ok,)
    assert runtime.cudaMalloc(1 << 60)[0] == runtime.cudaError_t.cudaErrorMemoryAllocation
    assert runtime.cudaGetErrorName(bad) == (ok, b"cudaErrorInvalidValue")
    assert runtime.cudaGetErrorString(bad) == (ok, b"invalid argument")
    free_bytes, total = runtime.cudaMemGetInfo()[1:]
    assert 0 < free_bytes <= total
    error, pointer = driver.cuMemAlloc(4)
    assert driver.cuMemcpyHtoD(pointer, b"abcd", 4) == (driver.CUresult.CUDA_SUCCESS,)
    back = bytearray(4)
    assert driver.cuMemcpyDtoH(back, pointer, 4) == (driver.CUresult.CUDA_SUCCESS,)
    assert back == b"abcd"
    assert driver.cuMemFree(pointer) == (driver.CUresult.CUDA_SUCCESS,)


def test_pools_of_the_runtime(cuda):
    runtime, _, _ = cuda
    ok = runtime.cudaError_t.cudaSuccess
    properties = runtime.cudaMemPoolProps()
    properties.location.type = runtime.cudaMemLocationType.cudaMemLocationTypeDevice
    error, pool = runtime.cudaMemPoolCreate(properties)
    assert error == ok
    threshold = runtime.cudaMemPoolAttr.cudaMemPoolAttrReleaseThreshold
    assert runtime.cudaMemPoolSetAttribute(pool, threshold, 4096) == (ok,)
    assert runtime.cudaMemPoolGetAttribute(pool, threshold) == (ok, 4096)
    error, pointer = runtime.cudaMallocFromPoolAsync(64, pool, 0)
    assert error == ok and runtime.cudaFreeAsync(pointer, 0) == (ok,)
    assert runtime.cudaMemPoolDestroy(pool) == (ok,)
    assert runtime.cudaMallocFromPoolAsync(64, pool, 0)[0] != ok


def test_events_and_the_device(cuda):
    runtime, driver, nvrtc = cuda
    ok = runtime.cudaError_t.cudaSuccess
    start, end = runtime.cudaEventCreate()[1], runtime.cudaEventCreateWithFlags(0)[1]
    assert runtime.cudaEventElapsedTime(start, end)[0] != ok
    for event in (start, end):
        assert runtime.cudaEventRecord(event, 0) == (ok,)
    error, milliseconds = runtime.cudaEventElapsedTime(start, end)
    assert error == ok and 0 <= milliseconds < 1000
    assert runtime.cudaEventDestroy(start) == (ok,)
    assert runtime.cudaEventDestroy(start)[0] != ok
    assert runtime.cudaSetDevice(0) == (ok,)
    assert runtime.cudaSetDevice(1)[0] == runtime.cudaError_t.cudaErrorInvalidDevice
    major = runtime.cudaDeviceAttr.cudaDevAttrComputeCapabilityMajor
    assert runtime.cudaDeviceGetAttribute(major, 0)[1] == runtime.cudaGetDeviceProperties(0)[1].major == 8
    assert driver.cuInit(0) == (driver.CUresult.CUDA_SUCCESS,)
    assert driver.cuCtxCreate(None, 0, driver.cuDeviceGet(0)[1])[0] == driver.CUresult.CUDA_SUCCESS
    assert driver.cuGetErrorName(driver.cuLaunchKernel()[0])[1] == b"CUDA_ERROR_NOT_SUPPORTED"
    assert nvrtc.nvrtcCreateProgram(b"", b"", 0, [], [])[0].value != 0
