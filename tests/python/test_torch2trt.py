"""The module torch2trt: PyTorch's modules as engines. Skipped where PyTorch is not installed."""

import io

import pytest

torch = pytest.importorskip("torch")
trt = pytest.importorskip("tensorrt")
torch2trt = pytest.importorskip("torch2trt")
if not hasattr(torch2trt, "TRTModule"):
    pytest.skip("the module torch2trt is not installed", allow_module_level=True)


class Net(torch.nn.Module):
    """Convolutions with a shortcut, and an upsampling whose corners are aligned."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.second = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.last = torch.nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = x + self.second(x)
        x = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return self.last(x.mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(1)
    return Net().eval()


def close(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype
    assert torch.allclose(a, b, rtol=1e-3, atol=1e-4), (a - b).abs().max()


def test_computes_what_the_module_does(net):
    x = torch.randn(1, 3, 16, 16)
    fast = torch2trt.torch2trt(net, [x])
    close(fast(x), net(x))
    y = torch.randn(1, 3, 16, 16).to(memory_format=torch.channels_last)
    close(fast(y), net(y))
    with pytest.raises(ValueError, match="input_0"):
        fast(torch.randn(1, 3, 8, 8))
    with pytest.raises(TypeError):
        fast(x, x)


def test_state_holds_the_engine(net):
    x = torch.randn(1, 3, 16, 16)
    file = io.BytesIO()
    torch.save(torch2trt.torch2trt(net, [x], input_names=["image"], output_names=["scores"]).state_dict(), file)
    file.seek(0)
    again = torch2trt.TRTModule()
    with pytest.raises(RuntimeError):
        again(x)
    again.load_state_dict(torch.load(file, weights_only=False))
    assert (again.input_names, again.output_names) == (["image"], ["scores"])
    close(again(x), net(x))
    close(again(image=x), net(x))


def test_modules_inside_modules_keep_their_engines(net):
    x = torch.randn(1, 3, 16, 16)
    both = torch.nn.Sequential(torch2trt.torch2trt(net, [x]), torch.nn.Softmax(1))
    again = torch.nn.Sequential(torch2trt.TRTModule(), torch.nn.Softmax(1))
    again.load_state_dict(both.state_dict())
    close(again(x), torch.softmax(net(x), 1))


def test_batches_up_to_the_greatest(net):
    x = torch.randn(2, 3, 16, 16)
    fast = torch2trt.torch2trt(net, [x], max_batch_size=8, fp16_mode=True)
    for batch in (1, 2, 8):
        x = torch.randn(batch, 3, 16, 16)
        close(fast(x), net(x))
    with pytest.raises(ValueError):
        fast(torch.randn(9, 3, 16, 16))


def test_ranges_of_shapes(net):
    x = torch.randn(1, 3, 16, 16)
    fast = torch2trt.torch2trt(net, [x], min_shapes=[(1, 3, 8, 8)], max_shapes=[(4, 3, 32, 32)])
    for shape in [(1, 3, 8, 8), (4, 3, 32, 24)]:
        x = torch.randn(shape)
        close(fast(x), net(x))


def test_several_inputs_and_outputs():
    class Two(torch.nn.Module):
        def forward(self, a, b):
            return {"sum": a + b, "parts": [a * 2, torch.argmax(b, 1)]}

    a, b = torch.randn(2, 5), torch.randn(2, 5)
    fast = torch2trt.torch2trt(Two(), (a, b))
    got, want = fast(a, b), Two()(a, b)
    close(got["sum"], want["sum"])
    close(got["parts"][0], want["parts"][0])
    assert torch.equal(got["parts"][1], want["parts"][1])
    again = torch2trt.TRTModule()
    again.load_state_dict(fast.state_dict())
    close(again(a, b)["sum"], want["sum"])


def test_says_what_it_cannot_do(net):
    with pytest.raises(TypeError, match="no_such_option"):
        torch2trt.torch2trt(net, [torch.randn(1, 3, 16, 16)], no_such_option=1)

    class Number(torch.nn.Module):
        def forward(self, x):
            return x, 1

    with pytest.raises(TypeError, match="besides tensors"):
        torch2trt.torch2trt(Number(), [torch.randn(1)])
