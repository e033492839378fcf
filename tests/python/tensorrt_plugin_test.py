"""Plugins, their creators and resources, written in Python for TensorRT's interface."""

import ctypes
import threading

import numpy as np
import pytest
from onnx import TensorProto, helper

trt = pytest.importorskip("tensorrt")
if not hasattr(trt, "Builder"):
    pytest.skip("the module tensorrt is not built", allow_module_level=True)

EXPLICIT = 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
REGISTRY = trt.get_plugin_registry()


class Log(trt.ILogger):
    def __init__(self):
        super().__init__()
        self.lines = []

    def log(self, severity, message):
        if severity <= trt.ILogger.ERROR:
            self.lines.append(message)


def view(address, desc):
    """An array over a plugin's tensor."""
    dtype = np.dtype(trt.nptype(desc.type))
    count = int(np.prod(desc.dims)) if len(desc.dims) else 1
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    return np.frombuffer(memory, dtype).reshape(tuple(desc.dims))


def grown(shape, pads, builder):
    """The shape with pads[i] more at the end of the last axes."""
    out = trt.DimsExprs(shape)
    for axis, pad in zip((-1, -2), pads):
        out[axis] = builder.operation(trt.DimensionOperation.SUM, shape[axis], builder.constant(pad))
    return out


class WrapV2(trt.IPluginV2DynamicExt):
    """Circular padding at the end of the last two axes."""

    events = []

    def __init__(self, pads=()):
        super().__init__()
        self.pads = np.array(pads, np.int32)
        self.num_outputs = 1
        self.plugin_namespace = ""
        self.plugin_type = "WrapV2"
        self.plugin_version = "1"

    def get_output_datatype(self, index, input_types):
        return input_types[0]

    def get_output_dimensions(self, output_index, inputs, expr_builder):
        return grown(inputs[0], self.pads, expr_builder)

    def supports_format_combination(self, pos, in_out, num_inputs):
        assert num_inputs == 1 and len(in_out) == 2
        return in_out[pos].format == trt.TensorFormat.LINEAR and in_out[pos].type == trt.float32

    def configure_plugin(self, inp, out):
        self.events.append(("configure", tuple(inp[0].desc.dims), tuple(out[0].max)))

    def get_workspace_size(self, input_desc, output_desc):
        return 64

    def initialize(self):
        self.scratch = np.zeros(64, np.uint8)

    def terminate(self):
        self.events.append("terminate")

    def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
        ctypes.memmove(workspace, self.scratch.ctypes.data, 64)
        x, y = view(inputs[0], input_desc[0]), view(outputs[0], output_desc[0])
        y[:] = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, self.pads[1]), (0, self.pads[0])], "wrap")

    def serialize(self):
        return self.pads.tobytes()

    def clone(self):
        made = type(self)()
        made.__dict__.update(self.__dict__)
        return made


class WrapV2Creator(trt.IPluginCreator):
    plugin = WrapV2

    def __init__(self):
        super().__init__()
        self.name = self.plugin().plugin_type
        self.plugin_version = "1"
        self.plugin_namespace = ""
        self.field_names = trt.PluginFieldCollection([trt.PluginField("pads", np.array([]), trt.PluginFieldType.INT32)])
        self.made = []

    def create_plugin(self, name, field_collection):
        self.made.append(("create", name))
        return self.plugin({f.name: f.data for f in field_collection}["pads"])

    def deserialize_plugin(self, name, serialized_plugin):
        self.made.append(("deserialize", serialized_plugin))
        return self.plugin(np.frombuffer(serialized_plugin, np.int32))


class WrapV3(trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
    def __init__(self, pads=(), phase=None):
        for base in (trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
            base.__init__(self)
        self.pads = np.array(pads, np.int32)
        self.phase = phase
        self.tactic = None
        self.num_outputs = 1
        self.plugin_namespace = ""
        self.plugin_name = "WrapV3"
        self.plugin_version = "1"
        self.timing_cache_id = ""
        self.context = None

    def get_capability_interface(self, type):
        return self

    def get_output_data_types(self, input_types):
        return [input_types[0]]

    def get_output_shapes(self, inputs, shape_inputs, expr_builder):
        return [grown(inputs[0], self.pads, expr_builder)]

    def supports_format_combination(self, pos, in_out, num_inputs):
        return in_out[pos].desc.format == trt.TensorFormat.LINEAR and in_out[pos].desc.type == trt.float32

    def configure_plugin(self, inp, out):
        self.rank = len(inp[0].desc.dims)

    def get_valid_tactics(self):
        return [7, 8]

    def set_tactic(self, tactic):
        self.tactic = tactic

    def on_shape_change(self, inp, out):
        assert tuple(out[0].dims)[-1] == tuple(inp[0].dims)[-1] + self.pads[0]

    def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
        assert self.tactic == 7 and self.context is not None
        x, y = view(inputs[0], input_desc[0]), view(outputs[0], output_desc[0])
        y[:] = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, self.pads[1]), (0, self.pads[0])], "wrap")

    def attach_to_context(self, resource_context):
        made = self.clone()
        made.context = resource_context
        memory = resource_context.gpu_allocator.allocate(100, 256, 0)
        assert memory and memory % 256 == 0 and resource_context.gpu_allocator.deallocate(memory)
        assert resource_context.error_recorder is None
        return made

    def get_fields_to_serialize(self):
        return trt.PluginFieldCollection([trt.PluginField("pads", self.pads, trt.PluginFieldType.INT32)])

    def clone(self):
        made = type(self)()
        made.__dict__.update(self.__dict__)
        return made


class WrapV3Creator(trt.IPluginCreatorV3One):
    plugin = WrapV3

    def __init__(self):
        super().__init__()
        self.name = self.plugin().plugin_name
        self.plugin_version = "1"
        self.plugin_namespace = ""
        self.field_names = trt.PluginFieldCollection([trt.PluginField("pads", np.array([]), trt.PluginFieldType.INT32)])
        self.made = []

    def create_plugin(self, name, field_collection, phase):
        self.made.append((name, phase))
        return self.plugin({f.name: f.data for f in field_collection}["pads"], phase)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def register():
    creators = []

    def add(creator, space=""):
        assert REGISTRY.register_creator(creator, space)
        creators.append(creator)
        return creator

    yield add
    for creator in creators:
        REGISTRY.deregister_creator(creator)


def new_network(log, shape=(2, 3, 4), dtype=trt.float32):
    builder = trt.Builder(log)
    network = builder.create_network(EXPLICIT)
    return builder, network, network.add_input("x", dtype, shape)


def build(log, builder, network, shapes=None):
    config = builder.create_builder_config()
    if shapes:
        profile = builder.create_optimization_profile()
        profile.set_shape("x", *shapes)
        config.add_optimization_profile(profile)
    return builder.build_serialized_network(network, config)


def finish(log, builder, network, layer, shapes=None):
    for i in range(layer.num_outputs):
        layer.get_output(i).name = "y" if i == 0 else f"y{i}"
        network.mark_output(layer.get_output(i))
    return build(log, builder, network, shapes)


class Output(trt.IOutputAllocator):
    def __init__(self):
        super().__init__()
        self.array = None

    def reallocate_output(self, name, memory, size, alignment):
        self.array = np.empty(max(size, 1), np.uint8)
        return self.array.ctypes.data

    def notify_shape(self, name, shape):
        self.shape = tuple(shape)


def run(log, plan, **inputs):
    """The outputs by name, or None where the run failed."""
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    assert engine is not None, log.lines
    context = engine.create_execution_context()
    outputs = {}
    for i in range(engine.num_io_tensors):
        name = engine.get_tensor_name(i)
        if name in inputs:
            inputs[name] = np.ascontiguousarray(inputs[name])
            context.set_input_shape(name, inputs[name].shape)
            context.set_tensor_address(name, inputs[name].ctypes.data)
        else:
            outputs[name] = Output()
            context.set_output_allocator(name, outputs[name])
    if not context.execute_async_v3(0):
        return None
    return {
        name: out.array.view(trt.nptype(engine.get_tensor_dtype(name)))[: int(np.prod(out.shape))].reshape(out.shape)
        for name, out in outputs.items()
    }


X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
WRAPPED = np.pad(X, [(0, 0), (0, 1), (0, 2)], "wrap")


def onnx_plugin(op, **attributes):
    node = helper.make_node(op, ["x"], ["y"], "node", domain=attributes.pop("domain", ""), **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model.SerializeToString()


def test_v2_plugin(log, register):
    creator = register(WrapV2Creator())
    builder, network, x = new_network(log, (-1, 3, 4))
    plugin = creator.create_plugin("p", [trt.PluginField("pads", np.array([2, 1]), trt.PluginFieldType.INT32)])
    layer = network.add_plugin_v2([x], plugin)
    assert type(layer) is trt.IPluginV2Layer
    assert isinstance(layer.plugin, WrapV2) and layer.plugin is not plugin
    assert tuple(layer.get_output(0).shape) == (-1, 4, 6)
    plan = finish(log, builder, network, layer, [(1, 3, 4), (2, 3, 4), (5, 3, 4)])
    assert plan is not None, log.lines
    np.testing.assert_array_equal(run(log, plan, x=X)["y"], WRAPPED)
    assert ("deserialize", np.array([2, 1], np.int32).tobytes()) in creator.made
    assert plugin.serialization_size == 8 and not log.lines
    assert WrapV2.events[0] == ("configure", (-1, 3, 4), (1, 4, 6)) and "terminate" not in WrapV2.events
    builder, network, x = new_network(log)
    finish(log, builder, network, network.add_plugin_v2([x], plugin))
    assert "terminate" in WrapV2.events, "the plugin that ran is let go where there is another of its state"


def test_v3_plugin(log, register):
    creator = register(WrapV3Creator())
    builder, network, x = new_network(log)
    fields = trt.PluginFieldCollection([trt.PluginField("pads", np.array([2, 1]), trt.PluginFieldType.INT32)])
    plugin = creator.create_plugin("p", fields, trt.TensorRTPhase.BUILD)
    layer = network.add_plugin_v3([x], [], plugin)
    assert type(layer) is trt.IPluginV3Layer and isinstance(layer.plugin, WrapV3)
    plan = finish(log, builder, network, layer)
    assert plan is not None, log.lines
    assert [phase for _, phase in creator.made] == [trt.TensorRTPhase.BUILD]
    np.testing.assert_array_equal(run(log, plan, x=X)["y"], WRAPPED)
    assert trt.TensorRTPhase.RUNTIME in [phase for _, phase in creator.made]


@pytest.mark.parametrize("creator", [WrapV2Creator, WrapV3Creator])
def test_onnx_node_of_a_plugins_name(log, register, creator):
    creator = register(creator())
    builder = trt.Builder(log)
    network = builder.create_network(EXPLICIT)
    parser = trt.OnnxParser(network, log)
    model = onnx_plugin(creator.name, pads=[2, 1], plugin_version="1", plugin_namespace="")
    assert parser.parse(model), [str(parser.get_error(i)) for i in range(parser.num_errors)]
    assert tuple(network.get_output(0).shape) == (2, 4, 6)
    plan = build(log, builder, network)
    assert plan is not None, log.lines
    np.testing.assert_array_equal(run(log, plan, x=X)["y"], WRAPPED)
    REGISTRY.deregister_creator(creator)
    assert not trt.OnnxParser(builder.create_network(EXPLICIT), log).parse(model)
    assert trt.Runtime(log).deserialize_cuda_engine(plan) is not None, "plugins of this process serve without a creator"


def failing(base, method, answer=ZeroDivisionError):
    """A plugin class with a method that fails, and a creator of it."""

    def fail(self, *args):
        if isinstance(answer, type):
            raise answer(f"{method} is broken")
        return answer

    plugin = type("Failing", (base.plugin,), {method: fail})
    return type("FailingCreator", (base,), {"plugin": plugin})()


BUILD_METHODS = {
    WrapV2Creator: [
        "get_output_datatype",
        "get_output_dimensions",
        "supports_format_combination",
        "configure_plugin",
        "serialize",
        "get_serialization_size",
        "clone",
    ],
    WrapV3Creator: [
        "get_output_data_types",
        "get_output_shapes",
        "supports_format_combination",
        "configure_plugin",
        "get_fields_to_serialize",
        "get_valid_tactics",
        "set_tactic",
        "attach_to_context",
        "clone",
        "get_capability_interface",
    ],
}


@pytest.mark.parametrize("base,method", [(base, method) for base, names in BUILD_METHODS.items() for method in names])
@pytest.mark.parametrize("answer", [ZeroDivisionError, "nonsense"])
def test_what_fails_in_a_build(log, base, method, answer):
    if answer == "nonsense" and method in ("configure_plugin", "serialize", "set_tactic"):
        pytest.skip("text is an answer here, or none is looked at")
    plugin = failing(base, method, answer).plugin([2, 1])
    builder, network, x = new_network(log)
    v2 = base is WrapV2Creator
    layer = network.add_plugin_v2([x], plugin) if v2 else network.add_plugin_v3([x], [], plugin)
    if layer is not None:
        assert finish(log, builder, network, layer) is None
    text = "\n".join(log.lines)
    assert method in text
    if answer is ZeroDivisionError:
        assert f"ZeroDivisionError: {method} is broken" in text


@pytest.mark.parametrize(
    "base,method",
    [(WrapV2Creator, m) for m in ("initialize", "enqueue", "get_workspace_size")]
    + [(WrapV3Creator, m) for m in ("on_shape_change", "enqueue")],
)
def test_what_fails_in_a_run(log, base, method):
    plugin = failing(base, method).plugin([2, 1])
    builder, network, x = new_network(log)
    v2 = base is WrapV2Creator
    layer = network.add_plugin_v2([x], plugin) if v2 else network.add_plugin_v3([x], [], plugin)
    plan = finish(log, builder, network, layer)
    assert plan is not None, log.lines
    assert run(log, plan, x=X) is None
    assert any(f"ZeroDivisionError: {method} is broken" in line for line in log.lines)


def test_creators_that_fail(log, register):
    for base in (WrapV2Creator, WrapV3Creator):
        creator = register(failing(base, "clone"))
        creator.made = None  # create_plugin raises AttributeError
        parser = trt.OnnxParser(trt.Builder(log).create_network(EXPLICIT), log)
        assert not parser.parse(onnx_plugin(creator.name, pads=[2, 1]))
        assert "AttributeError" in "\n".join(log.lines)
    with pytest.raises(TypeError, match="object.*does not derive from tensorrt.IPluginV3"):
        builder, network, x = new_network(log)
        network.add_plugin_v3([x], [], object())


class NonZero(WrapV3, trt.IPluginV3OneBuildV2):
    """Where the elements of a matrix are that are not zero, and how many: a size that only the run knows."""

    def __init__(self):
        super().__init__()
        self.num_outputs = 2
        self.plugin_name = "PyNonZero"

    def get_output_data_types(self, input_types):
        return [trt.int32, trt.int64]

    def get_output_shapes(self, inputs, shape_inputs, b):
        shapes = [trt.DimsExprs(2), trt.DimsExprs(0)]
        most = b.operation(trt.DimensionOperation.PROD, inputs[0][0], inputs[0][1])
        half = b.operation(trt.DimensionOperation.CEIL_DIV, most, b.constant(2))
        assert half.is_constant() and half.get_constant_value() == 6
        floor = b.operation(trt.DimensionOperation.FLOOR_DIV, most, b.constant(5))
        assert floor.get_constant_value() == 2
        shapes[0][0] = b.declare_size_tensor(1, half, most)
        shapes[0][1] = b.constant(2)
        assert shapes[0][0].is_size_tensor() and not shapes[0][1].is_size_tensor()
        NonZero.kept = b, most
        return shapes

    def supports_format_combination(self, pos, in_out, num_inputs):
        return in_out[pos].desc.type == [trt.float32, trt.int32, trt.int64][pos]

    def on_shape_change(self, inp, out):
        pass

    def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
        found = np.argwhere(view(inputs[0], input_desc[0]))
        view(outputs[0], output_desc[0]).reshape(-1)[: found.size] = found.reshape(-1)
        view(outputs[1], output_desc[1])[...] = len(found)

    def get_fields_to_serialize(self):
        return []


def test_sizes_that_depend_on_data(log):
    plugin = NonZero()
    builder, network, x = new_network(log, (3, 4))
    layer = network.add_plugin_v3([x], [], plugin)
    plan = finish(log, builder, network, layer)
    assert plan is not None, log.lines
    x = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]], np.float32)
    out = run(log, plan, x=x)
    np.testing.assert_array_equal(out["y"], np.argwhere(x))
    assert out["y1"] == 4
    b, most = NonZero.kept
    for late in (lambda: b.constant(1), most.is_constant):
        with pytest.raises(ValueError, match="valid only in the call"):
            late()


class InPlace(WrapV3, trt.IPluginV3OneBuildV2):
    """Adds to its input's memory."""

    def get_output_shapes(self, inputs, shape_inputs, b):
        return [inputs[0]]

    def get_aliased_input(self, output_index):
        return 0

    def on_shape_change(self, inp, out):
        pass

    def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
        assert inputs[0] == outputs[0]
        view(outputs[0], output_desc[0])[:] += 1


def test_outputs_that_share_memory_with_an_input(log):
    builder, network, x = new_network(log)
    plan = finish(log, builder, network, network.add_plugin_v3([x], [], InPlace([0, 0])))
    np.testing.assert_array_equal(run(log, plan, x=X)["y"], X + 1)


def test_fields():
    for type, dtype in [
        (trt.PluginFieldType.FLOAT16, np.float16),
        (trt.PluginFieldType.FLOAT32, np.float32),
        (trt.PluginFieldType.FLOAT64, np.float64),
        (trt.PluginFieldType.INT8, np.int8),
        (trt.PluginFieldType.INT16, np.int16),
        (trt.PluginFieldType.INT32, np.int32),
        (trt.PluginFieldType.INT64, np.int64),
    ]:
        field = trt.PluginField("f", np.array([1, 2, 3]), type)
        assert (field.name, field.type, field.size) == ("f", type, 3)
        assert field.data.dtype == dtype and list(field.data) == [1, 2, 3]
    text = trt.PluginField("t", b"abc", trt.PluginFieldType.CHAR)
    assert text.size == 3 and text.data.tobytes() == b"abc"
    text.data = b"de"
    assert text.size == 2
    assert trt.PluginField("n").size == 0
    assert len(trt.PluginFieldCollection([text, text])) == 2
    assert int(trt.PluginCreatorVersion.V1) == 0 and int(trt.PluginCreatorVersion.V1_PYTHON) == 64
    desc = trt.DynamicPluginTensorDesc()
    desc.desc.dims, desc.desc.type, desc.desc.format, desc.desc.scale = (1, 2), trt.int8, trt.TensorFormat.HWC, 0.5
    desc.min, desc.opt, desc.max = (1, 1), (1, 2), (1, 3)
    assert (tuple(desc.desc.dims), desc.desc.type, desc.desc.scale) == ((1, 2), trt.int8, 0.5)
    assert desc.desc.format == trt.TensorFormat.HWC
    assert [tuple(d) for d in (desc.min, desc.opt, desc.max)] == [(1, 1), (1, 2), (1, 3)]


def test_registry(register):
    second, third = register(WrapV2Creator()), register(WrapV3Creator(), "space")
    assert not REGISTRY.register_creator(WrapV2Creator(), "")
    assert not REGISTRY.register_creator(trt.IPluginCreator(), ""), "it has no name"
    assert REGISTRY.get_plugin_creator("WrapV2", "1") is second
    assert REGISTRY.get_creator("WrapV3", "1", "space") is third
    assert REGISTRY.get_creator("WrapV3", "1", "") is None
    assert second in REGISTRY.plugin_creator_list and third not in REGISTRY.plugin_creator_list
    assert second in REGISTRY.all_creators and third in REGISTRY.all_creators_recursive
    assert REGISTRY.deregister_creator(second)
    assert REGISTRY.get_plugin_creator("WrapV2", "1") is None
    assert REGISTRY.load_library("/no/such/library.so") == 0
    assert REGISTRY.parent_search_enabled


class Shared(trt.IPluginResource):
    alive = []

    def __init__(self):
        super().__init__()
        self.registered = False

    def clone(self):
        made = Shared()
        made.registered = True
        self.alive.append(made)
        return made

    def release(self):
        self.alive.remove(self)


def test_resources():
    first = REGISTRY.acquire_plugin_resource("key", Shared())
    assert first.registered and Shared.alive == [first]
    assert REGISTRY.acquire_plugin_resource("key", Shared()) is first
    assert REGISTRY.release_plugin_resource("key") == 0
    assert Shared.alive == [first]
    assert REGISTRY.release_plugin_resource("key") == 0
    assert not Shared.alive
    assert REGISTRY.release_plugin_resource("key") == -1


def test_threads_that_build_and_run(log, register):
    """Callbacks take the GIL, builds and runs release it: nobody waits for each other forever."""
    creator = register(WrapV3Creator())
    wrong = []

    def work():
        for _ in range(5):
            builder, network, x = new_network(log)
            layer = network.add_plugin_v3([x], [], creator.plugin([2, 1]))
            if tuple(layer.get_output(0).shape) != (2, 4, 6) or REGISTRY.get_creator("WrapV3", "1", "") is not creator:
                wrong.append("shape")
            out = run(log, finish(log, builder, network, layer), x=X)
            if out is None or not np.array_equal(out["y"], WRAPPED):
                wrong.append("result")

    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not wrong, log.lines


class Memory:
    """What an allocator gave, by address."""

    def __init__(self):
        super().__init__()
        self.held, self.said = {}, []

    def give(self, size, *said):
        array = np.empty(size, np.uint8)
        self.held[array.ctypes.data] = array
        self.said.append(said)
        return array.ctypes.data

    def take(self, memory):
        return self.held.pop(memory, None) is not None


class Synchronous(Memory, trt.IGpuAllocator):
    def allocate(self, size, alignment, flags):
        return self.give(size, alignment, flags)

    def deallocate(self, memory):
        return self.take(memory)


class Old(Synchronous):
    deallocate = trt.IGpuAllocator.deallocate

    def free(self, memory):
        self.take(memory)


class Asynchronous(Memory, trt.IGpuAsyncAllocator):
    def allocate_async(self, size, alignment, flags, stream):
        return self.give(size, alignment, flags, stream)

    def deallocate_async(self, memory, stream):
        return self.take(memory)


@pytest.mark.parametrize("allocator", [Synchronous, Old, Asynchronous])
def test_allocators_have_both_ways(allocator):
    made = allocator()
    first, second = made.allocate(100, 64, 1), made.allocate_async(200, 32, 0, 5)
    assert [made.held[at].size for at in (first, second)] == [100, 200]
    streams = (0, 5) if allocator is Asynchronous else ((), ())
    expected = [(64, 1, *np.atleast_1d(streams[0])), (32, 0, *np.atleast_1d(streams[1]))]
    assert made.said == expected
    assert made.deallocate(first) and made.deallocate_async(second, 5) and not made.held
    assert made.reallocate(first, 64, 300) == 0
    builder = trt.Builder(trt.Logger())
    builder.gpu_allocator = made
    trt.Runtime(trt.Logger()).gpu_allocator = made
