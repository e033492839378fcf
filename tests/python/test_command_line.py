"""The command line, as scripts use it: what it prints, what it leaves behind, and its exit codes."""

import json
import os
import pathlib
import subprocess

import numpy as np
import onnx
import onnx.parser
import pytest

TOOL = pathlib.Path(
    os.environ.get("VIVACE_TOOL", pathlib.Path(__file__).resolve().parents[2] / "build" / "bin" / "vivace")
)
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="the command line is not built")

MODEL = """<ir_version: 9, opset_import: ["" : 17]> small (float[n, 2] x) => (float[n, 2] y)
<float[2, 2] w = {1, -1, 1, 1}> { p = MatMul(x, w)  y = Relu(p) }"""


def vivace(*arguments, code=0, **environment):
    done = subprocess.run(
        [TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), path)
    return path


@pytest.fixture(scope="module")
def plan(model):
    vivace("build", model, "--shape", "x=1x2:3x2:16x2", "--threads", 1, "--effort", 0)
    return model.with_suffix(".plan")


def test_help_and_version():
    assert "Examples" in vivace("--help")
    assert vivace("--version").startswith("vivace ")
    for command in ("build", "run", "bench", "inspect", "compare"):
        assert "Example" in vivace(command, "--help")


def test_build_writes_plan_and_reports(model, tmp_path):
    files = [tmp_path / name for name in ("report.json", "report.html", "report.txt")]
    reports = [word for file in files for word in ("--report", file)]
    text = vivace("build", model, "-o", tmp_path / "a.plan", "--effort", 0, *reports, "--dump", tmp_path / "passes")
    assert "a.plan" in text and (tmp_path / "a.plan").exists()
    assert json.loads(files[0].read_text())["layers"]
    assert "<html" in files[1].read_text().lower()
    assert "MatMul" in files[2].read_text()
    assert (tmp_path / "passes").is_dir()
    assert json.loads(vivace("build", model, "-o", tmp_path / "b.plan", "--effort", 0, "--json"))["layers"]


def test_timing_cache_makes_equal_plans(model, tmp_path):
    plans = [tmp_path / name for name in ("warm.plan", "a.plan", "b.plan")]
    for path in plans:
        vivace("build", model, "-o", path, "--effort", 2, "--threads", 1, VIVACE_CACHE_DIR=str(tmp_path / "cache"))
    assert (tmp_path / "cache" / "timings").exists()
    assert plans[1].read_bytes() == plans[2].read_bytes()


def test_run_takes_and_saves_arrays(model, plan, tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    y = np.maximum(x @ np.float32([[1, -1], [1, 1]]), 0)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    (tmp_path / "x.pb").write_bytes(onnx.numpy_helper.from_array(x).SerializeToString())
    x.tofile(tmp_path / "x.raw")
    for name in ("x.npy", "x.npz", "x.pb", "x.raw"):
        given = tmp_path / name if name == "x.npz" else f"x={tmp_path / name}"
        vivace("run", plan, "-i", given, "-o", f"y={tmp_path / 'y.npy'}", "-o", tmp_path / "y.npz")
        np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), y)
        np.testing.assert_array_equal(np.load(tmp_path / "y.npz")["y"], y)
    vivace("run", model, "--effort", 0, "--shape", "x=3x2", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), y)
    runs = [json.loads(vivace("run", plan, "--seed", seed, "--json"))["outputs"] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert runs[0][0]["shape"] == [3, 2]


def test_bench(plan):
    result = json.loads(
        vivace("bench", plan, "--warm-up", 0, "--iterations", 20, "--streams", 2, "--threads", 1, "--profile", "--json")
    )
    assert result["runs"] == 40 and result["threads"] == 1
    latency = result["latency_ms"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"]
    assert result["layers"] and result["runs_per_second"] > 0
    assert "p99" in vivace("bench", plan, "--warm-up", 0, "--duration", 0.01)


def test_inspect(model, plan, tmp_path):
    for path in (model, plan):
        assert "MatMul" in vivace("inspect", path)
        description = json.loads(vivace("inspect", path, "--json"))
        assert description["inputs"][0]["shape"] == ["n", 2]
        assert "digraph" in vivace("inspect", path, "--graph", "dot")
        assert "graph" in vivace("inspect", path, "--graph", "text")
        vivace("inspect", path, "--graph", "svg", "-o", tmp_path / "graph.svg")
        assert (tmp_path / "graph.svg").read_text().startswith("<svg")
    assert json.loads(vivace("inspect", plan, "--json"))["memory"]["weight_bytes"] > 0
    assert json.loads(vivace("inspect", plan, "--report"))["layers"]


def test_compare(model):
    result = json.loads(vivace("compare", model, "--effort", 0, "--json", "--against", "reference"))
    assert result["same"] and result["comparisons"][0]["outputs"][0]["name"] == "y"
    # A plan of another model.
    other = model.with_name("other.onnx")
    onnx.save(onnx.parser.parse_model(MODEL.replace("Relu", "Exp")), other)
    vivace("build", other, "--effort", 0)
    vivace("compare", model, "--plan", other.with_suffix(".plan"), "--effort", 0, "--against", "reference", code=4)


def test_lists():
    assert "Conv" in vivace("list-operators")
    assert any(op["name"] == "Conv" for op in json.loads(vivace("list-operators", "--json")))
    assert json.loads(vivace("list-tactics", "--json")) and "reference" in vivace("list-tactics")
    assert json.loads(vivace("devices", "--json"))[0]["name"].startswith("cpu")


def test_exit_codes(model, plan, tmp_path):
    broken, unknown = tmp_path / "broken.plan", tmp_path / "unknown.onnx"
    broken.write_bytes(plan.read_bytes()[:-1])
    onnx.save(onnx.parser.parse_model(MODEL.replace("Relu", "Rolu")), unknown)
    assert "no such" in vivace("run", tmp_path / "no such.plan", code=3)
    vivace(code=1)
    vivace("build", code=1)
    vivace("build", model, "--effort", 9, code=1)
    assert "no shape" in vivace("build", model, "--shape", "x=1xx", code=1)
    assert "is no plan" not in vivace("inspect", broken, code=3)
    assert "Rolu" in vivace("build", unknown, code=2)
    assert "17x2" in vivace("run", plan, "-i", write_npy(tmp_path, (17, 2)), code=2)
    assert "bytes" in vivace("build", model, "--memory-limit", 1, code=5)
    vivace("build", model, "-o", "/nowhere/x.plan", "--effort", 0, code=3)
    assert "VIVACE_NUM_THREADS" in vivace("build", model, code=1, VIVACE_NUM_THREADS="many")
    vivace("build", model, "--precision", "int8", code=2)


def write_npy(folder, shape):
    np.save(folder / "wide.npy", np.zeros(shape, np.float32))
    return folder / "wide.npy"
