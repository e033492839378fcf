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


def vivace(*arguments, code=0, stream=None, **environment):
    """What the command prints to `stream`; stdout, or stderr where it fails, unless said."""
    done = subprocess.run(
        [TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return getattr(done, stream or ("stderr" if code else "stdout"))


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


LISTS = """<ir_version: 9, opset_import: ["" : 17]> lists (seq(float[n]) s, float[2] x) => (seq(float[m]) t)
{ t = SequenceInsert(s, x) }"""


def test_elements_of_lists_have_numbered_names(tmp_path):
    onnx.save(onnx.parser.parse_model(LISTS), tmp_path / "lists.onnx")
    first, second = np.array([1], np.float32), np.array([2, 3], np.float32)
    np.savez(tmp_path / "in.npz", **{"s.0": first, "x": second})
    run = ("run", tmp_path / "lists.onnx", "--effort", 0, "-i")
    text = vivace(*run, tmp_path / "in.npz", "-o", tmp_path / "out.npz", "-o", f"t.1={tmp_path / 'last.npy'}")
    assert "t.0: f32 1" in text and "t.1: f32 2" in text
    made = np.load(tmp_path / "out.npz")
    assert sorted(made) == ["t.0", "t.1"] and made["t.0"].tolist() == [1] and made["t.1"].tolist() == [2, 3]
    assert np.load(tmp_path / "last.npy").tolist() == [2, 3]
    np.savez(tmp_path / "in.npz", **{"s.1": first, "x": second})
    assert "in order" in vivace(*run, tmp_path / "in.npz", code=1)


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


def test_bench_checks_outputs_and_memory(plan):
    soak = ("bench", plan, "--warm-up", 0, "--runs", 50, "--streams", 3, "--threads", 1, "--check")
    result = json.loads(vivace(*soak, "--json"))
    assert result["device"] == "cpu" and "gpu_ms" not in result
    check = result["check"]
    assert check["passed"] and check["memory_flat"] and check["different_runs"] == 0 and check["host_bytes"][1] > 0
    assert "passed: all outputs are equal" in vivace(*soak)


def test_bench_on_a_gpu(tmp_path):
    """The null device runs no kernel; a network without layers needs none."""
    same = '<ir_version: 9, opset_import: ["" : 17]> same (float[3, 2] x) => (float[3, 2] y) { y = Identity(x) }'
    onnx.save(onnx.parser.parse_model(same), tmp_path / "same.onnx")
    words = ("bench", tmp_path / "same.onnx", "--device", "cuda", "--precision", "fp16", "--warm-up", 0, "--runs", 20)
    result = json.loads(vivace(*words, "--check", "--profile", "--json", VIVACE_CUDA="null"))
    assert result["device"] == "cuda:0" and result["gpu_ms"]["runs"] == 20 and result["check"]["passed"]
    assert all(set(result["gpu_ms"][kind]) == {"min", "median", "mean"} for kind in ("warm", "flushed", "pinned"))
    text = vivace(*words, "--profile", VIVACE_CUDA="null")
    assert "GPU time" in text and "floor us" in text
    other = same.replace("y) {", "y) <bool[3] c = {1, 0, 1}> {").replace("Identity(x)", "Compress<axis = 0>(x, c)")
    other = other.replace("float[3, 2] y", "float[n, 2] y")
    onnx.save(onnx.parser.parse_model(other), tmp_path / "same.onnx")
    assert "'y' (Compress) runs on the CPU" in vivace(*words, VIVACE_CUDA="null")


def test_devices_say_what_is_missing(tmp_path):
    missing = {"VIVACE_CUDA": "off", "VIVACE_NVRTC": str(tmp_path / "libnvrtc.so")}
    said = {device["name"]: device["processor"] for device in json.loads(vivace("devices", "--json", **missing))}
    assert "unset it" in said["cuda"] and "cannot be opened" in said["nvrtc"]


def test_inspect(model, plan, tmp_path):
    for path in (model, plan):
        assert "MatMul" in vivace("inspect", path)
        description = json.loads(vivace("inspect", path, "--json"))
        assert description["inputs"][0]["shape"] == ["n", 2]
        assert "digraph" in vivace("inspect", path, "--graph", "dot")
        assert "graph" in vivace("inspect", path, "--graph", "text")
        vivace("inspect", path, "--graph", "svg", "-o", tmp_path / "graph.svg")
        assert (tmp_path / "graph.svg").read_text().startswith("<svg")
    description = json.loads(vivace("inspect", plan, "--json"))
    assert description["memory"]["weight_bytes"] > 0 and description["runs_on"] == "cpu"
    assert (
        description["layers"][0]["bytes"] == 4 * (3 * 2 + 2 * 2 + 3 * 2)
        and description["layers"][0]["flops"] == 2 * 6 * 2
    )
    assert json.loads(vivace("inspect", plan, "--report"))["layers"]


def test_compare(model):
    result = json.loads(vivace("compare", model, "--effort", 0, "--json", "--against", "reference"))
    assert result["same"] and result["comparisons"][0]["outputs"][0]["name"] == "y" and result["tolerance"] == 1e-4
    # A plan knows its precision.
    rounded = model.with_name("rounded.plan")
    vivace("build", model, "--no-timing", "--precision", "tf32", "-o", rounded)
    compared = vivace("compare", model, "--plan", rounded, "--against", "reference", "--json")
    assert json.loads(compared)["tolerance"] == 5e-3
    # A plan of another model.
    other = model.with_name("other.onnx")
    onnx.save(onnx.parser.parse_model(MODEL.replace("Relu", "Exp")), other)
    vivace("build", other, "--no-timing")
    assert "--no-timing" in vivace("build", other, "--no-timing", "--effort", 3, code=1)
    vivace("compare", model, "--plan", other.with_suffix(".plan"), "--effort", 0, "--against", "reference", code=4)


LAYERS = {
    # Several layers with a bias each, of fixed and of dynamic shapes; the biases are what is damaged.
    "convolutions": """<ir_version: 9, opset_import: ["" : 17]> layers (float[1, 3, 16, 16] x) => (float[1, 8] y) {
        [conv1] a = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)  r = Relu(a)  [conv2] b = Conv <pads = [1, 1, 1, 1]> (r, w2, b2)
        s = Add(b, r)  p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (s)  [conv3] c = Conv (p, w3, b3)
        g = GlobalAveragePool(c)  f = Flatten(g)  [gemm4] y = Gemm(f, w4, b4) }""",
    "products": """<ir_version: 9, opset_import: ["" : 17]> layers (float[n, t, 16] x) => (float[n, t, 8] y) {
        [m1] a = MatMul(x, w1)  [add1] c = Add(a, b1)  r = Tanh(c)  [m2] d = MatMul(r, w2)  [add2] e = Add(d, b2)
        s = Softmax(e)  [m3] f = MatMul(s, w3)  [add3] g = Add(f, b3)  q = Sigmoid(g)
        [m4] h = MatMul(q, w4)  [add4] y = Add(h, b4) }""",
}
WEIGHTS = {
    "convolutions": [(16, 3, 3, 3), (16, 16, 3, 3), (32, 16, 1, 1), (32, 8)],
    "products": [(16, 24), (24, 16), (16, 24), (24, 8)],
}
LAYER_NAMES = {"convolutions": ["conv1", "conv2", "conv3", "gemm4"], "products": ["m1", "m2", "m3", "m4"]}


@pytest.mark.parametrize("kind", LAYERS)
def test_compare_names_the_first_bad_layer(kind, tmp_path):
    random = np.random.default_rng(1)
    model = onnx.parser.parse_model(LAYERS[kind])
    biases = []
    for i, shape in enumerate(WEIGHTS[kind], 1):
        weights = random.standard_normal(shape).astype(np.float32) / 4
        biases.append(random.standard_normal(shape[0] if len(shape) == 4 else shape[1]).astype(np.float32))
        model.graph.initializer.append(onnx.numpy_helper.from_array(weights, f"w{i}"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(biases[-1], f"b{i}"))
    onnx.save(model, tmp_path / "layers.onnx")
    vivace("build", tmp_path / "layers.onnx", "-o", tmp_path / "good.plan", "--effort", 0)
    compare = ["compare", tmp_path / "layers.onnx", "--against", "reference", "--json", "--plan"]
    shapes = ["--shape", "x=2x5x16"] if kind == "products" else []
    assert json.loads(vivace(*compare, tmp_path / "good.plan", *shapes))["same"]
    for bias, layer in zip(biases, LAYER_NAMES[kind], strict=True):
        plan = (tmp_path / "good.plan").read_bytes()
        assert bias.tobytes() in plan
        (tmp_path / "bad.plan").write_bytes(plan.replace(bias.tobytes(), bias[::-1].tobytes()))
        result = json.loads(vivace(*compare, tmp_path / "bad.plan", *shapes, code=4, stream="stdout"))
        assert not result["same"]
        assert layer in result["first_bad_layer"]["name"], result["first_bad_layer"]


def test_inspect_counts_weights_once(tmp_path):
    model = onnx.parser.parse_model("""<ir_version: 9, opset_import: ["" : 17]> one (float[1, 32, 14, 14] x) => (y)
        { y = Conv <pads = [1, 1, 1, 1]> (x, w, b) }""")
    weights = np.random.default_rng(1).standard_normal((64, 32, 3, 3)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(64, np.float32), "b"))
    onnx.save(model, tmp_path / "one.onnx")
    for tactic, factor in (("conv_direct", 1), ("conv_winograd4", 4)):
        vivace("build", tmp_path / "one.onnx", "--effort", 0, "--force-tactic", f"vivace.FusedConv={tactic}")
        engine = json.loads(vivace("inspect", tmp_path / "one.plan", "--json"))
        memory = engine["memory"]
        assert memory["model_weight_bytes"] == weights.nbytes + 256
        assert memory["packed_weight_bytes"] == factor * weights.nbytes
        assert memory["weight_bytes"] == factor * weights.nbytes + 256
        assert sum(layer["weight_bytes"] for layer in engine["layers"]) == memory["weight_bytes"]
        assert "packed" in vivace("inspect", tmp_path / "one.plan")


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


def test_check_before_a_build(tmp_path):
    values = "float[2, 3] x, int64[k] i"
    good = f"""<ir_version: 9, opset_import: ["" : 17]> g ({values}) => (int64[2, m] y)
    {{ a = Relu(x)  b = Gather(a, i)  y = NonZero(b) }}"""
    bad = f"""<ir_version: 9, opset_import: ["" : 17]> g ({values}) => (float[2, 3] y)
    {{ a = Relu(x, x)  b = Odd(x)  c = Add(x, i)  y = Sum(a, b, c) }}"""
    for name, text in [("good", good), ("bad", bad)]:
        onnx.save(onnx.parser.parse_model(text), tmp_path / f"{name}.onnx")
    found = json.loads(vivace("inspect", tmp_path / "good.onnx", "--check", "--json"))
    assert found["can_build"] and "NonZero" in [layer["op"] for layer in found["fallbacks"]]
    told = vivace("inspect", tmp_path / "good.onnx", "--check", "--device", "sm_90", "--precision", "fp16")
    assert "fall back to the CPU" in told and "NonZero" in told
    problems = vivace("inspect", tmp_path / "bad.onnx", "--check", code=2)
    assert "3 problems" in problems and "Odd" in problems and "(Relu" in problems and "(Add" in problems
