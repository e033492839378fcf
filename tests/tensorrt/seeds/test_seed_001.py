"""Document 001: a notebook that builds an engine, runs it, compares it and measures it, step by step."""

import re

import pytest

# Before the document's steps: tensors stay in memory where they are sent to a GPU that is not there, and in place of the
# downloaded weights are random ones, with means and variances of a batch of noise.
BEFORE = """
import host_cuda
import torch
from torchvision import models

def resnet50(pretrained):
    torch.manual_seed(1)
    model = make(num_classes=1000)
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))
        model.fc.bias[934] = 9  # the one class of more than 50 %, the least that the document shows
    return model

make, models.resnet50 = models.MODEL, resnet50
"""
# Behind them: what the chart shows.
AFTER = """
labels = [label.get_text() for label in plt.gca().get_xticklabels()]
for label, bar in zip(labels, plt.gca().patches):
    print(f"bar {label}: {bar.get_height()}")
"""


@pytest.fixture(scope="module")
def notebook(documents, torch_place, tmp_path_factory):
    """The document's steps as one program, in a folder beside those that it names; and what it prints."""
    document = documents(1)
    steps = [
        BEFORE.replace("MODEL", "resnet50" if torch_place.all_models else "resnet18"),
        document.block_with("def preprocess_image", "models.resnet50"),
        document.block_with("torch.onnx.export("),
        document.block_with("import pycuda.autoinit", "build_serialized_network"),
        # The document writes resnet50.engine and reads resnet.engine.
        'import shutil; shutil.copy("../deploy_tools/resnet50.engine", "../deploy_tools/resnet.engine")\n',
        document.block_with("runtime = trt.Runtime(TRT_LOGGER)", "postprocess(tensorrt_output)"),
        document.block_with("torch.mean(torch.abs("),
        document.block_with("def pytorch_inference"),
        document.block_with("def tensorrt_inference"),
        document.block_with("plt.bar("),
        AFTER,
    ]
    folder = tmp_path_factory.mktemp("seed001")
    for name in ("python", "data", "deploy_tools"):
        (folder / name).mkdir()
    (folder / "data" / "imagenet-classes.txt").write_text("".join(f"class_{i}\n" for i in range(1000)))
    picture = "import cv2, numpy; r = numpy.random.default_rng(934); "
    picture += "cv2.imwrite('data/hotdog.jpg', r.integers(0, 256, (256, 240, 3), numpy.uint8))"
    torch_place.python(folder, "-c", picture)
    (folder / "python" / "notebook.py").write_text("\n".join(steps))
    return folder, torch_place.python(folder / "python", "notebook.py")


def test_the_engine_is_written(notebook):
    folder, _ = notebook
    assert (folder / "deploy_tools" / "resnet50.engine").stat().st_size > 1 << 20


def test_the_class_is_the_same(notebook):
    """That of PyTorch, and then that of the engine."""
    _, printed = notebook
    said = re.findall(r"^class: (\S+) , confidence: (\S+) %, index: (\d+)$", printed, re.MULTILINE)
    assert [(name, index) for name, _, index in said] == [("class_934", "934")] * 2, printed
    assert float(said[0][1]) == pytest.approx(float(said[1][1]), rel=1e-4)


def test_results_agree(notebook):
    """Within what the orders of sums may differ by: scores are of the order of 1."""
    _, printed = notebook
    assert float(re.search(r"^MAE: (\S+)$", printed, re.MULTILINE)[1]) < 1e-4, printed


def test_latencies_are_charted(notebook):
    _, printed = notebook
    bars = dict(re.findall(r"^bar (.+): (\S+)$", printed, re.MULTILINE))
    assert sorted(bars) == ["Pure PyTorch", "TensorRT"]
    assert all(float(height) > 0 for height in bars.values())
