"""Document 003: the build and deploy steps of TensorRT 5 in C++, and the Python interface that it lists."""

import re

import numpy as np

BATCH = 3
MAX_BATCH = 4

# The document's code is sketched: these are the places where it is not C++, or not TensorRT's name.
CORRECTIONS = [
    ("CafferParser", "CaffeParser"),
    ("parser.parser(", "parser.parse("),
    ("'deploy.prototxt'", '"deploy.prototxt"'),
    ("find('prob')", 'find("prob")'),
    ("setMaxWorksspaceSize", "setMaxWorkspaceSize"),
    ("setMaxBatchSize(1)", f"setMaxBatchSize({MAX_BATCH})"),
    ("DataType::kFloat", "DataType::kFLOAT"),
    ("Dims3{...}", "Dims3{4, 8, 8}"),
    ("addPooling(in,", "addPooling(*in, "),
    ("PoolingType:kMAX,...)", "PoolingType::kMAX, DimsHW{2, 2})"),
    ("void* buffers = malloc(", "void** buffers = (void**)malloc("),
    ("getNbBings", "getNbBindings"),
    ("batchSzie", "batchSize"),
    ("context.enqueue", "context->enqueue"),
    ("modelSize, nullptr)\n", "modelSize, nullptr);\n"),
]


def corrected(code):
    for wrong, right in CORRECTIONS:
        code = code.replace(wrong, right)
    return code


def test_corrections_are_all_needed(documents):
    text = documents(3).text
    assert [wrong for wrong, _ in CORRECTIONS if wrong not in text] == []


def test_steps_in_cpp(documents, place, stand_in, tmp_path):
    document = documents(3)
    parts = {
        "BUILD": document.block_with("createInferBuilder(gLogger)", "buildCudaEngine"),
        "LAYERS": document.block_with("addPooling(in"),
        "DEPLOY": document.block_with("cudaStreamSynchronize(stream)"),
        "RUNTIME": document.block_with("createInferRuntime(gLogger)"),
    }
    defines = []
    for name, code in parts.items():
        (tmp_path / f"{name}.inc").write_text(corrected(code))
        defines.append(f"-DSTEPS_{name}='\"{tmp_path}/{name}.inc\"'")
    stand_in("steps_003.cpp", tmp_path)
    place.compile(tmp_path, " ".join([*defines, "steps_003.cpp"]), "steps", "nvinfer", "cudart")
    x = np.random.default_rng(4).standard_normal((BATCH, 4, 8, 8), dtype=np.float32)
    x.tofile(tmp_path / "x.raw")
    place.run(tmp_path, "./steps", BATCH, "x.raw", "y.raw", "steps.plan")
    expected = x.reshape(BATCH, 4, 4, 2, 4, 2).max(axis=(3, 5))
    np.testing.assert_array_equal(np.fromfile(tmp_path / "y.raw", np.float32).reshape(expected.shape), expected)


def test_check_of_an_installation(documents, place, needs_python, tmp_path):
    (tmp_path / "check.py").write_text(documents(3).block_with("import tensorrt", "tensorrt.__version__"))
    printed = place.python(tmp_path, "check.py")
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.\d+)?\n", printed), printed


PYTHON_PROGRAM = """
import ctypes
import numpy as np
import tensorrt as trt
import pycuda.autoinit
import pycuda.driver as cuda

logger = trt.Logger(trt.Logger.WARNING)
builder = trt.Builder(logger)
for name in {builder}:
    assert hasattr(builder, name), name
assert builder.logger is logger or isinstance(builder.logger, trt.ILogger)
assert isinstance(builder.platform_has_tf32, bool)
assert builder.num_DLA_cores == 0
builder.max_batch_size = {max_batch}
assert builder.max_batch_size == {max_batch}

network = builder.create_network()
assert network.has_implicit_batch_dimension
x = network.add_input("input", trt.float32, (4, 8, 8))
pool = network.add_pooling(x, trt.PoolingType.MAX, (2, 2))
pool.stride = (2, 2)
pool.get_output(0).name = "prob"
network.mark_output(pool.get_output(0))
config = builder.create_builder_config()
assert len(bytes(builder.build_serialized_network(network, config))) > 100
engine = builder.build_engine(network, config)
for name in {engine}:
    assert hasattr(engine, name), name
assert engine.num_bindings == 2
assert engine.max_batch_size == {max_batch}
assert engine.has_implicit_batch_dimension
assert engine[0] == "input" and engine["prob"] == 1

context = engine.create_execution_context()
host = np.fromfile("x.raw", np.float32)
result = cuda.pagelocked_empty(host.size // 4, np.float32)
inputs, outputs = cuda.mem_alloc(host.nbytes), cuda.mem_alloc(result.nbytes)
stream = cuda.Stream()
cuda.memcpy_htod_async(inputs, host, stream)
assert context.execute_async({batch}, [int(inputs), int(outputs)], stream.handle)
cuda.memcpy_dtoh_async(result, outputs, stream)
stream.synchronize()
result.tofile("y.raw")

explicit = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
assert not explicit.has_implicit_batch_dimension
profile = builder.create_optimization_profile()
profile.set_shape("input", (1, 2), (2, 2), (4, 2))
assert [tuple(shape) for shape in profile.get_shape("input")] == [(1, 2), (2, 2), (4, 2)]
profile.set_shape_input("shape", [1], [2], [3])
"""


def listed_names(text, first, last):
    """The names that the document lists between two headings."""
    part = text[text.index(first) : text.index(last)]
    rows = re.findall(r"^\| `(\w+)`-", part, re.MULTILINE)
    rows += re.findall(r"^- `(\w+)`: `(?:int|bool)`", part, re.MULTILINE)
    return rows + re.findall(r"^> `(\w+)\(self", part, re.MULTILINE)


def test_python_interface(documents, place, needs_python, tmp_path):
    text = documents(3).text
    builder = listed_names(text, "### Builder", "### ICudaEngine")
    engine = listed_names(text, "### ICudaEngine", "## Reference")
    assert len(builder) == 10 and len(engine) == 4, (builder, engine)
    x = np.random.default_rng(5).standard_normal((BATCH, 4, 8, 8), dtype=np.float32)
    x.tofile(tmp_path / "x.raw")
    program = PYTHON_PROGRAM.format(builder=builder, engine=engine, batch=BATCH, max_batch=MAX_BATCH)
    (tmp_path / "program.py").write_text(program)
    place.python(tmp_path, "program.py")
    expected = x.reshape(BATCH, 4, 4, 2, 4, 2).max(axis=(3, 5))
    np.testing.assert_array_equal(np.fromfile(tmp_path / "y.raw", np.float32).reshape(expected.shape), expected)
