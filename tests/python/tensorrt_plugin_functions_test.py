"""tensorrt.plugin: plugins as decorated functions."""

import numpy as np
import numpy.typing as npt
import pytest

trt = pytest.importorskip("tensorrt")
if not hasattr(trt, "Builder"):
    pytest.skip("the module tensorrt is not built", allow_module_level=True)

import tensorrt.plugin as trtp  # noqa: E402
from tensorrt_plugin_test import Log, build, finish, new_network, onnx_plugin, run  # noqa: E402

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.fixture
def log():
    return Log()


@trtp.register("mine::wrap")
def wrap(inp0: trtp.TensorDesc, pads: npt.NDArray[np.int32]) -> trtp.TensorDesc:
    out = inp0.like()
    for i, pad in enumerate(pads):
        out.shape_expr[inp0.ndim - i - 1] += int(pad)
    return out


@trtp.impl("mine::wrap")
def wrap_impl(inp0: trtp.Tensor, pads: npt.NDArray[np.int32], outputs: tuple[trtp.Tensor], stream: int) -> None:
    x = np.asarray(inp0)
    assert x.shape == tuple(inp0.shape) and inp0.numel() == x.size and inp0.ndim == x.ndim
    assert inp0.__cuda_array_interface__["data"][0] == inp0.data_ptr
    np.asarray(outputs[0])[:] = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, pads[1]), (0, pads[0])], "wrap")


@trtp.register("mine::scale", lazy_register=True)
def scale(a: trtp.TensorDesc, by: float, times: int, text: str, raw: bytes, flag: bool) -> tuple[trtp.TensorDesc]:
    return (a.like(),)


@trtp.autotune("mine::scale")
def scale_tune(a: trtp.TensorDesc, times: int, outputs: tuple[trtp.TensorDesc]) -> list[trtp.AutoTuneCombination]:
    assert a.has_shape and a.format == trt.TensorFormat.LINEAR and a.numel() == 24
    fp16 = trtp.AutoTuneCombination("FP16, FP16", "LINEAR", [9])
    fp32 = trtp.AutoTuneCombination()
    fp32.pos([0, 1], "FP32")
    fp32.tactics([times, times + 1])
    return [fp16, fp32]


@trtp.impl("mine::scale")
def scale_impl(a, by, text, raw, flag, outputs, stream, tactic):
    assert (text, raw, flag) == ("ab", b"\1\0", True)
    assert (a.dtype, a.format, tactic) == (trt.float32, trt.TensorFormat.LINEAR, 3)
    np.asarray(outputs[0])[:] = np.asarray(a) * by


@trtp.register("mine::nonzero")
def nonzero(a: trtp.TensorDesc) -> tuple[trtp.TensorDesc, trtp.TensorDesc]:
    most = a.shape_expr[0] * a.shape_expr[1]
    count = trtp.size_tensor(most // 2, most)
    count.dtype = trt.int64
    assert count.is_size_tensor and count.expr().is_size_tensor
    return trtp.from_shape_expr((count.expr(), 2), dtype=trt.int32), count


@trtp.impl("mine::nonzero")
def nonzero_impl(a, outputs, stream):
    found = np.argwhere(np.asarray(a))
    np.asarray(outputs[0].aliased(found.shape))[:] = found
    np.asarray(outputs[1])[...] = len(found)


@trtp.register("mine::add_")
def add_(a: trtp.TensorDesc, delta: int) -> trtp.TensorDesc:
    return a.aliased()


@trtp.impl("mine::add_")
def add_impl(a, delta, outputs, stream):
    assert a.data_ptr == outputs[0].data_ptr
    assert outputs[0].is_aliased and outputs[0].get_aliased() is a
    np.asarray(a)[:] += delta


def through(log, call, x=X, shape=None, shapes=None):
    builder, network, tensor = new_network(log, shape or x.shape)
    plan = finish(log, builder, network, network.add_plugin(call(tensor)), shapes)
    assert plan is not None, log.lines
    return run(log, plan, x=x)


def test_a_plugin_with_an_array(log):
    pads = np.array([2, 1], np.int32)
    expected = np.pad(X, [(0, 0), (0, 1), (0, 2)], "wrap")
    np.testing.assert_array_equal(through(log, lambda x: trtp.op.mine.wrap(x, pads=pads))["y"], expected)
    shapes = [(1, 3, 4), (2, 3, 4), (5, 3, 4)]
    out = through(log, lambda x: trtp.op.mine.wrap(x, pads=pads), shape=(-1, 3, 4), shapes=shapes)
    np.testing.assert_array_equal(out["y"], expected)


def through_onnx(log, model):
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    parser = trt.OnnxParser(network, log)
    assert parser.parse(model), [str(parser.get_error(i)) for i in range(parser.num_errors)]
    return run(log, build(log, builder, network), x=X)["y"]


def test_a_plugin_in_onnx(log):
    wrapped = through_onnx(log, onnx_plugin("wrap", pads=[2, 1], plugin_namespace="mine"))
    np.testing.assert_array_equal(wrapped, np.pad(X, [(0, 0), (0, 1), (0, 2)], "wrap"))


def test_attributes_types_and_tactics(log):
    assert trt.get_plugin_registry().get_creator("scale", "1", "mine") is None
    out = through(log, lambda a: trtp.op.mine.scale(a, by=1.5, times=3, text="ab", raw=b"\1\0", flag=True))
    np.testing.assert_array_equal(out["y"], X * 1.5)
    assert trt.get_plugin_registry().get_creator("scale", "1", "mine") is not None
    model = onnx_plugin("scale", by=1.5, times=3, text="ab", raw=b"\1\0", flag=1, plugin_namespace="mine")
    np.testing.assert_array_equal(through_onnx(log, model), X * 1.5)
    parser = trt.OnnxParser(trt.Builder(log).create_network(1), log)
    assert not parser.parse(onnx_plugin("scale", by="much", times=3, plugin_namespace="mine"))
    assert "attribute 'by' does not have the type" in parser.get_error(0).desc()
    assert not parser.parse(onnx_plugin("scale", by=1.5, plugin_namespace="mine"))
    assert "lacks its attribute 'times'" in "".join(log.lines)
    with pytest.raises(ValueError, match="'by' is <class 'int'>"):
        through(log, lambda a: trtp.op.mine.scale(a, by=1, times=3, text="ab", raw=b"\1\0", flag=True))
    with pytest.raises(ValueError, match=r"takes \(a, by=, times="):
        through(log, lambda a: trtp.op.mine.scale(a, by=1.5))
    builder, network, x = new_network(log, (2, 3, 4), trt.int32)
    call = trtp.op.mine.scale(x, by=1.5, times=3, text="ab", raw=b"\1\0", flag=True)
    assert finish(log, builder, network, network.add_plugin(call)) is None, "no combination has integers"


def test_sizes_that_depend_on_data(log):
    x = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]], np.float32)
    out = through(log, trtp.op.mine.nonzero, x)
    np.testing.assert_array_equal(out["y"], np.argwhere(x))
    assert out["y1"] == 4


def test_memory_shared_with_an_input(log):
    np.testing.assert_array_equal(through(log, lambda a: trtp.op.mine.add_(a, delta=3))["y"], X + 3)


def test_kernels_compiled_ahead_of_time(log):
    @trtp.register("mine::aot")
    def aot(a: trtp.TensorDesc, block: int) -> trtp.TensorDesc:
        return a.like()

    @trtp.aot_impl("mine::aot")
    def aot_impl(
        a: trtp.TensorDesc, block: int, outputs: tuple[trtp.TensorDesc], tactic: int
    ) -> tuple[str | bytes, str | bytes, trtp.KernelLaunchParams, trtp.SymExprs]:
        raise AssertionError("nobody can run it")

    with pytest.raises(ValueError, match="ahead of time only.*tensorrt.plugin.impl"):
        through(log, lambda a: trtp.op.mine.aot(a, block=1))

    @trtp.impl("mine::aot")
    def jit(a, block, outputs, stream):
        np.asarray(outputs[0])[:] = np.asarray(a) + block

    np.testing.assert_array_equal(through(log, lambda a: trtp.op.mine.aot(a, block=7))["y"], X + 7)
    with pytest.raises(ValueError, match="annotation"):

        @trtp.aot_impl("mine::aot")
        def unannotated(a, block, outputs, tactic):
            pass


def test_what_fails_in_an_implementation(log):
    @trtp.register("mine::broken")
    def broken(a: trtp.TensorDesc) -> trtp.TensorDesc:
        return a.like()

    with pytest.raises(ValueError, match="not implemented"):
        through(log, trtp.op.mine.broken)

    @trtp.impl("mine::broken")
    def broken_impl(a, outputs, stream):
        raise KeyError("oops")

    assert through(log, trtp.op.mine.broken) is None
    assert any("KeyError: 'oops'" in line for line in log.lines)


@pytest.mark.parametrize("name", ["noname", "::x", "trt::x", "a::b::c", "a.b::c", "mine::wrap"])
def test_names_that_cannot_be(name):
    with pytest.raises(ValueError, match=name.split("::")[-1]):
        trtp.register(name)(wrap)


def test_signatures_that_cannot_be():
    def no_annotation(a, b: int) -> trtp.TensorDesc: ...
    def default(a: trtp.TensorDesc, b: int = 1) -> trtp.TensorDesc: ...
    def tensor_last(a: trtp.TensorDesc, b: int, c: trtp.TensorDesc) -> trtp.TensorDesc: ...
    def reserved(a: trtp.TensorDesc, stream: int) -> trtp.TensorDesc: ...
    def list_attribute(a: trtp.TensorDesc, b: list) -> trtp.TensorDesc: ...
    def no_tensor(b: int) -> trtp.TensorDesc: ...
    def no_return(a: trtp.TensorDesc): ...

    for function in (no_annotation, default, tensor_last, reserved, list_attribute, no_tensor, no_return):
        with pytest.raises(ValueError):
            trtp.register(f"mine::{function.__name__}", lazy_register=True)(function)
        with pytest.raises(AttributeError):
            getattr(trtp.op.mine, function.__name__)

    def other_order(pads, inp0, outputs, stream): ...
    def other_type(inp0, pads: int, outputs, stream): ...
    def result(inp0, pads, outputs, stream) -> int: ...

    for function in (other_order, other_type, result):
        with pytest.raises(ValueError):
            trtp.impl("mine::wrap")(function)
    with pytest.raises(ValueError, match="not registered"):
        trtp.impl("mine::nobody")(result)


def test_expressions():
    six = trtp.SymInt32(6)
    assert [e.constant_value() for e in (six + 1, six - 1, six * 2, 2 * six, six // 4)] == [7, 5, 12, 12, 1]
    assert [e.constant_value() for e in (trtp.cdiv(six, 4), trtp.max(six, 9), trtp.min(9, six))] == [2, 9, 6]
    assert six == 6 and six < 7 and not six < 6
    assert six.is_constant and not six.is_fake and not six.is_size_tensor
    fake = trtp.ShapeExpr()
    assert fake.is_fake and (fake + six).is_fake
    with pytest.raises(RuntimeError):
        bool(fake)
    with pytest.raises(ValueError):
        trtp.cdiv(1, 2)
    exprs = trtp.SymIntExprs.from_tuple([trtp.SymInt8(1), trtp.SymInt16(2), 3])
    assert [e.constant_value() for e in exprs] == [1, 2, 3] and len(exprs) == 3
    exprs[0] = 5
    assert exprs[0].constant_value() == 5 and isinstance(exprs[2], trtp.SymInt32)
    assert trtp.ShapeExprs.from_tuple((2, 3)).numel().constant_value() == 6
    with pytest.raises(ValueError):
        trtp.SymExprs.from_tuple([1.5])
    with pytest.raises(ValueError):
        trtp.ShapeExprs(9)
    launch = trtp.KernelLaunchParams(grid_x=six)
    launch.block_x = 32
    assert (launch.grid_x.constant_value(), launch.block_x.constant_value()) == (6, 32)
    assert launch.grid_y.constant_value() == 1 and launch.shared_mem.constant_value() == 0
    with pytest.raises(AttributeError):
        launch.grid_w = 1


def test_descriptions():
    desc = trtp.TensorDesc((2, 3), trt.float32)
    assert desc.ndim == 2 and not desc.has_shape and desc.has_shape_expr and not desc.is_aliased
    with pytest.raises(ValueError, match="has_shape"):
        desc.numel()
    shared = desc.aliased()
    assert shared.is_aliased and shared.get_aliased() is desc
    with pytest.raises(ValueError, match="like"):
        shared.dtype = trt.int8
    shape = trtp.Shape((2, -1))
    assert shape.is_dynamic and tuple(shape) == (2, -1) and len(shape) == 2
    with pytest.raises(ValueError):
        shape.numel()
    shape[1] = 5
    assert shape.numel() == 10 and shape[1] == 5


def test_combinations():
    def all_of(*args):
        return [tuple(t.name for t in types) for types, _, _ in trtp.AutoTuneCombination(*args)._all()]

    assert all_of("FP32|FP16, FP32|FP16") == [("FLOAT", "FLOAT"), ("HALF", "HALF")]
    assert all_of("FP32*FP16, FP32") == [("FLOAT", "FLOAT"), ("HALF", "FLOAT")]
    assert len(all_of("FP32*FP16, INT32|INT64", "LINEAR*HWC, LINEAR")) == 8
    with pytest.raises(ValueError):
        all_of("FP31")
    combination = trtp.AutoTuneCombination("FP32, FP16")
    with pytest.raises(ValueError, match="given already"):
        combination.pos(1, "FP32")
