"""The module tensorrt: builders, configurations, profiles, timing caches, parsers."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper
from tensorrt_testing import EXPLICIT, Log, build_onnx, execute, expected, load, model, parse, trt

X = np.arange(8, dtype=np.float32).reshape(4, 2)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def config(log):
    return trt.Builder(log).create_builder_config()


def test_settings_are_kept(config):
    assert isinstance(config, trt.IBuilderConfig)
    before = {name: getattr(config, name) for name in dir(config) if not name.startswith("_")}
    config.avg_timing_iterations = 3
    config.min_timing_iterations = 2
    config.builder_optimization_level = 1
    config.engine_capability = trt.EngineCapability.SAFETY
    config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    config.max_aux_streams = 2
    config.max_num_tactics = 7
    config.profiling_verbosity = trt.ProfilingVerbosity.VERBOSE
    config.runtime_platform = trt.RuntimePlatform.WINDOWS_AMD64
    config.tiling_optimization_level = trt.TilingOptimizationLevel.FULL
    config.l2_limit_for_tiling = 4096
    config.DLA_core = 0
    config.default_device_type = trt.DeviceType.DLA
    config.max_workspace_size = 1 << 21
    config.remote_auto_tuning_config = "somewhere"
    config.plugins_to_serialize = ["a.so", "b.so"]
    kept = {
        "avg_timing_iterations": 3,
        "min_timing_iterations": 2,
        "builder_optimization_level": 1,
        "engine_capability": trt.EngineCapability.SAFETY,
        "hardware_compatibility_level": trt.HardwareCompatibilityLevel.AMPERE_PLUS,
        "max_aux_streams": 2,
        "max_num_tactics": 7,
        "profiling_verbosity": trt.ProfilingVerbosity.VERBOSE,
        "runtime_platform": trt.RuntimePlatform.WINDOWS_AMD64,
        "tiling_optimization_level": trt.TilingOptimizationLevel.FULL,
        "l2_limit_for_tiling": 4096,
        "DLA_core": 0,
        "default_device_type": trt.DeviceType.DLA,
        "max_workspace_size": 1 << 21,
        "remote_auto_tuning_config": "somewhere",
        "plugins_to_serialize": ["a.so", "b.so"],
    }
    for name, value in kept.items():
        assert getattr(config, name) == value != before[name], name
    config.reset()
    assert config.builder_optimization_level != 1 and config.default_device_type == trt.DeviceType.GPU


def test_flags_are_bits(config):
    assert not config.get_flag(trt.BuilderFlag.TF32) or config.flags & 1 << int(trt.BuilderFlag.TF32)
    config.flags = 0
    flags = [
        trt.BuilderFlag.INT8,
        trt.BuilderFlag.GPU_FALLBACK,
        trt.BuilderFlag.STRICT_TYPES,
        trt.BuilderFlag.TF32,
        trt.BuilderFlag.STRIP_PLAN,
        trt.BuilderFlag.VERSION_COMPATIBLE,
    ]
    for flag in flags:
        config.set_flag(flag)
        assert config.get_flag(flag) and config.flags & 1 << int(flag)
    assert config.flags == sum(1 << int(flag) for flag in flags)
    config.clear_flag(trt.BuilderFlag.INT8)
    assert not config.get_flag(trt.BuilderFlag.INT8) and config.get_flag(trt.BuilderFlag.TF32)

    quantization = trt.QuantizationFlag.CALIBRATE_BEFORE_FUSION
    config.set_quantization_flag(quantization)
    assert config.get_quantization_flag(quantization) and config.quantization_flags == 1
    config.clear_quantization_flag(quantization)
    assert not config.get_quantization_flag(quantization)

    preview = trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03
    config.set_preview_feature(preview, True)
    assert config.get_preview_feature(preview)
    config.set_preview_feature(feature=preview, enable=False)
    assert not config.get_preview_feature(preview)

    sources = 1 << int(trt.TacticSource.JIT_CONVOLUTIONS)
    assert config.set_tactic_sources(sources) and config.get_tactic_sources() == sources
    config.set_memory_pool_limit(trt.MemoryPoolType.TACTIC_SHARED_MEMORY, 1 << 15)
    assert config.get_memory_pool_limit(trt.MemoryPoolType.TACTIC_SHARED_MEMORY) == 1 << 15


def test_devices_of_layers(log, config):
    network = trt.Builder(log).create_network(EXPLICIT)
    layer = network.add_identity(network.add_input("x", trt.float32, (1,)))
    assert not config.can_run_on_DLA(layer) and not config.is_device_type_set(layer)
    config.set_device_type(layer, trt.DeviceType.DLA)
    assert config.is_device_type_set(layer) and config.get_device_type(layer) == trt.DeviceType.DLA
    config.reset_device_type(layer)
    assert config.get_device_type(layer) == trt.DeviceType.GPU


def test_what_a_builder_tells(log):
    builder = trt.Builder(logger=log)
    assert builder.logger is log
    assert (builder.num_DLA_cores, builder.platform_has_tf32) == (0, False) and builder.max_DLA_batch_size >= 0
    assert isinstance(builder.platform_has_fast_fp16, bool) and isinstance(builder.platform_has_fast_int8, bool)
    for name in ("fp16_mode", "int8_mode", "strict_type_constraints"):
        assert not getattr(builder, name)
    builder.fp16_mode = builder.int8_mode = builder.strict_type_constraints = True
    assert builder.fp16_mode and builder.int8_mode and builder.strict_type_constraints
    builder.int8_calibrator = None
    builder.max_threads = 1
    assert builder.max_threads == 1


def test_a_profile_of_values(log):
    profile = trt.Builder(log).create_optimization_profile()
    assert profile.get_shape_input("s") == []
    profile.set_shape_input("s", (1, 2), [2, 3], max=np.array([4, 5]))
    assert profile.get_shape_input("s") == [[1, 2], [2, 3], [4, 5]]
    with pytest.raises(ValueError):
        profile.set_shape_input("s", (1, 2, 3), (2, 3, 4), (4, 5, 6))
    profile.set_shape(input="x", min=(1,), opt=(2,), max=(3,))
    assert isinstance(profile, trt.IOptimizationProfile) and profile


def test_calibration_profile(log, config):
    profile = trt.Builder(log).create_optimization_profile()
    profile.set_shape("x", (1, 2), (2, 2), (3, 2))
    assert config.get_calibration_profile() is None
    assert config.set_calibration_profile(profile)
    assert config.get_calibration_profile().get_shape("x")[1] == (2, 2)
    assert config.num_optimization_profiles == 0 and config.add_optimization_profile(profile) == 0
    assert config.num_optimization_profiles == 1


def test_timing_caches_pass_on_what_builds_measure(log):
    def build(*others):
        builder, network, config = parse(log, model(4))
        cache = config.create_timing_cache(b"")
        for other in others:
            assert cache.combine(other, ignore_mismatch=False)
        assert config.set_timing_cache(cache, ignore_mismatch=False)
        assert builder.build_serialized_network(network, config) is not None
        kept = config.get_timing_cache()
        assert isinstance(kept, trt.ITimingCache)
        return bytes(kept.serialize()), cache, config

    data, cache, config = build()
    again = config.create_timing_cache(data)
    assert bytes(again.serialize()) == data
    assert build(again)[0] == data
    keys = again.queryKeys()
    assert [str(k) for k in keys] == [str(trt.TimingCacheKey.parse(str(k))) for k in keys]
    for key in keys:
        value = again.query(key)
        assert value.timingMSec >= 0
        assert not again.update(key, trt.TimingCacheValue(1, 2.0)) or again.query(key).timingMSec == 2
    with pytest.raises(ValueError):
        trt.TimingCacheKey.parse("no key")


def test_plans_are_written_to_and_read_from_streams(log):
    class Writer(trt.IStreamWriter):
        def __init__(self):
            super().__init__()
            self.data = b""

        def write(self, data):
            self.data += data
            return len(data)

    class Reader(trt.IStreamReader):
        def __init__(self, data):
            super().__init__()
            self.data = memoryview(data)

        def read(self, size):
            part, self.data = self.data[:size], self.data[size:]
            return bytes(part)

    builder, network, config = parse(log, model(4))
    writer = Writer()
    assert builder.build_serialized_network_to_stream(network, config, writer)
    engine = trt.Runtime(log).deserialize_cuda_engine(Reader(writer.data))
    np.testing.assert_array_equal(execute(engine.create_execution_context(), X)[0], expected(X))
    # A writer that does nothing takes nothing.
    assert not builder.build_serialized_network_to_stream(network, config, trt.IStreamWriter())


def test_engines_of_builders(log):
    builder, network, config = parse(log, model(4))
    for build in (builder.build_engine, builder.build_engine_with_config):
        engine = build(network=network, config=config)
        np.testing.assert_array_equal(execute(engine.create_execution_context(), X)[0], expected(X))
    plan = builder.build_serialized_network(network, config, None)
    assert isinstance(plan, trt.IHostMemory) and load(log, plan).num_io_tensors == 2


def test_progress_is_told_and_may_stop_a_build(log):
    class Monitor(trt.IProgressMonitor):
        def __init__(self, go_on=True):
            super().__init__()
            self.seen, self.go_on = [], go_on

        def phase_start(self, phase_name, parent_phase, num_steps):
            self.seen.append(("start", phase_name))
            assert num_steps > 0 and (parent_phase is None or isinstance(parent_phase, str))

        def step_complete(self, phase_name, step):
            self.seen.append(("step", phase_name))
            return self.go_on

        def phase_finish(self, phase_name):
            self.seen.append(("finish", phase_name))

    builder, network, config = parse(log, model(4))
    monitor = Monitor()
    config.progress_monitor = monitor
    assert config.progress_monitor is monitor
    assert builder.build_serialized_network(network, config) is not None
    started = [phase for what, phase in monitor.seen if what == "start"]
    assert started and sorted(started) == sorted(phase for what, phase in monitor.seen if what == "finish")
    config.progress_monitor = Monitor(go_on=False)
    assert builder.build_serialized_network(network, config) is None


def test_interfaces_that_programs_implement(config):
    """Which of them a configuration gives back, and what a class that overrides nothing answers."""

    class Everything(trt.IInt8Calibrator):
        def get_algorithm(self):
            return trt.CalibrationAlgoType.ENTROPY_CALIBRATION

        def get_batch_size(self):
            return 2

        def get_batch(self, names):
            return [0 for _ in names]

        def read_calibration_cache(self):
            return b"cache"

        def write_calibration_cache(self, cache):
            self.cache = bytes(cache)

    class Quiet(trt.IInt8LegacyCalibrator):
        def get_quantile(self):
            return 0.9

    kinds = trt.CalibrationAlgoType
    everything = Everything()
    assert (everything.get_algorithm(), everything.get_batch_size()) == (kinds.ENTROPY_CALIBRATION, 2)
    for calibrator, kind in (
        (everything, kinds.ENTROPY_CALIBRATION),
        (Quiet(), kinds.LEGACY_CALIBRATION),
        (trt.IInt8EntropyCalibrator(), kinds.ENTROPY_CALIBRATION),
        (trt.IInt8EntropyCalibrator2(), kinds.ENTROPY_CALIBRATION_2),
        (trt.IInt8MinMaxCalibrator(), kinds.MINMAX_CALIBRATION),
    ):
        config.int8_calibrator = calibrator
        assert config.int8_calibrator is calibrator and calibrator.get_algorithm() == kind
    silent = trt.IInt8MinMaxCalibrator()
    assert silent.get_batch(names=["x"]) is None and silent.read_calibration_cache() is None
    silent.write_calibration_cache(b"")
    assert silent.get_batch_size() == 0
    selector = trt.IAlgorithmSelector()
    config.algorithm_selector = selector
    assert config.algorithm_selector is selector
    assert (
        selector.select_algorithms("context", choices=["a", "b"]) == [0, 1]
        and selector.report_algorithms([], []) is None
    )


def test_parsers_say_where_an_error_is(log):
    nodes = [helper.make_node("NoSuchOperator", ["x"], ["y"], "odd one")]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    made = helper.make_model(helper.make_graph(nodes, "wrong", value[:1], value[1:]))
    parser = trt.OnnxParser(network=trt.Builder(log).create_network(EXPLICIT), logger=log)
    assert not parser.parse(made.SerializeToString())
    error = parser.get_error(0)
    assert isinstance(error, trt.ParserError)
    assert (error.node(), error.node_name(), error.node_operator()) == (0, "odd one", "NoSuchOperator")
    assert error.code() == trt.ErrorCode.UNSUPPORTED_NODE and "NoSuchOperator" in error.desc()
    assert error.file() is not None and error.func() is not None and error.line() >= 0
    assert error.local_function_stack_size() == len(error.local_function_stack()) == 0
    assert "NoSuchOperator" in str(error)


def test_flags_of_parsers(log):
    parser = trt.OnnxParser(trt.Builder(log).create_network(EXPLICIT), log)
    flag = trt.OnnxParserFlag.NATIVE_INSTANCENORM
    parser.clear_flag(flag)
    assert parser.flags == 0 and not parser.get_flag(flag)
    parser.set_flag(flag)
    assert parser.get_flag(flag) and parser.flags == 1 << int(flag)
    parser.flags = 0
    assert not parser.get_flag(flag)


def test_loggers_print_what_is_severe_enough(capfd):
    logger = trt.Logger(min_severity=trt.Logger.INTERNAL_ERROR)
    logger.log(trt.Logger.ERROR, "not this")
    logger.min_severity = trt.Logger.VERBOSE
    logger.log(severity=trt.Logger.VERBOSE, msg="but that")
    out = capfd.readouterr()
    assert "not this" not in out.out + out.err and "[V] but that" in out.out + out.err
    assert logger.min_severity == trt.ILogger.Severity.VERBOSE > trt.ILogger.Severity.INFO


def test_layers_are_described(log):
    inspector = load(log, build_onnx(log, model(2))).create_engine_inspector()
    described = json.loads(inspector.get_layer_information(0, trt.LayerInformationFormat.JSON))
    assert described


CALIBRATORS = {
    trt.IInt8MinMaxCalibrator: trt.CalibrationAlgoType.MINMAX_CALIBRATION,
    trt.IInt8EntropyCalibrator: trt.CalibrationAlgoType.ENTROPY_CALIBRATION,
    trt.IInt8EntropyCalibrator2: trt.CalibrationAlgoType.ENTROPY_CALIBRATION_2,
    trt.IInt8Calibrator: trt.CalibrationAlgoType.ENTROPY_CALIBRATION_2,
}


@pytest.mark.parametrize("kind", CALIBRATORS, ids=lambda kind: kind.__name__)
def test_calibrators_give_batches_and_keep_what_is_learnt(log, kind):
    class Batches(kind):
        def __init__(self, cache=None):
            super().__init__()
            self.names, self.cache, self.batches = None, cache, [X, -X]
            self.written = b""

        def get_algorithm(self):
            return CALIBRATORS[kind]

        def get_batch_size(self):
            return 1

        def get_batch(self, names):
            self.names = names
            return [self.batches.pop().ctypes.data] if self.batches else None

        def read_calibration_cache(self):
            return self.cache

        def write_calibration_cache(self, cache):
            self.written = bytes(cache)

    builder, network, config = parse(log, model(4))
    config.set_flag(trt.BuilderFlag.INT8)
    config.int8_calibrator = calibrator = Batches()
    assert builder.build_serialized_network(network, config) is not None, log.errors()
    assert calibrator.names == ["x"] and calibrator.batches == [] and b"\nx: " in calibrator.written
    config.int8_calibrator = again = Batches(calibrator.written)
    assert builder.build_serialized_network(network, config) is not None
    assert again.names is None and len(again.batches) == 2


def test_algorithm_selectors_see_tactics(log):
    class Selector(trt.IAlgorithmSelector):
        def __init__(self):
            super().__init__()
            self.seen, self.reported = {}, {}

        def select_algorithms(self, context, choices):
            for choice in choices:
                assert isinstance(choice, trt.IAlgorithm) and isinstance(context, trt.IAlgorithmContext)
                info = choice.get_algorithm_io_info(index=0)
                assert isinstance(info, trt.IAlgorithmIOInfo) and choice.get_algorithm_io_info(99) is None
                assert (info.dtype, info.tensor_format) == (trt.float32, trt.TensorFormat.LINEAR)
                assert tuple(info.strides) == (2, 1)
                assert (info.vectorized_dim, info.components_per_element) == (-1, 1)
                assert choice.timing_msec >= 0 and choice.workspace_size >= 0
            variants = [(c.algorithm_variant.implementation, c.algorithm_variant.tactic) for c in choices]
            assert len(set(variants)) == len(variants)
            self.seen[context.name] = (context.num_inputs, context.num_outputs, variants)
            assert context.get_shape(0) == [(4, 2)] * 3
            return [len(choices) - 1]

        def report_algorithms(self, contexts, choices):
            for context, choice in zip(contexts, choices, strict=True):
                variant = choice.algorithm_variant
                self.reported[context.name] = (variant.implementation, variant.tactic)

    builder, network, config = parse(log, model(4))
    config.algorithm_selector = selector = Selector()
    assert builder.build_serialized_network(network, config) is not None, log.errors()
    assert selector.seen and selector.reported.keys() == selector.seen.keys()
    for name, (inputs, outputs, variants) in selector.seen.items():
        assert (inputs, outputs) == (1, 1) and selector.reported[name] == variants[-1], name


def test_objects_are_context_managers():
    with trt.Logger(trt.Logger.ERROR) as logger, trt.Builder(logger) as builder, trt.Runtime(logger) as runtime:
        with builder.create_network(EXPLICIT) as network, builder.create_builder_config() as config:
            with trt.OnnxParser(network, logger) as parser:
                assert parser.parse(model(4))
            with builder.build_serialized_network(network, config) as plan:
                with runtime.deserialize_cuda_engine(plan) as engine, engine.create_execution_context() as context:
                    np.testing.assert_array_equal(execute(context, X)[0], expected(X))
