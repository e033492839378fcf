"""The module tensorrt as the generation that VIVACE_TENSORRT_VERSION or vivace.compat asks for."""

import os
import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper
from tensorrt_testing import trt  # skips where the module is not built

# y = relu(x): the way that programs choose where they look for names that only some generations have.
PROGRAM = """
import sys
import numpy as np
import tensorrt as trt

logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)
explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
network = builder.create_network(0 if explicit is None or sys.argv[1] == "plain" else 1 << int(explicit))
kind = trt.int64 if int(trt.__version__.split(".")[0]) > 8 else trt.int32
x = network.add_input("x", kind, (2, 3))
sizes = network.add_shape(input=x).get_output(0)
assert sizes.dtype == (trt.int64 if int(trt.__version__.split(".")[0]) > 9 else trt.int32) and sizes.is_shape_tensor
y = network.add_elementwise(x, x, trt.ElementWiseOperation.SUM).get_output(0)
y.name = "y"
network.mark_output(y)
config = builder.create_builder_config()
old = hasattr(builder, "build_engine")
engine = builder.build_engine(network, config) if old else trt.Runtime(logger).deserialize_cuda_engine(
    builder.build_serialized_network(network, config))
context = engine.create_execution_context()
data = np.arange(6, dtype=trt.nptype(kind)).reshape(2, 3) << (33 if kind == trt.int64 else 3)
made = np.zeros_like(data)
if hasattr(engine, "num_bindings"):
    context.execute_async_v2([data.ctypes.data, made.ctypes.data], 0)
else:
    context.set_tensor_address("x", data.ctypes.data)
    context.set_tensor_address("y", made.ctypes.data)
    context.execute_async_v3(0)
assert (made == 2 * data).all() and engine.get_tensor_dtype("y") == kind
print(trt.__version__, old, network.has_implicit_batch_dimension, engine.get_tensor_shape("x"))
"""


def run(*command, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "VIVACE_TENSORRT_VERSION"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=kept | environment)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "version, told",
    [
        ("7", "7.2.3 True False (2, 3)"),
        ("8.6", "8.6.1 True False (2, 3)"),
        ("9", "9.3.0 True False (2, 3)"),
        ("10", "10.16.0 False False (2, 3)"),
        ("11.1.0", "11.1.0 False False (2, 3)"),
    ],
)
def test_programs_find_what_a_generation_has(version, told):
    assert run("-c", PROGRAM, "explicit", VIVACE_TENSORRT_VERSION=version) == told
    if int(version.split(".")[0]) >= 10:
        assert run("-c", PROGRAM, "plain", VIVACE_TENSORRT_VERSION=version) == told


@pytest.mark.parametrize("version, bits", [("8", 32), ("9", 64), ("10", 64)])
def test_64_bit_integers_of_models_stay_from_nine_on(version, bits, tmp_path):
    value = [helper.make_tensor_value_info(name, TensorProto.INT64, [2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "wide", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    program = """
import sys
import tensorrt as trt
builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
assert trt.OnnxParser(network, builder.logger).parse_from_file(sys.argv[1])
plan = builder.build_serialized_network(network, builder.create_builder_config())
engine = trt.Runtime(builder.logger).deserialize_cuda_engine(plan)
print(network.get_input(0).dtype, engine.get_tensor_dtype("x"), engine.get_tensor_dtype("y"))
"""
    told = " ".join([f"DataType.INT{bits}"] * 3)
    assert run("-c", program, str(tmp_path / "m.onnx"), VIVACE_TENSORRT_VERSION=version) == told


def test_names_go_with_their_generation():
    program = """
import tensorrt as trt
gone = {
    10: ["ResizeMode", "IRNNv2Layer", "ICudaEngine.num_bindings", "ICudaEngine.get_binding_shape",
         "IExecutionContext.execute_async_v2", "Builder.max_batch_size", "IBuilderConfig.max_workspace_size",
         "INetworkDefinition.add_fully_connected", "BuilderFlag.STRICT_TYPES", "LayerType.RNN_V2"],
    11: ["IInt8Calibrator", "NetworkDefinitionCreationFlag.EXPLICIT_BATCH", "BuilderFlag.FP16", "ILayer.precision",
         "Builder.platform_has_fast_fp16", "OnnxParser.supports_model", "TacticSource.CUBLAS"],
}
def there(name):
    owner, _, member = name.rpartition(".")
    place = getattr(trt, owner) if owner else trt
    by_list = getattr(place, "__members__", None)
    assert by_list is None or (member in by_list) == hasattr(place, member)
    return hasattr(place, member)
print([since for since, names in gone.items() if not any(map(there, names))],
      [since for since, names in gone.items() if all(map(there, names))])
"""
    for version, told in (("8", "[] [10, 11]"), ("10", "[10] [11]"), ("11", "[10, 11] []")):
        assert run("-c", program, VIVACE_TENSORRT_VERSION=version) == told
    assert "'12'; the generations of TensorRT's interface here are 7, 8" in run(
        "-c", "import tensorrt", VIVACE_TENSORRT_VERSION="12"
    )


def test_programs_are_run_as_a_generation(tmp_path):
    (tmp_path / "program.py").write_text("import sys, tensorrt\nprint(tensorrt.__version__, *sys.argv[1:])\n")
    program = str(tmp_path / "program.py")
    assert run("-m", "vivace.compat", "--tensorrt", "10", program, "--tensorrt") == "10.16.0 --tensorrt"
    assert run("-m", "vivace.compat", "--prefer", "--tensorrt", "11", program) == "11.1.0"
    assert run("-m", "vivace.compat", program) == "8.6.1"
    started = "import vivace.compat; vivace.compat.install(version=10); import tensorrt; print(tensorrt.__version__)"
    assert run("-c", started) == "10.16.0"
    late = "import tensorrt, vivace.compat; vivace.compat.install(version=10)"
    assert "imported already, as version 8.6.1" in run("-c", late)


def test_the_version_is_the_one_asked_for():
    asked = os.environ.get("VIVACE_TENSORRT_VERSION") or "8"
    assert trt.__version__.split(".")[0] == asked.split(".")[0]
