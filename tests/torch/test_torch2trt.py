"""The module torch2trt: PyTorch's modules as engines. Skipped where PyTorch is not installed."""

import io
import os
import subprocess
import sys

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
    with pytest.warns(UserWarning, match="no_such_option"):
        torch2trt.torch2trt(net, [torch.randn(1, 3, 16, 16)], no_such_option=1)

    class Number(torch.nn.Module):
        def forward(self, x):
            return x, 1

    with pytest.raises(TypeError, match="besides tensors"):
        torch2trt.torch2trt(Number(), [torch.randn(1)])


def test_tensors_in_memory_are_not_copied(net):
    x = torch.randn(1, 3, 16, 16)
    fast = torch2trt.torch2trt(net, [x])
    y = fast(x)
    assert fast.context.get_tensor_address("input_0") == x.data_ptr()
    assert fast.context.get_tensor_address("output_0") == y.data_ptr()
    assert fast.engine.get_tensor_location("input_0") == fast.engine.get_tensor_location("output_0")
    assert torch2trt.torch_device_from_trt(fast.engine.get_tensor_location("output_0")) == y.device


@pytest.mark.parametrize("frozen", [False, True])
def test_attention_of_pytorch(frozen):
    torch.manual_seed(2)
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    module = torch.nn.TransformerEncoder(layer, 2).eval().requires_grad_(not frozen)
    x = torch.randn(2, 5, 16)
    fast = torch2trt.torch2trt(module, [x])
    close(fast(x), module(x))
    assert all(weight.requires_grad is not frozen for weight in module.parameters())


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "segmentation.lraspp_mobilenet_v3_large"])
def test_models_of_torchvision(name):
    models = pytest.importorskip("torchvision").models
    *group, maker = name.split(".")
    options = {"weights": None, "weights_backbone": None} if group else {"weights": None}
    torch.manual_seed(4)
    model = getattr(models.segmentation if group else models, maker)(**options)
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))  # statistics, so that what reaches the end is of the order of 1
    x = torch.randn(1, 3, 64, 64)
    got, want = torch2trt.torch2trt(model, [x])(x), model.eval()(x)
    for part in want if group else [None]:
        close(got[part] if group else got, want[part] if group else want)


def test_examples_stay_as_they_are():
    class InPlace(torch.nn.Module):
        def forward(self, x):
            x += 1
            return x * 2

    x = torch.randn(2, 3)
    before = x.clone()
    fast = torch2trt.torch2trt(InPlace(), [x])
    assert torch.equal(x, before)
    close(fast(x), (before + 1) * 2)


def test_sizes_that_depend_on_values():
    class Where(torch.nn.Module):
        def forward(self, x):
            return torch.nonzero(x), x * 2

    x = torch.tensor([[0.0, 3.0, 0.0], [1.0, 0.0, 2.0]])
    fast = torch2trt.torch2trt(Where(), [x])
    # Before generation 9 nothing of 64 bits is bound.
    integers = torch.int64 if int(trt.__version__.split(".")[0]) >= 9 else torch.int32
    for value in (x, x.flip(0), torch.zeros(2, 3)):
        places, doubled = fast(value)
        close(places, torch.nonzero(value).to(integers))
        close(doubled, value * 2)


def test_a_module_of_a_plan(net, tmp_path):
    x = torch.randn(1, 3, 16, 16)
    plan = torch2trt.torch2trt(net, [x]).engine.serialize()
    (tmp_path / "net.plan").write_bytes(plan)
    for engine in (plan, bytes(plan), str(tmp_path / "net.plan")):
        close(torch2trt.TRTModule(engine, ["input_0"], ["output_0"])(x), net(x))
    with pytest.raises(ValueError, match="convert the model again"):
        torch2trt.TRTModule(b"no plan")


def test_nested_inputs():
    class Nested(torch.nn.Module):
        def forward(self, pair, more, number):
            return (pair[0] - pair[1] * number, [more["b"] + more["a"], None])

    def values(rows):
        return ((torch.randn(rows, 3), torch.randn(1, 3)), {"b": torch.randn(2), "a": torch.randn(2)}, 7)

    fast = torch2trt.torch2trt(
        Nested(), values(2), max_shapes=(((5, 3), (1, 3)), {"b": (2,), "a": (2,)}, None), input_names=list("wxyz")
    )
    again = torch2trt.TRTModule()
    again.load_state_dict(fast.state_dict())
    for rows in (2, 5):
        inputs = values(rows)
        want, got = Nested()(*inputs), again(*inputs)
        close(got[0], want[0])
        assert isinstance(got, tuple) and got[1][1] is None
        close(got[1][0], want[1][0])


def test_datasets_give_ranges_of_shapes(net, tmp_path):
    small, usual, large = (torch.randn(1, 3, *size) for size in ((8, 24), (16, 16), (32, 16)))
    folder = torch2trt.FolderDataset(tmp_path / "items")
    for dataset in (torch2trt.ListDataset(), folder):
        with dataset.record(net):
            for x in (large, small, usual):
                net(x)
        net(large)  # no more recorded
        assert len(dataset) == 3 and dataset.num_inputs() == 1
        assert dataset.min_shapes() == ((1, 3, 8, 16),) and dataset.max_shapes(flat=True) == [(1, 3, 32, 24)]
        assert dataset.median_numel_shapes() == ((1, 3, 16, 16),) and dataset.infer_dynamic_axes() == ([2, 3],)
        fast = torch2trt.torch2trt(net, dataset)
        for x in (small, torch.randn(1, 3, 32, 24)):
            close(fast(x), net(x))
        with pytest.raises(ValueError):
            fast(torch.randn(1, 3, 33, 16))
    batches = torch2trt.TensorBatchDataset()
    for rows in (1, 2):
        batches.insert((torch.full((rows, 2), rows), torch.zeros(rows)))
    assert len(batches) == 3 and batches[1][0].tolist() == [[2, 2]] and batches[2][1].shape == (1,)
    with pytest.raises(IndexError):
        batches[3]


def test_options_are_those_of_the_builder(net, monkeypatch):
    seen = {}

    def build_engine(builder, network, config):
        seen["config"] = config
        return build(builder, network, config)

    build = trt.Builder.build_engine
    monkeypatch.setattr(trt.Builder, "build_engine", build_engine)
    x = torch.randn(1, 3, 16, 16)
    items = torch2trt.ListDataset([[torch.randn(1, 3, 16, 16)] for _ in range(3)])
    fast = torch2trt.torch2trt(
        net,
        [x],
        fp16_mode=True,
        int8_mode=True,
        int8_calib_dataset=items,
        int8_calib_algorithm=trt.CalibrationAlgoType.MINMAX_CALIBRATION,
        int8_calib_batch_size=1,
        strict_type_constraints=True,
        keep_network=False,
        use_onnx=True,
        default_device_type=trt.DeviceType.GPU,
        dla_core=1,
        gpu_fallback=True,
        device_types={net.last: trt.DeviceType.GPU},
        avg_timing_iterations=3,
        max_workspace_size=1 << 26,
    )
    assert not hasattr(fast, "network")
    close(fast(x), net(x))
    config = seen["config"]
    for flag in ("FP16", "INT8", "STRICT_TYPES", "GPU_FALLBACK"):
        assert config.get_flag(getattr(trt.BuilderFlag, flag)), flag
    assert config.DLA_core == 1 and config.avg_timing_iterations == 3
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 1 << 26
    assert config.get_calibration_profile() is not None
    calibrator = config.int8_calibrator
    assert calibrator.get_algorithm() == trt.CalibrationAlgoType.MINMAX_CALIBRATION
    calibrator.count = 0
    assert calibrator.get_batch(["input_0"]) == [items[0][0].data_ptr()]
    assert [len(calibrator.get_batch(["input_0"])) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize("generation", ["7", "10", "11"])
def test_other_generations_of_the_interface(generation):
    code = """if True:
        import tensorrt, torch, torch2trt
        x = torch.ones(2, 3)
        options = dict(fp16_mode=True, int8_mode=True, strict_type_constraints=True, max_batch_size=4)
        fast = torch2trt.torch2trt(torch.nn.Softmax(1), [x], **options)
        again = torch2trt.TRTModule()
        again.load_state_dict(fast.state_dict())
        print(tensorrt.__version__, fast(x).sum().item(), again(x[:1]).sum().item())
    """
    environment = os.environ | {"VIVACE_TENSORRT_VERSION": generation}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    version, *sums = done.stdout.split() or [""]
    assert version.split(".")[0] == generation and sums == ["2.0", "1.0"], done.stderr


def test_calibration_tables_are_kept_in_a_file(tmp_path):
    path = tmp_path / "table"
    calibrator = torch2trt.DatasetCalibrator([[torch.zeros(1)]], cache_file=str(path))
    assert calibrator.read_calibration_cache() is None
    calibrator.write_calibration_cache(b"scales")
    assert calibrator.read_calibration_cache() == b"scales"


def test_flattened_modules():
    class Sum(torch.nn.Module):
        def forward(self, pair, third):
            return {"sum": pair[0] + pair[1] + third["x"]}

    inputs = ((torch.ones(2), torch.ones(2)), {"x": torch.ones(2)})
    flattener = torch2trt.Flattener.from_value(inputs)
    assert len(flattener) == 3 and flattener.dict() == {"schema": ((0, 1), {"x": 2}), "size": 3}
    assert torch2trt.Flattener.from_dict(flattener.dict()).unflatten("abc") == (("a", "b"), {"x": "c"})
    outputs = torch2trt.Flattener.from_value({"sum": torch.ones(2)})
    flat = torch2trt.Flatten(Sum(), flattener, outputs)
    assert flat(*flattener.flatten(inputs))[0].tolist() == [3, 3]
    assert torch2trt.Unflatten(flat, flattener, outputs)(*inputs)["sum"].tolist() == [3, 3]
