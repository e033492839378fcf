"""Document 002: notes with steps. Each printed line is used as it stands, in a program around it."""

import re

import numpy as np
import pytest
from place import BUILD

BATCH = 3


def lines_between(text, first, last):
    """The lines of the text from the one that starts with `first` to the one that has `last`."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i in range(start, len(lines)) if last in lines[i])
    return "\n".join(lines[start : end + 1]) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("seed002")


@pytest.fixture(scope="module")
def trtexec_lines(documents, model_file, folder):
    """The document's two lines for trtexec, and the model they name."""
    (folder / "resnet50_pytorch.onnx").symlink_to(model_file("resnet18"))
    lines = re.findall(r"^\s*!(trtexec .*)$", documents(2).text, re.MULTILINE)
    assert len(lines) == 2
    return lines


@pytest.fixture(scope="module")
def has_trtexec(place):
    if not (BUILD / "bin" / "trtexec").exists():
        pytest.skip(f"{BUILD / 'bin'} has no trtexec; build it first")


def test_trtexec_in_single_precision(trtexec_lines, has_trtexec, place, folder, model_file):
    line = next(line for line in trtexec_lines if "fp16" not in line)
    printed = place.shell(folder, line + " --duration=0 --iterations=2")
    assert "&&&& PASSED" in printed
    x = np.random.default_rng(2).standard_normal((1, 3, 224, 224), dtype=np.float32)
    plan = place.vivace_run(folder / "resnet_engine_pytorch.trt", x, folder)
    np.testing.assert_allclose(plan, place.vivace_run(model_file("resnet18"), x, folder), rtol=1e-3, atol=1e-4)


def test_trtexec_in_half_precision(trtexec_lines, has_trtexec, place, folder):
    line = next(line for line in trtexec_lines if "fp16" in line)
    printed = place.shell(folder, line + " --duration=0 --iterations=2")
    assert "&&&& PASSED" in printed


def test_steps_in_cpp(documents, place, folder, model_file, stand_in):
    """Both ways to build, with a free batch; results as those of `vivace run`."""
    document = documents(2)
    config = "\n".join(
        [
            lines_between(document.text, "constexpr size_t MAX_WORKSPACE_SIZE", "constexpr"),
            document.line_with("config->setMaxWorkspaceSize(MAX_WORKSPACE_SIZE)"),
            re.search(r'"(config->setFlag\(.*?;)"', document.text)[1] + "\n",
        ]
    )
    parts = {
        "CONFIG": config,
        "DECLARE": lines_between(document.text, "SampleUniquePtr<nvinfer1::ICudaEngine> mEngine", "{nullptr}"),
        "ENGINE": lines_between(document.text, "mEngine = SampleUniquePtr", "buildEngineWithConfig"),
        "PLAN": lines_between(document.text, "SampleUniquePtr<IHostMemory> plan", "InferDeleter"),
    }
    defines = []
    for name, code in parts.items():
        (folder / f"{name}.inc").write_text(code)
        defines.append(f"-DSTEPS_{name}='\"{folder}/{name}.inc\"'")
    stand_in("steps_002.cpp", folder)
    place.compile(folder, " ".join([*defines, "steps_002.cpp"]), "steps", "nvonnxparser", "nvinfer", "cudart")
    model = model_file("resnet18_dynamic")
    x = np.random.default_rng(3).standard_normal((BATCH, 3, 224, 224), dtype=np.float32)
    x.tofile(folder / "x.raw")
    place.run(folder, "./steps", model, BATCH, "x.raw", "y.raw", "steps.plan")
    expected = np.concatenate([place.vivace_run(model_file("resnet18"), row[None], folder) for row in x])
    got = np.fromfile(folder / "y.raw", np.float32).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_steps_in_python(documents, place, folder, has_trtexec, trtexec_lines, needs_python):
    """The lines that load an engine; then a run, and the error of a plan of another kind."""
    text = documents(2).text
    lines = [
        re.search(rf"^\s*({start}.*)$", text, re.MULTILINE)[1]
        for start in (r"f = open\(", r"runtime = ", r"engine = runtime", r"context = engine")
    ]
    place.shell(folder, next(line for line in trtexec_lines if "fp16" not in line) + " --duration=0 --iterations=1")
    program = ["import tensorrt as trt", *lines, "assert engine.num_bindings == 2, engine", "assert context"]
    program += ["assert runtime.deserialize_cuda_engine(b'no plan' * 100) is None", "print('loaded')"]
    (folder / "steps.py").write_text("\n".join(program))
    assert place.python(folder, "steps.py") == "loaded\n"
