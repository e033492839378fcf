"""Document 001: a notebook that builds an engine, runs it, compares it and measures it, step by step.

Its torch, torchvision, cv2 and matplotlib are stand-ins of ours: `model(x)` is `vivace run`.
"""

import re

import pytest
from place import BUILD, STAND_INS


@pytest.fixture(scope="module")
def notebook(documents, place, model_file, needs_python, tmp_path_factory):
    """The document's steps as one program, in a folder beside those that it names; and what it prints."""
    document = documents(1)
    steps = [
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
    ]
    folder = tmp_path_factory.mktemp("seed001")
    for name in ("python", "data", "deploy_tools"):
        (folder / name).mkdir()
    (folder / "data" / "imagenet-classes.txt").write_text("".join(f"class_{i}\n" for i in range(1000)))
    (folder / "python" / "notebook.py").write_text("\n".join(steps))
    environment = {
        "PYTHONPATH": f"{STAND_INS / 'notebook'}:{place.environment['PYTHONPATH']}",
        "VIVACE_SEED_MODEL": str(model_file("resnet50" if place.all_models else "resnet18")),
        "VIVACE_PROGRAM": str(BUILD / "bin" / "vivace"),
    }
    printed = place.python(folder / "python", "notebook.py", environment=environment)
    return folder, printed


def test_the_engine_is_written(notebook):
    folder, _ = notebook
    assert (folder / "deploy_tools" / "resnet50.engine").stat().st_size > 1 << 20


def test_results_agree(notebook):
    """Within what the orders of sums may differ by: scores are of the order of 1."""
    _, printed = notebook
    assert float(re.search(r"^MAE: (\S+)$", printed, re.MULTILINE)[1]) < 1e-4, printed


def test_latencies_are_charted(notebook):
    _, printed = notebook
    bars = dict(re.findall(r"^bar (.+): (\S+)$", printed, re.MULTILINE))
    assert sorted(bars) == ["Pure PyTorch", "TensorRT"]
    assert all(float(height) > 0 for height in bars.values())
