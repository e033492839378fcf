"""Converters that a program registers for methods of its own: the rest of its model goes through ONNX."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
trt = pytest.importorskip("tensorrt")
torch2trt = pytest.importorskip("torch2trt")

from torch2trt import tensorrt_converter  # noqa: E402
from torch2trt.torch2trt import add_missing_trt_tensors, broadcast_trt_tensors, get_arg, trt_  # noqa: E402


@pytest.fixture(autouse=True)
def no_converters_remain():
    yield
    torch2trt.CONVERTERS.clear()


def close(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype
    assert torch.allclose(a, b, rtol=1e-4, atol=1e-4), (a - b).abs().max()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(inplace=True), torch.nn.Conv2d(4, 4, 3, padding=1)
        )
        self.last = torch.nn.ReLU()
        self.eval()

    def forward(self, x):
        y = self.body(x)
        y = self.last(y + y.mean((2, 3), keepdim=True))
        return y.reshape(y.shape[0], 2, -1) * x.shape[-1]


def test_a_converter_makes_the_layers_of_its_calls():
    """The engine computes what the converter's layers do, not what the method does."""
    calls = []

    @tensorrt_converter("torch.nn.ReLU.forward")
    def convert_relu(ctx):
        calls.append((ctx.method_str, type(ctx.method_args[0])))
        layer = ctx.network.add_activation(ctx.method_args[1]._trt, trt.ActivationType.LEAKY_RELU)
        layer.alpha = 0.5
        ctx.method_return._trt = layer.get_output(0)

    net, x = Net(), torch.randn(2, 3, 6, 7)
    fast = torch2trt.torch2trt(net, [x], input_names=["image"], output_names=["scores"])
    assert calls == [("torch.nn.ReLU.forward", torch.nn.ReLU)] * 2
    assert [fast.network.get_output(i).name for i in range(fast.network.num_outputs)] == ["scores"]
    assert fast.network.num_inputs == 1
    close(net(x), torch.relu(net(x)))  # the module is what it was
    net.body[1], net.last = torch.nn.LeakyReLU(0.5), torch.nn.LeakyReLU(0.5)
    close(fast(x), net(x))


def test_sizes_may_vary_between_converted_calls():
    @tensorrt_converter("torch.nn.functional.relu")
    def convert_relu(ctx):
        x = get_arg(ctx, "input", 0, None)
        ctx.method_return._trt = ctx.network.add_activation(x._trt, trt.ActivationType.RELU).get_output(0)

    net = Net()
    fast = torch2trt.torch2trt(net, [torch.randn(1, 3, 6, 8)], max_batch_size=4)
    for batch in (1, 4):
        x = torch.randn(batch, 3, 6, 8)
        close(fast(x), net(x))


def test_numbers_and_weights_become_constants():
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor([[1.0, 2.0, 3.0]]))

        def forward(self, x):
            return torch.sub(torch.mul(x, self.scale), other=1.5)

    @tensorrt_converter(torch.mul, enabled=False)
    @tensorrt_converter("torch.mul")
    def convert_mul(ctx):
        a, b = trt_(ctx.network, *ctx.method_args)
        layer = ctx.network.add_elementwise(a, b, trt.ElementWiseOperation.SUB)  # not the product
        ctx.method_return._trt = layer.get_output(0)

    @tensorrt_converter("torch.sub")
    def convert_sub(ctx):
        tensors = add_missing_trt_tensors(ctx.network, [ctx.method_args[0], get_arg(ctx, "other", 1, None)])
        a, b = broadcast_trt_tensors(ctx.network, tensors, ctx.method_return.ndim)
        ctx.method_return._trt = ctx.network.add_elementwise(a, b, trt.ElementWiseOperation.SUB).get_output(0)

    x = torch.randn(2, 2, 3)
    module = Scaled()
    for _ in range(2):  # weights are constants of one network each
        close(torch2trt.torch2trt(module, [x])(x), x - torch.tensor([1.0, 2.0, 3.0]) - 1.5)


class Parts(torch.nn.Module):
    @staticmethod
    def swap(pair):
        return pair[1], pair[0]

    def forward(self, a, b):
        left, right = self.swap([a + 1, b])
        return {"left": left, "right": [right * 2]}


def test_several_tensors_in_and_out():
    @tensorrt_converter(f"{__name__}.Parts.swap")
    def convert_swap(ctx):
        for tensor, other in zip(ctx.method_return, reversed(ctx.method_args[0])):
            tensor._trt = ctx.network.add_unary(other._trt, trt.UnaryOperation.NEG).get_output(0)

    a, b = torch.randn(2), torch.randn(2)
    got = torch2trt.torch2trt(Parts(), (a, b))(a, b)
    close(got["left"], -b)
    close(got["right"][0], -2 * (a + 1))
    assert isinstance(vars(Parts)["swap"], staticmethod)


def test_a_converter_may_pass_a_tensor_on():
    @tensorrt_converter("torch.nn.Dropout.forward")
    @tensorrt_converter("torch.nn.Identity.forward")
    def convert_identity(ctx):
        ctx.method_return._trt = ctx.method_args[1]._trt

    x = torch.randn(2, 3)
    module = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Dropout(), torch.nn.Tanh(), torch.nn.Identity()).eval()
    for _ in range(2):
        close(torch2trt.torch2trt(module, [x])(x), torch.tanh(x))


def test_what_is_no_conversion_stays_out():
    @tensorrt_converter("torch.no_such_function")
    @tensorrt_converter("torch.relu", enabled=False)
    @tensorrt_converter("torch.tanh", is_real=False)
    def convert(ctx):
        raise AssertionError("not to be called")

    x = torch.randn(2, 3)
    module = torch.nn.Tanh()
    close(torch2trt.torch2trt(module, [x])(x), torch.tanh(x))

    @tensorrt_converter("torch.nn.Tanh.forward")
    def convert_tanh(ctx):
        pass

    with pytest.raises(RuntimeError, match="torch.nn.Tanh.forward"):
        torch2trt.torch2trt(module, [x])
    close(module(x), torch.tanh(x))  # nothing is left replaced


def test_options_reach_converters():
    seen = {}

    @tensorrt_converter("torch.nn.Tanh.forward")
    def convert_tanh(ctx):
        seen.update(ctx.torch2trt_kwargs)
        layer = ctx.network.add_activation(ctx.method_args[1]._trt, trt.ActivationType.TANH)
        torch2trt.set_layer_precision(ctx, layer)
        seen["precision"] = layer.precision
        ctx.method_return._trt = layer.get_output(0)

    x = torch.randn(2, 3)
    torch2trt.torch2trt(torch.nn.Tanh(), [x], fp16_mode=True, my_option=5)
    assert seen["my_option"] == 5 and seen["fp16_mode"] and seen["precision"] == trt.float16


def test_axes():
    assert torch2trt.torch_dim_resolve_negative(-1, 4) == (3,)
    assert torch2trt.torch_dim_to_trt_axes(torch2trt.torch_dim_resolve_negative((1, -1), 4)) == 0b1010
    network = trt.Builder(trt.Logger()).create_network(1)
    made = torch2trt.add_trt_constant(network, torch.ones(2, 3))
    assert tuple(made.shape) == (2, 3) and made.dtype == trt.float32
    with pytest.raises(TypeError, match="one type"):
        torch2trt.check_torch_dtype(torch.ones(1), torch.ones(1).int())
    assert np.float32 == trt.nptype(made.dtype)
