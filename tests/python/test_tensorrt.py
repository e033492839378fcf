"""The module tensorrt: programs as they are written for TensorRT."""

import gc
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from tensorrt_testing import EXPLICIT, Log, W, build_network, build_onnx, execute, expected, load, model, trt


@pytest.fixture
def log():
    return Log()


def test_version_and_helpers():
    assert trt.__version__ == "8.6.1"
    assert trt.Builder(trt.Logger()) and trt.Runtime(trt.Logger(trt.Logger.ERROR))
    assert trt.volume((2, 3, 4)) == 24 and trt.volume(()) == 1
    assert trt.nptype(trt.float16) == np.float16 and trt.nptype(trt.bool) == np.bool_
    with pytest.raises(TypeError):
        trt.nptype(trt.bfloat16)
    assert trt.float32.itemsize == 4 and trt.int8.itemsize == 1 and trt.bfloat16.itemsize == 2
    assert (trt.bfloat16, trt.int64) == (trt.DataType.BF16, trt.DataType.INT64) and trt.nptype(trt.int64) == np.int64
    assert trt.init_libnvinfer_plugins(None, "") and trt.get_plugin_registry() is not None


def test_enums_are_like_those_of_tensorrt():
    assert str(trt.DataType.FLOAT) == "DataType.FLOAT" and trt.float32.name == "FLOAT"
    assert int(trt.DataType.INT32) == 3 and 1 << int(trt.BuilderFlag.REFIT) == 32
    assert trt.BuilderFlag.__members__["FP16"] is trt.BuilderFlag.FP16
    assert trt.Logger.WARNING is trt.ILogger.Severity.WARNING and trt.Logger.ERROR < trt.Logger.INFO
    assert trt.SampleMode.DEFAULT == trt.SampleMode.STRICT_BOUNDS
    assert trt.ActivationType.RELU != trt.LayerType.CONVOLUTION and trt.LayerType.CONVOLUTION == 0
    assert trt.LayerType.POOLING not in {trt.ActivationType(int(trt.LayerType.POOLING)): 1}
    assert trt.ResizeMode.LINEAR is trt.InterpolationMode.LINEAR


def test_shapes_are_sequences():
    shape = trt.Dims((1, 2, 3))
    assert str(shape) == "(1, 2, 3)" and shape == (1, 2, 3) and shape != (1, 2) and shape[1:] == [2, 3]
    assert tuple(trt.Dims3(4, 5, 6)) == (4, 5, 6) and trt.DimsHW(3, 4).w == 4 and trt.DimsHW((3, 4)).h == 3
    assert trt.Dims4((1, 2, 3, 4))[-1] == 4 and len(trt.Dims4()) == 4
    with pytest.raises(ValueError):
        trt.Dims2(1, 2, 3)


def test_weights_hold_arrays():
    array = np.arange(4, dtype=np.float16)
    weights = trt.Weights(array)
    assert (weights.dtype, weights.size, weights.nbytes, len(weights)) == (trt.float16, 4, 8, 4)
    np.testing.assert_array_equal(weights.numpy(), array)
    assert trt.Weights().size == 0
    with pytest.raises(TypeError):
        trt.Weights(np.zeros(2, np.complex64))


def test_model_to_plan_file_to_results(tmp_path, log):
    (tmp_path / "model.onnx").write_bytes(model(4))
    with trt.Builder(log) as builder, builder.create_network(EXPLICIT) as network:
        config = builder.create_builder_config()
        config.max_workspace_size = 1 << 28
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
        with trt.OnnxParser(network, log) as parser:
            assert parser.parse_from_file(str(tmp_path / "model.onnx"))
        plan = builder.build_serialized_network(network, config)
        (tmp_path / "model.plan").write_bytes(plan)
        assert len(plan) == plan.nbytes == len(bytes(plan)) == len(bytearray(plan))

    with open(tmp_path / "model.plan", "rb") as file, trt.Runtime(log) as runtime:
        engine = runtime.deserialize_cuda_engine(file.read())
    context = engine.create_execution_context()
    assert [engine.get_binding_name(i) for i in range(engine.num_bindings)] == ["x", "y"] == list(engine)
    assert engine.binding_is_input(0) and not engine.binding_is_input("y") and engine["y"] == 1 and engine[0] == "x"
    assert tuple(engine.get_binding_shape(0)) == (4, 2) and engine.get_binding_dtype("y") == trt.float32
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(execute(context, x)[0], expected(x))
    y = np.zeros((4, 3), np.float32)
    assert context.execute_async_v2(bindings=[x.ctypes.data, y.ctypes.data], stream_handle=0)
    np.testing.assert_array_equal(y, expected(x))
    assert log.errors() == []


def test_dynamic_shapes_by_binding_and_by_name(log):
    engine = load(log, build_onnx(log, model(), [((1, 2), (4, 2), (16, 2))]))
    assert tuple(engine.get_binding_shape("x")) == (-1, 2) and engine.num_optimization_profiles == 1
    assert [tuple(s) for s in engine.get_profile_shape(0, "x")] == [(1, 2), (4, 2), (16, 2)]
    assert engine.get_tensor_profile_shape("x", 0)[2] == (16, 2)
    context = engine.create_execution_context()
    for rows in (1, 16, 5):
        x = np.random.default_rng(rows).standard_normal((rows, 2)).astype(np.float32)
        assert context.set_binding_shape(0, x.shape) and tuple(context.get_binding_shape(1)) == (rows, 3)
        np.testing.assert_allclose(execute(context, x)[0], expected(x), rtol=1e-6)

    assert engine.num_io_tensors == 2 and engine.get_tensor_name(1) == "y"
    assert engine.get_tensor_mode("x") == trt.TensorIOMode.INPUT
    assert engine.get_tensor_dtype("y") == trt.float32
    x = np.ones((7, 2), np.float32)
    y = np.zeros((7, 3), np.float32)
    assert context.set_input_shape("x", x.shape) and context.get_tensor_shape("y") == (7, 3)
    assert context.infer_shapes() == []
    assert context.set_tensor_address("x", x.ctypes.data) and context.set_tensor_address("y", y.ctypes.data)
    assert context.get_tensor_address("x") == x.ctypes.data
    assert context.execute_async_v3(0)
    np.testing.assert_allclose(y, expected(x))
    assert not context.set_input_shape("x", (17, 2)), "beyond the profile"
    assert log.errors()


def test_output_allocators_are_asked(log):
    class Allocator(trt.IOutputAllocator):
        def __init__(self):
            super().__init__()
            self.shapes = {}

        def reallocate_output(self, tensor_name, memory, size, alignment):
            self.array = np.zeros(size // 4, np.float32)
            return self.array.ctypes.data

        def notify_shape(self, tensor_name, shape):
            self.shapes[tensor_name] = tuple(shape)

    engine = load(log, build_onnx(log, model(3)))
    context = engine.create_execution_context()
    allocator = Allocator()
    x = np.ones((3, 2), np.float32)
    assert context.set_tensor_address("x", x.ctypes.data)
    assert context.set_output_allocator("y", allocator)
    assert context.execute_async_v3(stream_handle=0)
    assert allocator.shapes == {"y": (3, 3)}
    np.testing.assert_allclose(allocator.array[:9].reshape(3, 3), expected(x))


def test_convolution_network_with_arrays(log):
    rng = np.random.default_rng(1)
    kernel = rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
    bias = rng.standard_normal(4).astype(np.float32)

    def define(network, x):
        conv = network.add_convolution_nd(x, 4, (3, 3), kernel.copy(), bias.copy())
        conv.stride_nd = (2, 2)
        conv.padding = (1, 1)
        assert conv.kernel.shape == (108,) and tuple(conv.stride) == (2, 2) and conv.padding_nd == [1, 1]
        relu = network.add_activation(conv.get_output(0), trt.ActivationType.RELU)
        pool = network.add_pooling(relu.get_output(0), trt.PoolingType.MAX, trt.DimsHW(2, 2))
        pool.stride = (2, 2)
        return pool.get_output(0)

    engine = build_network(log, define, (1, 3, 8, 8))
    x = rng.standard_normal((1, 3, 8, 8)).astype(np.float32)
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    full = np.maximum(np.einsum("cyxhw,ochw->oyx", windows, kernel) + bias[:, None, None], 0)
    (y,) = execute(engine.create_execution_context(), x)
    np.testing.assert_allclose(y[0], full.reshape(4, 2, 2, 2, 2).max((2, 4)), rtol=1e-4, atol=1e-5)


def test_network_is_a_list_of_layers(log):
    builder = trt.Builder(log)
    network = builder.create_network(EXPLICIT)
    network.name = "small"
    x = network.add_input("x", trt.float32, (2, 3))
    add = network.add_elementwise(x, x, trt.ElementWiseOperation.SUM)
    add.name = "add"
    shuffle = network.add_shuffle(add.get_output(0))
    shuffle.reshape_dims = (3, 2)
    shuffle.second_transpose = (1, 0)
    network.mark_output(shuffle.get_output(0))
    shuffle.get_output(0).name = "y"
    assert (network.name, len(network), network.num_layers, network.num_inputs, network.num_outputs) == (
        "small",
        2,
        2,
        1,
        1,
    )
    assert [type(layer) for layer in network] == [trt.IElementWiseLayer, trt.IShuffleLayer]
    assert network[-1].name == shuffle.name and network.get_layer(0).name == "add"
    assert network.get_input(0).name == "x" and network.get_output(0).name == "y"
    assert network.get_input(0).shape == (2, 3) and network.get_output(0).shape == (2, 3)
    assert network[0].type == trt.LayerType.ELEMENTWISE and network[0].op == trt.ElementWiseOperation.SUM
    assert isinstance(add, trt.ILayer) and network[0].get_input(0).is_network_input
    assert list(network[1].second_transpose)[:2] == [1, 0] and network[1].reshape_dims == (3, 2)
    with pytest.raises(IndexError):
        network[2]


def test_layers_with_a_type_of_their_own_tell_their_kind(log):
    network = trt.Builder(log).create_network(EXPLICIT)
    x = network.add_input("x", trt.float32, (1, 1, 4, 4))
    relu = network.add_activation(x, trt.ActivationType.RELU)
    pool = network.add_pooling_nd(relu.get_output(0), trt.PoolingType.MAX, (2, 2))
    assert [layer.type for layer in network] == [trt.LayerType.ACTIVATION, trt.LayerType.POOLING]
    assert (relu.type, pool.type) == (trt.ActivationType.RELU, trt.PoolingType.MAX)
    layer = network[1]
    layer.__class__ = trt.IPoolingLayer
    assert layer.type == trt.PoolingType.MAX and layer.window_size_nd == (2, 2)


def test_layers_may_change_their_class(log):
    network = trt.Builder(log).create_network(EXPLICIT)
    x = network.add_input("x", trt.float32, (1, 1, 4, 4))
    network.add_convolution_nd(x, 1, (1, 1), np.ones(1, np.float32), None)
    layer = network.get_layer(0)
    layer.__class__ = trt.ILayer
    assert not hasattr(layer, "kernel")
    layer.__class__ = trt.IConvolutionLayer
    assert type(layer) is trt.IConvolutionLayer and layer.num_output_maps == 1
    np.testing.assert_array_equal(layer.kernel, [1])
    names = set(dir(trt.IConvolutionLayer)) - set(dir(trt.ILayer))
    assert {"kernel", "bias", "stride_nd"} <= names and all(hasattr(layer, name) for name in names)


def test_constants_matrices_and_shape_tensors(log):
    def define(network, x):
        w = network.add_constant((2, 3), np.ascontiguousarray(W)).get_output(0)
        product = network.add_matrix_multiply(x, trt.MatrixOperation.NONE, w, trt.MatrixOperation.NONE).get_output(0)
        total = network.add_reduce(product, trt.ReduceOperation.SUM, 1 << 1, True).get_output(0)
        return product, total, network.add_shape(product).get_output(0)

    engine = build_network(log, define, (4, 2))
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    product, total, shape = execute(engine.create_execution_context(), x)
    np.testing.assert_allclose(product, x @ W)
    np.testing.assert_allclose(total, (x @ W).sum(1, keepdims=True))
    np.testing.assert_array_equal(shape, [4, 3])


def test_weights_set_later_are_kept(log):
    def define(network, x):
        scale = network.add_scale(x, trt.ScaleMode.UNIFORM, None, np.ones(1, np.float32))
        scale.scale = np.full(1, 3, np.float32)
        scale.shift = trt.Weights(np.full(1, -1, np.float32))
        del scale
        gc.collect()
        noise = [np.full(1, 7, np.float32) for _ in range(100)]
        del noise
        return network.get_layer(0).get_output(0)

    engine = build_network(log, define, (1, 2, 2, 2))
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    np.testing.assert_allclose(execute(engine.create_execution_context(), x)[0], 3 * x - 1)


def test_implicit_batch_as_in_seven(log):
    builder = trt.Builder(log)
    builder.max_batch_size = 4
    builder.max_workspace_size = 1 << 20
    builder.fp16_mode = False
    network = builder.create_network()
    assert network.has_implicit_batch_dimension
    x = network.add_input("x", trt.float32, (3, 2, 2))
    relu = network.add_activation(x, trt.ActivationType.RELU)
    network.mark_output(relu.get_output(0))
    engine = builder.build_cuda_engine(network)
    assert engine is not None, log.errors()
    assert engine.max_batch_size == 4 and engine.has_implicit_batch_dimension
    assert tuple(engine.get_binding_shape(0)) == (3, 2, 2)
    context = engine.create_execution_context()
    x = np.random.default_rng(2).standard_normal((2, 3, 2, 2)).astype(np.float32)
    y = np.zeros_like(x)
    assert context.execute(batch_size=2, bindings=[x.ctypes.data, y.ctypes.data])
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    y[:] = 0
    assert context.execute_async(2, [x.ctypes.data, y.ctypes.data], 0)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_objects_keep_what_they_need(log):
    def context():
        plan = build_onnx(log, model(2))
        return trt.Runtime(trt.Logger()).deserialize_cuda_engine(plan).create_execution_context()

    made = context()
    gc.collect()
    x = np.ones((2, 2), np.float32)
    np.testing.assert_allclose(execute(made, x)[0], expected(x))


def test_other_threads_run_while_an_engine_is_built_and_runs(log):
    """Two threads build and run at the same time; each build calls the logger, which takes the interpreter."""
    results = {}

    def work(rows):
        own = Log()
        context = load(own, build_onnx(own, model(rows))).create_execution_context()
        x = np.full((rows, 2), rows, np.float32)
        results[rows] = all(np.array_equal(execute(context, x)[0], expected(x)) for _ in range(100))

    threads = [threading.Thread(target=work, args=(rows,)) for rows in (2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {2: True, 3: True, 4: True}


def test_wrong_models_and_plans_give_none_and_a_reason(log):
    network = trt.Builder(log).create_network(EXPLICIT)
    parser = trt.OnnxParser(network, log)
    assert not parser.parse(b"no model at all")
    assert parser.num_errors > 0 and parser.get_error(0).desc()
    parser.clear_errors()
    assert parser.num_errors == 0
    assert not parser.parse_from_file("/does/not/exist.onnx")

    log.lines.clear()
    assert trt.Runtime(log).deserialize_cuda_engine(b"no plan at all") is None
    assert log.errors()
    builder = trt.Builder(log)
    log.lines.clear()
    assert builder.build_serialized_network(builder.create_network(EXPLICIT), builder.create_builder_config()) is None
    assert log.errors()


def test_profiles_check_themselves(log):
    profile = trt.Builder(log).create_optimization_profile()
    assert profile.get_shape("x") == []
    profile.set_shape("x", (1, 2), (2, 2), (3, 2))
    assert [tuple(shape) for shape in profile.get_shape("x")] == [(1, 2), (2, 2), (3, 2)] and profile
    with pytest.raises((ValueError, TypeError)):
        profile.set_shape("x", (1, 2), (2, 2), (3, 2, 1))


def test_configuration_remembers(log):
    config = trt.Builder(log).create_builder_config()
    config.set_flag(trt.BuilderFlag.FP16)
    assert config.get_flag(trt.BuilderFlag.FP16)
    config.clear_flag(trt.BuilderFlag.FP16)
    assert not config.get_flag(trt.BuilderFlag.FP16)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 20)
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 1 << 20 == config.max_workspace_size
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    assert config.profiling_verbosity == trt.ProfilingVerbosity.DETAILED


def test_callbacks_of_python_classes(log):
    class Calibrator(trt.IInt8EntropyCalibrator2):
        def get_batch_size(self):
            return 3

    calibrator = Calibrator()
    assert calibrator.get_batch_size() == 3
    assert calibrator.get_algorithm() == trt.CalibrationAlgoType.ENTROPY_CALIBRATION_2
    config = trt.Builder(log).create_builder_config()
    config.int8_calibrator = calibrator
    assert config.int8_calibrator is calibrator
    config.int8_calibrator = None

    class Times(trt.IProfiler):
        def __init__(self):
            super().__init__()
            self.layers = {}

        def report_layer_time(self, layer_name, ms):
            self.layers[layer_name] = ms

    context = load(log, build_onnx(log, model(2))).create_execution_context()
    context.profiler = Times()
    execute(context, np.ones((2, 2), np.float32))
    assert context.profiler.layers and min(context.profiler.layers.values()) >= 0


def test_errors_of_loggers_do_not_end_the_program():
    program = (
        "import tensorrt as trt\n"
        "class L(trt.ILogger):\n"
        "    def __init__(self): super().__init__()\n"
        "    def log(self, severity, message): raise RuntimeError('no log today')\n"
        "assert trt.Runtime(L()).deserialize_cuda_engine(b'nothing') is None\n"
        "print('lives')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "lives\n" and "no log today" in done.stderr and done.returncode == 0


def test_engine_inspector_gives_json(log):
    engine = load(log, build_onnx(log, model(2)))
    inspector = engine.create_engine_inspector()
    assert json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    assert inspector.get_layer_information(0, trt.LayerInformationFormat.ONELINE)
    assert engine.num_layers > 0


def test_model_support_is_told(log):
    parser = trt.OnnxParser(trt.Builder(log).create_network(EXPLICIT), log)
    assert parser.supports_operator("Conv") and not parser.supports_operator("NoSuchOperator")
    supported, parts = parser.supports_model(model(2))
    assert supported and parts[0][0] == [0, 1] and parts[0][1]
