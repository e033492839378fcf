"""The module tensorrt: engines, contexts, refitters, inspectors."""

import gc

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tensorrt_testing import EXPLICIT, Log, W, build_network, build_onnx, execute, expected, load, model, parse, trt

X = np.arange(8, dtype=np.float32).reshape(4, 2)
RANGES = [((1, 2), (2, 2), (4, 2)), ((5, 2), (6, 2), (8, 2))]


@pytest.fixture
def log():
    return Log()


def test_what_engines_tell(log):
    builder, network, config = parse(log, model(4))
    network.name = "four rows"
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    engine = load(log, builder.build_serialized_network(network, config))
    assert isinstance(engine, trt.ICudaEngine) and engine.name == "four rows"
    assert engine.num_layers > 0 and engine.num_optimization_profiles >= 1
    assert engine.profiling_verbosity == trt.ProfilingVerbosity.DETAILED and not engine.refittable
    assert engine.engine_capability == trt.EngineCapability.STANDARD
    assert engine.hardware_compatibility_level == trt.HardwareCompatibilityLevel.NONE
    assert not engine.has_implicit_batch_dimension and engine.num_aux_streams == 0
    assert engine.device_memory_size == engine.get_device_memory_size_for_profile(0) >= 0
    assert engine.device_memory_size_v2 == engine.get_device_memory_size_for_profile_v2(profile_index=0) >= 0
    assert bytes(engine.serialize())[:4] == bytes(load(log, engine.serialize()).serialize())[:4]
    for name, mode in (("x", trt.TensorIOMode.INPUT), ("y", trt.TensorIOMode.OUTPUT), ("z", trt.TensorIOMode.NONE)):
        assert engine.get_tensor_mode(name) == mode
    assert engine.get_tensor_format("x") == trt.TensorFormat.LINEAR and "inear" in engine.get_tensor_format_desc("x")
    assert engine.get_tensor_location("x") == engine.get_location(0) == trt.TensorLocation.DEVICE
    assert (engine.get_tensor_bytes_per_component("x"), engine.get_tensor_components_per_element("x")) == (4, 1)
    assert engine.get_tensor_vectorized_dim("x") == -1
    assert not engine.is_shape_inference_io("x") and not engine.is_shape_binding(0) and engine.is_execution_binding(0)
    assert engine.get_binding_index("y") == 1 and engine.get_binding_index(name="z") == -1
    assert engine.binding_is_input(name="x") and not engine.binding_is_input(index=1)
    assert engine.get_binding_shape(name="y") == (4, 3) and engine.get_binding_dtype(index=0) == trt.float32
    assert engine.get_aliased_input_tensor("y") is None and not engine.is_debug_tensor("y")
    with pytest.raises(IndexError):
        engine[2]


def test_weights_are_not_streamed(log):
    engine = load(log, build_onnx(log, model(4)))
    assert engine.streamable_weights_size == 0 and engine.get_weight_streaming_automatic_budget() == 0
    assert engine.minimum_weight_streaming_budget == engine.weight_streaming_scratch_memory_size == 0
    engine.weight_streaming_budget = engine.weight_streaming_budget_v2 = 0
    assert engine.weight_streaming_budget == engine.weight_streaming_budget_v2 == 0
    assert engine.get_engine_stat(trt.EngineStat.STRIPPED_WEIGHTS_SIZE) <= engine.get_engine_stat(
        trt.EngineStat.TOTAL_WEIGHTS_SIZE
    )


def test_budgets_for_weights_that_may_be_streamed(log):
    builder, network, config = parse(log, model(4))
    config.set_flag(trt.BuilderFlag.WEIGHT_STREAMING)
    engine = load(log, builder.build_serialized_network(network, config))
    whole = engine.streamable_weights_size
    assert whole >= W.nbytes == engine.minimum_weight_streaming_budget
    assert engine.weight_streaming_budget_v2 == engine.get_weight_streaming_automatic_budget() == whole
    engine.weight_streaming_budget_v2 = 10
    assert engine.weight_streaming_budget_v2 == 10 and engine.weight_streaming_scratch_memory_size == W.nbytes
    engine.weight_streaming_budget = W.nbytes
    assert engine.weight_streaming_budget == W.nbytes
    np.testing.assert_array_equal(execute(engine.create_execution_context(), X)[0], expected(X))


def test_plans_without_weights_are_filled(log):
    w = np.random.default_rng(5).standard_normal((2, 64)).astype(np.float32)

    def build(*flags):
        builder = trt.Builder(log)
        network = builder.create_network(EXPLICIT)
        x = network.add_input("x", trt.float32, (4, 2))
        constant = network.add_constant((2, 64), w)
        assert network.set_weights_name(constant.weights, "w") or constant.weights.size == w.size
        none = trt.MatrixOperation.NONE
        network.mark_output(network.add_matrix_multiply(x, none, constant.get_output(0), none).get_output(0))
        config = builder.create_builder_config()
        for flag in flags:
            config.set_flag(flag)
        return builder.build_serialized_network(network, config)

    full, stripped = build(), build(trt.BuilderFlag.STRIP_PLAN)
    assert stripped.nbytes < full.nbytes
    engine = load(log, stripped)
    assert engine.refittable and engine.get_engine_stat(trt.EngineStat.STRIPPED_WEIGHTS_SIZE) == w.nbytes
    refitter = trt.Refitter(engine, log)
    assert not refitter.refit_cuda_engine()
    ((layer, role),) = refitter.get_missing()
    assert role == trt.WeightsRole.KERNEL and refitter.set_weights(layer_name=layer, role=role, weights=w)
    assert refitter.get_missing() == [] and refitter.refit_cuda_engine()
    np.testing.assert_allclose(execute(engine.create_execution_context(), X)[0], X @ w, rtol=1e-5)


def test_profiles_of_contexts(log):
    engine = load(log, build_onnx(log, model(), RANGES))
    assert engine.num_optimization_profiles == 2
    assert [engine.get_tensor_profile_shape("x", 1)[i] for i in range(3)] == list(RANGES[1])
    context = engine.create_execution_context()
    assert context.engine is engine and context.active_optimization_profile == 0
    assert not context.set_input_shape("x", (6, 2))
    assert context.set_optimization_profile_async(1, 0) and context.active_optimization_profile == 1
    assert context.set_input_shape(name="x", shape=(6, 2))
    assert context.get_tensor_strides("y") == (3, 1) and context.get_tensor_strides("x") == (2, 1)
    context.active_optimization_profile = 0
    assert context.active_optimization_profile == 0
    with pytest.raises(ValueError):
        context.active_optimization_profile = 2


def test_all_shapes_have_to_be_said(log):
    context = load(log, build_onnx(log, model(), RANGES[:1])).create_execution_context()
    assert not context.all_binding_shapes_specified and context.infer_shapes() == ["x"]
    assert context.set_binding_shape(0, (3, 2))
    assert context.all_binding_shapes_specified and context.all_shape_inputs_specified
    assert context.get_binding_shape(1) == (3, 3) and context.infer_shapes() == []
    assert context.get_strides(1) == (3, 1)


@pytest.fixture
def reshaping(log):
    """y = x reshaped to the values of s."""
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "s"], ["y"])],
        "reshaping",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [6]),
            helper.make_tensor_value_info("s", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b"])],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    builder, network, config = parse(log, data)
    profile = builder.create_optimization_profile()
    profile.set_shape_input("s", (1, 1), (2, 3), (6, 6))
    config.add_optimization_profile(profile)
    return load(log, builder.build_serialized_network(network, config))


def test_inputs_that_are_shapes(log, reshaping):
    engine = reshaping
    assert engine.is_shape_inference_io("s") and engine.is_shape_binding(engine.get_binding_index("s"))
    assert engine.get_tensor_location("s") == trt.TensorLocation.HOST
    assert engine.get_profile_shape_input(0, "s") == [[1, 1], [2, 3], [6, 6]]
    assert engine.get_tensor_profile_values("s", 0) == [[1, 1], [2, 3], [6, 6]]
    context = engine.create_execution_context()
    binding = engine.get_binding_index("s")
    assert context.set_shape_input(binding, [3, 2]) and context.get_shape(binding) == [3, 2]

    class Allocator(trt.IOutputAllocator):
        def reallocate_output(self, tensor_name, memory, size, alignment):
            self.array = np.zeros(size // 4, np.float32)
            return self.array.ctypes.data

        def notify_shape(self, tensor_name, shape):
            self.shape = tuple(shape)

    x, allocator = np.arange(6, dtype=np.float32), Allocator()
    assert context.set_tensor_address(name="x", memory=x.ctypes.data) and context.set_output_allocator("y", allocator)
    gc.collect()
    assert context.execute_async_v3(stream_handle=0)
    assert allocator.shape == (3, 2)
    np.testing.assert_array_equal(allocator.array[:6], x)
    s = np.array([2, 3], trt.nptype(engine.get_tensor_dtype("s")))
    assert context.set_tensor_address("s", s.ctypes.data) and context.infer_shapes() == []
    assert context.execute_async_v3(0) and allocator.shape == (2, 3)


def test_memory_that_the_program_gives(log):
    engine = load(log, build_onnx(log, model(4)))
    for make in (
        engine.create_execution_context_without_device_memory,
        lambda: engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED),
        lambda: engine.create_execution_context(strategy=trt.ExecutionContextAllocationStrategy.ON_PROFILE_CHANGE),
    ):
        context = make()
        assert isinstance(context, trt.IExecutionContext)
        size = context.update_device_memory_size_for_shapes()
        assert 0 <= size <= max(engine.device_memory_size_v2, size)
        memory = np.zeros(max(size, engine.device_memory_size, 1), np.uint8)
        context.device_memory = memory.ctypes.data
        context.set_device_memory(memory.ctypes.data, memory.nbytes)
        np.testing.assert_array_equal(execute(context, X)[0], expected(X))
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    assert config.get_execution_context_allocation_strategy() == trt.ExecutionContextAllocationStrategy.USER_MANAGED
    context = engine.create_execution_context(runtime_config=config)
    made = context.get_runtime_config()
    assert made.get_execution_context_allocation_strategy() == trt.ExecutionContextAllocationStrategy.USER_MANAGED


def test_settings_of_contexts(log):
    context = load(log, build_onnx(log, model(4))).create_execution_context()
    context.name = "mine"
    context.debug_sync = True
    context.enqueue_emits_profile = False
    context.nvtx_verbosity = trt.ProfilingVerbosity.NONE
    context.persistent_cache_limit = 0
    assert (context.name, context.debug_sync, context.enqueue_emits_profile) == ("mine", True, False)
    assert context.nvtx_verbosity == trt.ProfilingVerbosity.NONE
    assert isinstance(context.set_communicator(None), bool)
    context.profiler = trt.Profiler()
    execute(context, X)
    assert context.report_to_profiler()
    context.profiler = None
    assert context.profiler is None


def test_profilers_print_times(log, capfd):
    context = load(log, build_onnx(log, model(4))).create_execution_context()
    context.profiler = trt.Profiler()
    execute(context, X)
    del context
    gc.collect()
    assert capfd.readouterr().out.count("ms\n") >= 1


def test_output_allocators_of_generation_ten(log):
    class Allocator(trt.IOutputAllocator):
        def reallocate_output_async(self, tensor_name, memory, size, alignment, stream):
            self.array = np.zeros(size // 4, np.float32)
            self.asked = (tensor_name, memory, alignment > 0, stream)
            return self.array.ctypes.data

        def notify_shape(self, tensor_name, shape):
            self.shape = tuple(shape)

    context = load(log, build_onnx(log, model(4))).create_execution_context()
    allocator = Allocator()
    context.set_tensor_address("x", X.ctypes.data)
    assert context.set_output_allocator(name="y", output_allocator=allocator)
    assert context.get_output_allocator("y") is allocator and context.get_max_output_size("y") >= 48
    assert context.execute_async_v3(0)
    assert allocator.shape == (4, 3) and allocator.asked == ("y", 0, True, 0)
    np.testing.assert_array_equal(allocator.array[:12].reshape(4, 3), expected(X))
    silent = trt.IOutputAllocator()
    assert silent.reallocate_output("y", 0, 8, 8) is None and silent.notify_shape("y", (1,)) is None
    assert silent.reallocate_output_async("y", 0, 8, 8, 0) is None


def refittable(log, weights):
    builder, network, config = parse(log, model(4))
    config.set_flag(trt.BuilderFlag.REFIT)
    engine = load(log, builder.build_serialized_network(network, config))
    assert engine.refittable
    return engine


def test_weights_are_replaced(log):
    engine = refittable(log, W)
    refitter = trt.Refitter(engine=engine, logger=log)
    assert isinstance(refitter, trt.Refitter) and refitter.get_all_weights() == ["w"]
    prototype = refitter.get_weights_prototype("w")
    assert (prototype.dtype, prototype.size) == (trt.float32, 6)
    assert refitter.get_missing_weights() == []
    assert refitter.weights_validation
    refitter.weights_validation = False
    assert not refitter.weights_validation
    new = np.ascontiguousarray(-W)
    assert refitter.set_named_weights("w", new)
    np.testing.assert_array_equal(refitter.get_named_weights("w").ravel(), new.ravel())
    assert refitter.get_weights_location("w") == trt.TensorLocation.HOST
    assert refitter.refit_cuda_engine()
    np.testing.assert_array_equal(execute(engine.create_execution_context(), X)[0], np.maximum(X @ new, 0))
    assert not refitter.set_named_weights(name="nothing", weights=new)
    assert refitter.get_tensors_with_dynamic_range() == [] and refitter.logger is log


def test_weights_come_from_a_model(log, tmp_path):
    engine = refittable(log, W)
    other = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["p"], "product"), helper.make_node("Relu", ["p"], ["y"], "relu")],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 3])],
        [numpy_helper.from_array(2 * W, "w")],
    )
    path = tmp_path / "other.onnx"
    path.write_bytes(
        helper.make_model(other, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )
    refitter = trt.Refitter(engine, log)
    parser = trt.OnnxParserRefitter(refitter, log)
    assert parser.refit_from_file(str(path)) and parser.num_errors == 0
    assert refitter.refit_cuda_engine()
    np.testing.assert_array_equal(execute(engine.create_execution_context(), X)[0], 2 * expected(X))
    assert not parser.refit_from_bytes(b"no model") and parser.num_errors > 0
    parser.clear_errors()
    assert parser.num_errors == 0


def test_inspectors_know_a_context(log):
    engine = load(log, build_onnx(log, model(), RANGES[:1]))
    inspector = engine.create_engine_inspector()
    assert isinstance(inspector, trt.EngineInspector) and inspector.execution_context is None
    context = engine.create_execution_context()
    inspector.execution_context = context
    assert inspector.execution_context is context
    assert inspector.get_engine_information(trt.LayerInformationFormat.ONELINE)


def test_settings_of_runtimes(log):
    runtime = trt.Runtime(logger=log)
    assert runtime.logger is log and runtime.max_threads >= 1 and not runtime.engine_host_code_allowed
    runtime.engine_host_code_allowed = True
    runtime.max_threads = 2
    runtime.temporary_directory = "/tmp"
    assert runtime.engine_host_code_allowed and runtime.max_threads == 2 and runtime.temporary_directory == "/tmp"
    runtime.gpu_allocator = None
    assert runtime.num_DLA_cores == 0
    assert runtime.load_runtime("/no/such/library.so") is None


def test_tensors_in_the_middle_are_shown(log):
    class Listener(trt.IDebugListener):
        def __init__(self):
            super().__init__()
            self.seen = {}

        def process_debug_tensor(self, addr, location, type, shape, name, stream):
            self.seen[name] = (location, type, tuple(shape))
            return True

    def define(network, x):
        twice = network.add_elementwise(x, x, trt.ElementWiseOperation.SUM).get_output(0)
        twice.name = "twice"
        assert network.mark_debug(twice) and network.is_debug_tensor(twice)
        product = network.add_matrix_multiply(twice, trt.MatrixOperation.NONE, twice, trt.MatrixOperation.TRANSPOSE)
        return product.get_output(0)

    engine = build_network(log, define, (4, 2))
    assert engine.is_debug_tensor("twice") and not engine.is_debug_tensor("x0")
    context = engine.create_execution_context()
    listener = Listener()
    assert context.set_debug_listener(listener) and context.get_debug_listener() is listener
    execute(context, X)
    assert listener.seen == {} and not context.get_debug_state("twice")
    assert context.set_all_tensors_debug_state(True) and context.get_debug_state("twice")
    (y,) = execute(context, X)
    np.testing.assert_array_equal(y, 4 * X @ X.T)
    assert listener.seen.keys() == {"twice"} and listener.seen["twice"][1:] == (trt.float32, (4, 2))
    assert context.set_tensor_debug_state("twice", False) and not context.get_debug_state("twice")
    assert trt.IDebugListener().process_debug_tensor(0, trt.TensorLocation.HOST, trt.float32, (1,), "x", 0) is None


def test_tensors_that_are_not_fused_may_be_shown(log):
    engine = build_network(log, lambda n, x: (n.mark_unfused_tensors_as_debug_tensors(), n.add_identity(x))[1].get_output(0), (1,))  # fmt: skip
    context = engine.create_execution_context()
    context.unfused_tensors_debug_state = True
    assert context.unfused_tensors_debug_state
    plain = build_network(log, lambda n, x: n.add_identity(x).get_output(0), (1,)).create_execution_context()
    plain.unfused_tensors_debug_state = True
    assert not plain.unfused_tensors_debug_state
