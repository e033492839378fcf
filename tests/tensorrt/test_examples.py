"""The programs of examples/tensorrt, compiled by the line of their page, with results as those of `vivace run`."""

import re
import shutil

import numpy as np
import pytest
from place import ROOT

EXAMPLES = ROOT / "examples" / "tensorrt"
BATCH = 3


@pytest.fixture(scope="module")
def folder(place, tmp_path_factory):
    """The examples, a model with a free batch, its input, and what `vivace run` says to it."""
    onnx = pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("examples")
    for path in EXAMPLES.iterdir():
        shutil.copy(path, folder)
    values = np.random.default_rng(6).standard_normal((4, 3, 3, 3), dtype=np.float32)
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["c"], ["y"]),
    ]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "example",
        [value("x", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [value("y", onnx.TensorProto.FLOAT, ["batch", 4, 8, 8])],
        [onnx.numpy_helper.from_array(values, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    x = np.random.default_rng(7).standard_normal((BATCH, 3, 8, 8), dtype=np.float32)
    x.tofile(folder / "x.raw")
    shape = f"x=1x3x8x8:{BATCH}x3x8x8:8x3x8x8"
    expected = place.vivace_run(folder / "model.onnx", x, folder, "--shape", shape)
    np.save(folder / "expected.npy", expected)
    return folder


def check(folder):
    expected = np.load(folder / "expected.npy")
    got = np.fromfile(folder / "y.raw", np.float32).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    (folder / "y.raw").unlink()


@pytest.fixture(scope="module")
def compiled(folder, place):
    """The programs, by the lines of the page, with this build's folders."""
    lines = re.findall(r"^    (g\+\+ .*)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        place.shell(folder, line.replace("$VIVACE", str(ROOT)).replace(str(ROOT / "build"), str(place.build)))
    return folder


def test_a_plan_in_cpp(compiled, place):
    assert place.run(compiled, "./build_plan", "model.onnx", "cpp.plan").startswith("cpp.plan: ")
    printed = place.run(compiled, "./run_plan", "cpp.plan", "x.raw", "y.raw", BATCH)
    assert re.fullmatch(r"y:( [-\d.e]+){5} \.\.\.\n", printed)
    check(compiled)
    place.run(compiled, "./run_plan", "cpp.plan", "x.raw", "y.raw", 9, status=1)
    place.run(compiled, "./build_plan", "none.onnx", "none.plan", status=1)


def test_a_network_in_cpp(compiled, place):
    lines = place.run(compiled, "./network").splitlines()
    assert [round(sum(map(float, line.split())), 3) for line in lines] == [1, 1]


def test_a_plan_in_python(folder, place, needs_python):
    assert place.python(folder, "build_plan.py", "model.onnx", "python.plan").startswith("python.plan: ")
    place.python(folder, "run_plan.py", "python.plan", "x.raw", "y.raw", BATCH)
    check(folder)
    place.python(folder, "run_plan.py", "python.plan", "x.raw", "y.raw", 9, status=1)


def test_a_network_in_python(folder, place, needs_python):
    assert len(place.python(folder, "network.py").splitlines()) == 2
