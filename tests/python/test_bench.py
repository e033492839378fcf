"""What programs of bench/ make of what they measured: tables, baselines, merged times; which models they take."""

import importlib.machinery
import importlib.util
import pathlib
import sys

import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import measure
import models
import peers_table

BENCH = models.ROOT / "bench"
TABLE = peers_table.Table(["Vivace", "ONNX Runtime"], "Vivace", "minimum")
KEY = "1 thread, batch 1"


def program(name):
    """A program without a suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def results(**times):
    """{model: result} of (ours, theirs)."""
    rows = {name: dict(zip(TABLE.runtimes, pair, strict=True)) for name, pair in times.items()}
    return peers_table.results_of({"statistic": "minimum", "milliseconds": {KEY: rows}})


def test_models_by_name_family_and_set():
    assert models.names_of(["resnet18", "VGG", "vgg11"])[:2] == ["resnet18", "vgg11"]
    assert len(models.names_of(["resnet18", "VGG", "vgg11"])) == 9
    assert len(models.names_of(["classifiers"])) == 31 and len(models.names_of(["beside"])) == 8
    assert len(models.names_of(["all"])) == 41
    assert models.family_of("vgg19_bn") == "VGG" and models.family_of("unet_small") == "unet_small"
    with pytest.raises(ValueError, match="'resnet17'"):
        models.names_of(["resnet17"])


def test_inputs_left_open_get_a_batch_and_a_length(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    ids = helper.make_tensor_value_info("ids", kinds.INT64, ["batch", "length"])
    image = helper.make_tensor_value_info("image", kinds.FLOAT, [1, 3, 8, 8])
    weight = helper.make_tensor_value_info("w", kinds.FLOAT, [1])
    graph = helper.make_graph([], "g", [ids, image, weight], [], [helper.make_tensor("w", kinds.FLOAT, [1], [0.0])])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    shapes = models.input_shapes(tmp_path / "m.onnx", 8)
    assert shapes == {"ids": ("int64", (8, models.LENGTH), True), "image": ("float32", (1, 3, 8, 8), False)}
    assert models.shape_options(tmp_path / "m.onnx", 8) == [f"--shape=ids=8x{models.LENGTH}"]
    ids, image = measure.random_arrays(shapes)
    assert ids.dtype == np.int64 and ids.shape == (8, models.LENGTH) and 0 <= ids.min() < ids.max() < 100
    assert image.dtype == np.float32 and image.shape == (1, 3, 8, 8)


def test_groups_show_mean_and_least(capsys):
    TABLE.print_groups(results(a=(1, 2), b=(1, 8), c=(2, 1)), KEY, {"ab": ["a", "b"], "c": ["c"], "none": ["d"]})
    heads, ab, c = capsys.readouterr().out.splitlines()
    assert heads.split()[-1] == "/ONNX"
    assert ab.split() == ["ab", "4.00x", "2.00x"] and c.split() == ["c", "0.50x", "0.50x"]


def test_baselines_tell_what_fell(capsys):
    baseline = peers_table.baseline_of(TABLE, results(a=(1, 2), b=(1, 3), gone=(1, 1)))
    assert baseline["milliseconds"][KEY]["b"] == {"Vivace": 1, "ONNX Runtime": 3}
    baseline |= {"machine": "a machine", "commit": "1234567", "date": "2026-01-02"}
    # Another clock: times double, and b's ratio alone falls.
    peers_table.print_changes(TABLE, baseline, results(a=(2, 3.96), b=(2, 5), new=(1, 1)))
    since, line = capsys.readouterr().out.strip().splitlines()
    assert since == "since 1234567 of 2026-01-02 (a machine)"
    assert line.startswith(f"{KEY}, against ONNX Runtime: 2.449x, now 2.225x over 2 models;")
    assert line.endswith("fell by more than 5%: b 3.00x to 2.50x")


def test_times_of_logs_and_tables_are_merged():
    merged = program("merge_perf").merged
    log = "#head;TensorRT (C++)\nModel ./plan/b.plan: ...\n#./plan/b.plan;1.234\n#./plan/a.plan;0.5\n"
    assert merged(["Model;PyTorch;Vivace\na;2.00;1\nc;;3\n", log]) == (
        "Model;PyTorch;Vivace;TensorRT (C++)\na;2.00;1.00;0.50\nb;;;1.23\nc;;3.00;"
    )


def candidate(tactic, configuration="", us=None, refused=None):
    row = {"tactic": tactic, "configuration": configuration, "us": us, "refused": refused}
    return {name: value for name, value in row.items() if value is not None}


def report_of(*candidates, op="vivace.FusedConv", shapes="f32[1x16x8x8]/16 f32[24x16x3x3] -> f32[1x24x8x8]/16"):
    """A build report of two equal layers, and one that runs nothing."""
    row = {"op": op, "shapes": shapes, "candidates": list(candidates)}
    return {"layers": [row | {"name": "a"}, row | {"name": "b"}, row | {"name": "c", "view": True}]}


def test_layers_that_onednn_wins_say_why(capsys):
    kernels = program("kernels")
    no = candidate("conv_winograd4", refused="needs memory")
    lost = kernels.distinct_layers(
        "m", report_of(candidate("conv_direct", "1", us=30.0), candidate("onednn_conv", us=20.0), no)
    )
    assert len(lost) == 1 and lost[0].count == 2 and lost[0].behind == 1.5
    won = kernels.distinct_layers("m", report_of(candidate("conv_direct", "0", us=10.0), candidate("onednn_conv", us=20.0)))
    alone = kernels.distinct_layers("m", report_of(candidate("matmul", us=1.0), op="MatMul"))
    assert alone[0].behind is None
    kernels.print_losses(lost + won + alone, 16)
    out = capsys.readouterr().out
    assert "runs 2 distinct layers: faster than ours in 1, equal within 2% in 0, slower in 1" in out
    # 2 * 24 * 64 * 16 * 9 = 442,368 operations and 4 * (1024 + 3456 + 1536) bytes in 30 us; at best in 10.
    assert "conv_direct 1: 15 GFLOP/s, 33% of its best; 1 GB/s; 75% of the lanes hold channels" in out
    assert "conv_winograd4: needs memory" in out and "3x3  " in out


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ("f32[1x96x112x112]/16 f32[96x1x3x3] f32[96] -> f32[1x96x56x56]/16", "depthwise 3x3 stride 2"),
        ("f32[1x3x224x224] f32[64x3x7x7] f32[64] -> f32[1x64x112x112]/16", "7x7 of few channels stride 2"),
        ("f32[1x64x56x56]/16 f32[64x4x3x3] -> f32[1x64x56x56]/16", "grouped 3x3"),
        ("f32[1x64x56x56]/16 f32[32x64x1x1] -> f32[1x32x56x56]/16", "1x1"),
    ],
)
def test_kinds_of_convolutions(shapes, kind):
    assert program("kernels").convolution_of(shapes, 16).kind == kind
    assert program("kernels").convolution_of("f32[1x64] f32[64x10] -> f32[1x10]", 16) is None


def test_choices_are_judged_by_one_measurement(capsys):
    kernels = program("kernels")
    rows = [candidate("conv_direct", "0", us=10.0), candidate("conv_direct", "1", us=10.2),
            candidate("conv_winograd4", us=11.0), candidate("onednn_conv", us=1.0)]  # fmt: skip
    found = [layer for row in rows[:3] for layer in kernels.distinct_layers("m", report_of(*rows))]
    for layer, row in zip(found, rows, strict=False):
        # The default build has times of its own, which do not count.
        kernels.add_choices([layer], report_of(row | {"us": 99.0}))
    assert [layer.excess for layer in found] == [1, 1.02, 1.1]
    assert not kernels.print_choices(found, 0.03)
    assert "all                      2 of      3   66.7%  1.10x vivace.FusedConv" in capsys.readouterr().out
    assert kernels.print_choices(found, 0.15)
    kernels.add_times(found[:1], report_of(candidate("conv_direct", "0", us=12.0), candidate("conv_direct", "1", us=8.0)))
    assert found[0].times[("conv_direct", "0")] == 10 and found[0].excess == 1.25  # another build found a shorter one
    alone = kernels.distinct_layers("m", report_of(rows[0], rows[3]))
    kernels.add_choices(alone, report_of(rows[0]))
    assert alone[0].excess is None  # nothing to choose


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        ([10.0, 20.1, 10.1, 9.9], "same"),  # the machine's slow moments are both's
        ([10.5, 21.0, 10.6, 10.4], "SLOWER"),
        ([9.5, 19.0, 9.4, 9.6], "faster"),
        ([11.0, 14.0, 14.0, 10.0], "same"),  # as much up as down
    ],
)
def test_commits_differ_beyond_noise(head, verdict):
    compare = program("compare")
    base = [10.0, 20.0, 10.0, 10.0]
    assert compare.judge({"base": dict.fromkeys(("minimum", "median"), base),
                          "head": dict.fromkeys(("minimum", "median"), head)})["verdict"] == verdict  # fmt: skip
    fast = {"minimum": base, "median": [1.0, 2.0, 1.0, 1.0]}  # the median alone: what else ran
    assert compare.judge({"base": fast, "head": dict.fromkeys(("minimum", "median"), base)})["verdict"] == "same"
    found = compare.judge({"base": {"minimum": [4, 5], "median": [6, 6]}, "head": {"minimum": [3, 2], "median": [3, 2]}})
    assert found["minimum"] == 2 and found["median"] == 2.5 and found["noise"] == pytest.approx(3 * 1.4826 * 0.5 / 2**0.5)


def test_floors_are_of_layers_or_of_weights(capsys):
    roofline = program("roofline")
    limits = roofline.Limits(gflops=100, memory=0.5, cache=50)
    layers = [{"flops": 2e9, "bytes": 1e8}, {"flops": 1e8, "bytes": 1e9}, {"ms": 1}]
    assert limits.floor_ms(layers, 3e7) == pytest.approx(20 + 20)
    assert limits.floor_ms(layers, 1e8) == pytest.approx(200)  # weights that no cache keeps
    row = roofline.row_of({"layers": layers, "latency_ms": {"min": 84.0}}, 0, limits)
    assert row.text("m", limits).split() == "m 2.100 1100.0 84.000 25.0 25.0% 13.1 40.000 47.6%".split()
    roofline.print_families({"vgg11": row, "vgg13": roofline.Row(8.4, 1100, 21, 10)}, limits)
    vgg = capsys.readouterr().out.splitlines()[3]
    assert vgg.split()[:4] == ["VGG", "4.200", "1100.0", "42.000"]


def test_torch_computes_what_the_model_says(tmp_path):
    """Gates in another order, ends padded otherwise, rounding up, bounds: where the two have ways of their own."""
    pytest.importorskip("torch.nn")  # a folder of tests is called torch, too
    pytest.importorskip("onnx")
    import onnx.reference
    import torch
    import torch_model

    graph = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[1,3,9,7] x, float[5,1,4] s) => (float[n,m,c,w] y, float[a,b,d,e] states)
        <float[2,3,3,3] k, float[1,8,4] w, float[1,8,2] r, float[1,16] b,
         float low = {-0.5}, float high = {0.75}, float[4] scales = {1.0, 1.0, 2.0, 2.0}> {
          c = Conv<pads = [0, 1, 2, 1], strides = [2, 1]>(x, k)
          clipped = Clip(c, low, high)
          pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(clipped)
          y = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(pooled, , scales)
          states, last, cell = LSTM<hidden_size = 2>(s, w, r, b)
        }""").graph
    rng = np.random.default_rng(0)
    for name, shape in (("k", (2, 3, 3, 3)), ("w", (1, 8, 4)), ("r", (1, 8, 2)), ("b", (1, 16))):
        graph.initializer.append(onnx.numpy_helper.from_array(rng.standard_normal(shape, np.float32), name))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    arrays = [rng.standard_normal(shape, np.float32) for shape in ((1, 3, 9, 7), (5, 1, 4))]
    want = onnx.reference.ReferenceEvaluator(model).run(None, dict(zip("xs", arrays, strict=True)))
    with torch.no_grad():
        inputs = [torch.from_numpy(array) for array in arrays]
        got = [output.numpy() for output in torch_model.Module(graph, inputs)(*inputs)]
    assert measure.difference(got, want) < 1e-5
