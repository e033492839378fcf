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
