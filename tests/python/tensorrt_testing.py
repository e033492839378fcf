"""What the tests of the module tensorrt share: a logger that remembers, small models and networks, and running them."""

import gc

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

trt = pytest.importorskip("tensorrt")
if not hasattr(trt, "Builder"):
    pytest.skip("the module tensorrt is not built", allow_module_level=True)

EXPLICIT = 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
W = np.array([[1, -1, 2], [1, 1, -3]], np.float32)


class Log(trt.ILogger):
    def __init__(self):
        super().__init__()
        self.lines = []

    def log(self, severity, message):
        self.lines.append((severity, message))

    def errors(self):
        return [message for severity, message in self.lines if severity <= trt.ILogger.ERROR]


def expected(x):
    return np.maximum(x @ W, 0)


def model(rows="n"):
    """y = relu(x @ W) as ONNX bytes."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["p"], "product"), helper.make_node("Relu", ["p"], ["y"], "relu")],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 3])],
        [numpy_helper.from_array(W, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    return made.SerializeToString()


def parse(log, data):
    builder = trt.Builder(log)
    network = builder.create_network(EXPLICIT)
    parser = trt.OnnxParser(network, log)
    assert parser.parse(data), [str(parser.get_error(i)) for i in range(parser.num_errors)]
    return builder, network, builder.create_builder_config()


def build_onnx(log, data, profiles=()):
    builder, network, config = parse(log, data)
    for low, best, high in profiles:
        profile = builder.create_optimization_profile()
        profile.set_shape("x", low, best, high)
        assert config.add_optimization_profile(profile) >= 0
    plan = builder.build_serialized_network(network, config)
    assert plan is not None, log.errors()
    return plan


def load(log, plan):
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    assert engine is not None, log.errors()
    return engine


def execute(context, *inputs):
    """Runs by bindings; inputs come first, as arrays of the right shape."""
    engine = context.engine
    arrays = [np.ascontiguousarray(x) for x in inputs]
    for index in range(len(arrays), engine.num_bindings):
        shape = tuple(context.get_binding_shape(index))
        arrays.append(np.zeros(shape, trt.nptype(engine.get_binding_dtype(index))))
    assert context.execute_v2(bindings=[array.ctypes.data for array in arrays])
    return arrays[len(inputs) :]


def build_network(log, define, *shapes, implicit=0):
    """An engine of a network that `define(network, *inputs)` makes; it returns the output tensors."""
    builder = trt.Builder(log)
    network = builder.create_network(0 if implicit else EXPLICIT)
    inputs = [network.add_input(f"x{i}", trt.float32, shape) for i, shape in enumerate(shapes)]
    outputs = define(network, *inputs)
    for tensor in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        network.mark_output(tensor)
    builder.max_batch_size = max(implicit, 1)
    gc.collect()  # nothing that the network needs may go
    engine = builder.build_engine(network, builder.create_builder_config())
    assert engine is not None, log.errors()
    return engine
