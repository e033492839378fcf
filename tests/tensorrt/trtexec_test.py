"""trtexec, as people and scripts use it: flags, what it prints, what it writes, and its exit codes."""

import json
import os
import pathlib
import re
import subprocess

import numpy as np
import onnx
import onnx.parser
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("TRTEXEC", ROOT / "build" / "bin" / "trtexec")).resolve()
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="trtexec is not built")

FIXED = """<ir_version: 8, opset_import: ["" : 17]> fixed (float[2, 2] x) => (float[2, 2] y)
<float[2, 2] w = {1, -1, 1, 1}> { p = MatMul(x, w)  y = Relu(p) }"""
DYNAMIC = """<ir_version: 8, opset_import: ["" : 17]> dynamic (float[n, 2] x, float[n, 2] z) => (float[n, 2] y)
<float[2, 2] w = {1, -1, 1, 1}> { p = MatMul(x, w)  r = Relu(p)  y = Add(r, z) }"""
NON_ZERO = """<ir_version: 8, opset_import: ["" : 17]> counted (float[2, 3] x) => (int64[2, n] y) { y = NonZero(x) }"""

QUICK = ("--warmUp=0", "--duration=0", "--iterations=3", "--builderOptimizationLevel=0")


def trtexec(*arguments, code=0, cwd=None):
    """(standard output, standard error) of a run that ends with `code`"""
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    command = " ".join(map(str, [TOOL, *arguments]))
    lines = [line for line in done.stdout.splitlines() if line.startswith("&&&&")]
    verdict = "PASSED" if code == 0 else "FAILED"
    assert re.fullmatch(r"&&&& RUNNING TensorRT\.trtexec \[TensorRT v\d{4,6}\] # " + re.escape(command), lines[0])
    assert re.fullmatch(rf"&&&& {verdict} TensorRT\.trtexec \[TensorRT v\d{{4,6}}\] # " + re.escape(command), lines[-1])
    assert len(lines) == 2
    return done.stdout, done.stderr


def refused(*arguments):
    """What trtexec says of arguments that it refuses."""
    return trtexec(*arguments, code=1)[1]


def save(text, folder, name):
    path = folder / f"{name}.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def fixed(folder):
    return save(FIXED, folder, "fixed")


@pytest.fixture(scope="module")
def dynamic(folder):
    return save(DYNAMIC, folder, "dynamic")


@pytest.fixture(scope="module")
def plan(fixed):
    path = fixed.with_suffix(".plan")
    trtexec(f"--onnx={fixed}", f"--saveEngine={path}", "--skipInference", *QUICK)
    return path


@pytest.fixture(scope="module")
def dynamic_plan(dynamic):
    path = dynamic.with_suffix(".plan")
    ranges = [f"--{end}Shapes=x:{n}x2,z:{n}x2" for end, n in (("min", 1), ("opt", 3), ("max", 8))]
    trtexec(f"--onnx={dynamic}", f"--saveEngine={path}", "--skipInference", *ranges, *QUICK)
    return path


def outputs(path):
    return {
        entry["name"]: np.array(entry["values"]).reshape([int(d) for d in entry["dimensions"].split("x")])
        for entry in json.loads(path.read_text())
    }


class TestCommandLine:
    def test_help(self):
        for arguments in (["--help"], ["-h"], []):
            text, _ = trtexec(*arguments)
            for section in ("Model", "Build", "Inference", "Reporting", "System"):
                assert f"=== {section} Options ===" in text
        flags = """onnx saveEngine loadEngine explicitBatch minShapes optShapes maxShapes shapes fp16 bf16 int8 best
            noTF32 workspace memPoolSize inputIOFormats outputIOFormats precisionConstraints layerPrecisions warmUp
            iterations duration avgRuns percentile streams infStreams useCudaGraph noDataTransfers useSpinWait threads
            loadInputs exportTimes exportOutput exportProfile exportLayerInfo dumpProfile dumpOutput dumpLayerInfo
            profilingVerbosity timingCacheFile builderOptimizationLevel skipInference verbose device batch maxBatch
            plugins refit version"""
        for flag in flags.split():
            assert re.search(rf"^  --{flag}\b", text, re.MULTILINE), flag

    def test_version(self):
        assert re.search(r"TensorRT version: \d+\.\d+\.\d+", trtexec("--version")[0])

    @pytest.mark.parametrize(
        ("argument", "suggestion"),
        [
            ("--onx=model.onnx", "--onnx"),
            ("--saveengine=a.plan", "--saveEngine"),
            ("-onnx=model.onnx", "--onnx"),
            ("--fp-16", "--fp16"),
            ("--minShape=x:1", "--minShapes"),
        ],
    )
    def test_unknown_flag_suggests_the_nearest(self, argument, suggestion):
        text = refused("--onnx=model.onnx", argument)
        assert f"Unknown option: {argument}" in text
        assert f"did you mean {suggestion}?" in text

    def test_unknown_flag_far_from_all(self):
        text = refused("--onnx=model.onnx", "--frobnicateEverything")
        assert "Unknown option: --frobnicateEverything" in text and "--help" in text and "did you mean" not in text

    def test_all_mistakes_are_told(self):
        text = refused("--onx=m.onnx", "--iterations=many", "--percentile=101", "--shapes=x:1xtwo", "model.onnx")
        for part in ("--onx", "'many'", "101", "'two'", "Unknown option: model.onnx"):
            assert part in text

    def test_values_stand_after_an_equals_sign(self):
        assert "--onnx=model.onnx" in refused("--onnx", "model.onnx")
        assert "--onnx needs a value" in refused("--onnx")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--fp16"], "no model"),
            (["--loadEngine=a", "--saveEngine=b"], "exclude each other"),
            (["--onnx=m", "--fp16=maybe"], "switch"),
            (["--onnx=m", "--batch=4"], "--shapes"),
            (["--onnx=m", "--infStreams=0"], "at least 1"),
            (["--onnx=m", "--memPoolSize=heap:3"], "'heap'"),
            (["--onnx=m", "--memPoolSize=workspace:3T"], "K, M or G"),
            (["--onnx=m", "--inputIOFormats=fp17:chw"], "'fp17'"),
            (["--onnx=m", "--profilingVerbosity=loud"], "'loud'"),
            (["--onnx=m", "--minShapes=x:1", "--maxShapes=y:1"], "'x'"),
            (["--onnx=m", "--minShapes=x:1", "--maxShapes=x:1x2"], "dimensions"),
            (["--onnx=m", "--shapes=x"], "name:value"),
            (["--onnx=m", "--shapes='x:1"], "quote"),
            (["--uff=m"], "ONNX"),
            (["--onnx=/nowhere/model.onnx"], "/nowhere/model.onnx"),
            (["--loadEngine=/nowhere/a.plan"], "/nowhere/a.plan"),
        ],
    )
    def test_refused(self, arguments, message):
        assert message in refused(*arguments)

    def test_flags_without_effect_say_why(self, fixed):
        text, _ = trtexec(f"--onnx={fixed}", "--explicitBatch", "--useDLACore=0", "--useCudaGraph", *QUICK)
        for flag in ("--explicitBatch", "--useDLACore", "--useCudaGraph"):
            assert re.search(rf"\[I\] Note: {flag}: \w+", text), flag

    def test_options_are_printed(self, fixed):
        text, _ = trtexec(
            f"--onnx={fixed}",
            "--fp16",
            "--memPoolSize=workspace:1G,dlaSRAM:0.5",
            "--avgRuns=2",
            "--shapes=x:2x2",
            "--percentile=50,99.5",
            "--precisionConstraints=obey",
            *QUICK,
        )
        for line in (
            "=== Model Options ===", "Format: ONNX", f"Model: {fixed}", "=== Build Options ===",
            "Memory Pools: workspace: 1024 MiB, dlaSRAM: 0.5 MiB, dlaLocalDRAM: default, dlaGlobalDRAM: default",
            "Precision: FP32+FP16 (obey precision constraints)", "Input(s)s format: fp32:CHW",
            "Input build shape: x=2x2+2x2+2x2", "=== System Options ===", "=== Inference Options ===", "Batch: Explicit",
            "Input inference shape: x=2x2", "Iterations: 3", "Duration: 0s (+ 0ms warm up)", "Inference Streams: 1",
            "Data transfers: Enabled", "=== Reporting Options ===", "Averages: 2 inferences", "Percentiles: 50,99.5",
            "=== Device Information ===",
        ):  # fmt: skip
            assert re.search(rf"^\[[\d/]+-[\d:]+\] \[I\] {re.escape(line)}$", text, re.MULTILINE), line


class TestReport:
    TIMES = r"min = ([\d.e-]+) ms, max = ([\d.e-]+) ms, mean = ([\d.e-]+) ms, median = ([\d.e-]+) ms"

    def numbers(self, text, label):
        line = re.search(rf"^\[.*\] \[I\] {re.escape(label)}: {self.TIMES}(.*)$", text, re.MULTILINE)
        assert line, f"no line '{label}' in\n{text}"
        percentiles = re.findall(r"percentile\(([\d.]+)%\) = ([\d.e-]+) ms", line[5])
        return [float(line[i]) for i in range(1, 5)], [(float(p), float(ms)) for p, ms in percentiles]

    def test_summary(self, plan):
        text, _ = trtexec(f"--loadEngine={plan}", "--warmUp=20", "--duration=0.2", "--percentile=0,50,100")
        assert re.search(r"Warmup completed \d+ queries over 20 ms", text)
        queries = int(re.search(r"Timing trace has (\d+) queries over [\d.]+ s", text)[1])
        assert queries > 10
        assert "Average on 10 runs - GPU latency: " in text
        assert "=== Performance summary ===" in text
        latency = None
        for label in ("Latency", "Enqueue Time", "H2D Latency", "GPU Compute Time", "D2H Latency"):
            (least, most, mean, median), percentiles = self.numbers(text, label)
            assert 0 <= least <= median <= most and least <= mean <= most
            assert [p for p, _ in percentiles] == [0, 50, 100]
            assert percentiles[0][1] == least and percentiles[2][1] == most
            latency = latency or mean
        parts = [self.numbers(text, label)[0][2] for label in ("H2D Latency", "GPU Compute Time", "D2H Latency")]
        assert latency == pytest.approx(sum(parts), rel=0.01)
        throughput = float(re.search(r"Throughput: ([\d.e+]+) qps", text)[1])
        wall = float(re.search(r"Total Host Walltime: ([\d.e-]+) s", text)[1])
        compute = float(re.search(r"Total GPU Compute Time: ([\d.e-]+) s", text)[1])
        assert throughput == pytest.approx(queries / wall, rel=0.01)
        assert 0.15 < wall < 1 and compute <= wall

    def test_iterations(self, plan):
        text, _ = trtexec(f"--loadEngine={plan}", "--warmUp=0", "--duration=0", "--iterations=23", "--avgRuns=5")
        assert "Timing trace has 23 queries" in text
        assert text.count("Average on 5 runs") == 4

    def test_streams(self, plan):
        text, warnings = trtexec(f"--loadEngine={plan}", "--infStreams=3", "--threads", *QUICK)
        assert "Inference Streams: 3" in text and "Timing trace has 9 queries" in text
        assert "3 streams" in warnings

    def test_no_transfers_costs_no_copies(self, plan, tmp_path):
        trtexec(f"--loadEngine={plan}", "--noDataTransfers", f"--exportTimes={tmp_path / 'times.json'}", *QUICK)
        assert len(json.loads((tmp_path / "times.json").read_text())) == 3

    def test_verbose(self, fixed):
        quiet, _ = trtexec(f"--onnx={fixed}", *QUICK)
        verbose, _ = trtexec(f"--onnx={fixed}", "--verbose", *QUICK)
        assert "=== Explanations of the performance metrics ===" in verbose and "[V]" in verbose
        assert "[V]" not in quiet


class TestEngines:
    def test_build_and_run(self, fixed):
        text, _ = trtexec(f"--onnx={fixed}", *QUICK)
        for part in (
            "Finished parsing network model.",
            "Engine built in ",
            "Input binding for x with dimensions 2x2",
            "Output binding for y with dimensions 2x2",
            "Using random values for input x",
            "Throughput: ",
        ):
            assert part in text, part  # fmt: skip

    def test_skip_inference(self, fixed):
        text, _ = trtexec(f"--onnx={fixed}", "--skipInference", *QUICK)
        assert "Skipped inference phase" in text and "Throughput" not in text

    def test_plan_is_deterministic_about_results(self, plan, tmp_path):
        x = np.array([[1, 2], [-3, 4]], np.float32)
        x.tofile(tmp_path / "x.bin")
        text, _ = trtexec(
            f"--loadEngine={plan}", f"--loadInputs=x:{tmp_path / 'x.bin'}", "--dumpOutput",
            f"--exportOutput={tmp_path / 'out.json'}", *QUICK
        )  # fmt: skip
        assert "Engine loaded in " in text and f"Using values loaded from {tmp_path / 'x.bin'} for input x" in text
        want = np.maximum(x @ np.array([[1, -1], [1, 1]], np.float32), 0)
        assert np.array_equal(outputs(tmp_path / "out.json")["y"], want)
        printed = re.search(r"\[I\] y: \(2x2\)\n\[.*\] \[I\] (.*)", text)[1]
        assert np.array_equal(np.array(printed.split(), np.float32).reshape(2, 2), want)

    def test_wrong_input_files(self, plan, tmp_path):
        (tmp_path / "short.bin").write_bytes(b"abc")
        text = refused(f"--loadEngine={plan}", f"--loadInputs=x:{tmp_path / 'short.bin'}", *QUICK)
        assert "3 bytes" in text and "'x'" in text and "16" in text
        assert "no input 'q'" in refused(f"--loadEngine={plan}", "--loadInputs=q:f", *QUICK)
        assert "/nowhere/x" in refused(f"--loadEngine={plan}", "--loadInputs=x:/nowhere/x", *QUICK)

    def test_broken_plans(self, plan, tmp_path):
        for name, content in (("empty", b""), ("short", plan.read_bytes()[:200]), ("text", b"no plan" * 100)):
            (tmp_path / name).write_bytes(content)
            text = refused(f"--loadEngine={tmp_path / name}", *QUICK)
            assert "[E]" in text and "engine" in text, name

    def test_broken_model(self, tmp_path):
        (tmp_path / "broken.onnx").write_bytes(b"no model")
        assert "Failed to parse the ONNX model" in refused(f"--onnx={tmp_path / 'broken.onnx'}", *QUICK)

    def test_raw_bindings(self, plan, tmp_path):
        trtexec(f"--loadEngine={plan}", "--dumpRawBindingsToFile", *QUICK, cwd=tmp_path)
        x = np.fromfile(tmp_path / "x.input.2x2.fp32.raw", np.float32).reshape(2, 2)
        y = np.fromfile(tmp_path / "y.output.2x2.fp32.raw", np.float32).reshape(2, 2)
        assert np.allclose(y, np.maximum(x @ np.array([[1, -1], [1, 1]], np.float32), 0))
        assert np.abs(x).max() <= 1 and len(set(x.flat)) > 1

    def test_half_inputs(self, fixed, tmp_path):
        text, _ = trtexec(
            f"--onnx={fixed}", "--fp16", "--inputIOFormats=fp16:chw", "--outputIOFormats=fp16:chw",
            "--dumpRawBindingsToFile", f"--exportOutput={tmp_path / 'out.json'}", *QUICK, cwd=tmp_path,
        )  # fmt: skip
        assert "Input(s): fp16:CHW" in text
        x = np.fromfile(tmp_path / "x.input.2x2.fp16.raw", np.float16).reshape(2, 2)
        y = np.fromfile(tmp_path / "y.output.2x2.fp16.raw", np.float16).reshape(2, 2)
        want = np.maximum(x.astype(np.float32) @ np.array([[1, -1], [1, 1]], np.float32), 0)
        assert np.allclose(y, want, rtol=1e-2, atol=1e-2)
        assert np.allclose(outputs(tmp_path / "out.json")["y"], y, rtol=1e-5)
        text = refused(f"--onnx={fixed}", "--inputIOFormats=fp16:chw,fp16:chw", *QUICK)
        assert "2 entries for 1 tensors" in text

    def test_timing_cache(self, fixed, tmp_path):
        cache = tmp_path / "cache"
        text, _ = trtexec(f"--onnx={fixed}", f"--timingCacheFile={cache}", "--skipInference")
        assert cache.stat().st_size > 0 and "timing cache to" in text
        text, _ = trtexec(f"--onnx={fixed}", f"--timingCacheFile={cache}", "--skipInference")
        assert "timing cache from" in text

    def test_time_deserialize(self, plan):
        assert "Average deserialization time = " in trtexec(f"--loadEngine={plan}", "--timeDeserialize")[0]

    def test_missing_plugin_library(self, plan):
        assert "/nowhere/plugin.so" in refused(f"--loadEngine={plan}", "--plugins=/nowhere/plugin.so")


class TestShapes:
    @pytest.mark.parametrize(
        ("shapes", "rows"), [([], 3), (["--shapes=x:1x2,z:1x2"], 1), (["--shapes=x:8x2,z:8x2"], 8)]
    )
    def test_of_a_plan(self, dynamic_plan, tmp_path, shapes, rows):
        x = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2) - 2
        z = np.full((rows, 2), 10, np.float32)
        x.tofile(tmp_path / "x"), z.tofile(tmp_path / "z")
        trtexec(
            f"--loadEngine={dynamic_plan}", *shapes, f"--loadInputs=x:{tmp_path / 'x'},z:{tmp_path / 'z'}",
            f"--exportOutput={tmp_path / 'out.json'}", *QUICK
        )  # fmt: skip
        want = np.maximum(x @ np.array([[1, -1], [1, 1]], np.float32), 0) + z
        assert np.array_equal(outputs(tmp_path / "out.json")["y"], want)

    def test_outside_of_the_range(self, dynamic_plan):
        text = refused(f"--loadEngine={dynamic_plan}", "--shapes=x:9x2,z:9x2", *QUICK)
        assert "'x'" in text and "9x2" in text

    def test_wrong_names_and_ranks(self, dynamic, dynamic_plan):
        assert "no input 'w'" in refused(f"--loadEngine={dynamic_plan}", "--shapes=w:1x2", *QUICK)
        text = refused(f"--onnx={dynamic}", "--shapes=w:1x2", *QUICK)
        assert "no input 'w'" in text and "x, z" in text
        assert "2x3" in refused(f"--onnx={dynamic}", "--shapes=x:2x3,z:2x2", *QUICK)

    def test_only_shapes(self, dynamic):
        text, _ = trtexec(f"--onnx={dynamic}", "--shapes=x:5x2,z:5x2", *QUICK)
        assert "Input build shape: x=5x2+5x2+5x2" in text and "with dimensions 5x2" in text

    def test_only_ranges(self, dynamic):
        text, _ = trtexec(f"--onnx={dynamic}", "--minShapes=x:1x2,z:1x2", "--maxShapes=x:6x2,z:6x2", *QUICK)
        assert "Input build shape: x=1x2+6x2+6x2" in text and "Input inference shape: x=6x2" in text

    def test_none(self, dynamic):
        text, warnings = trtexec(f"--onnx={dynamic}", *QUICK)
        assert "Dynamic dimensions required for input: x" in warnings
        assert "Output binding for y with dimensions 1x2" in text

    def test_names_in_quotes(self, folder):
        model = onnx.parser.parse_model(DYNAMIC)
        for names in (model.graph.input[0], *model.graph.node):
            for field in ("name", "input"):
                value = getattr(names, field, None)
                if value == "x":
                    names.name = "a,b:0"
                elif field == "input" and value:
                    names.input[:] = ["a,b:0" if name == "x" else name for name in value]
        onnx.save(model, folder / "names.onnx")
        text, _ = trtexec(f"--onnx={folder / 'names.onnx'}", "--shapes='a,b:0':4x2,z:4x2", *QUICK)
        assert "Input binding for a,b:0 with dimensions 4x2" in text

    def test_profiles(self, dynamic, tmp_path):
        plan = tmp_path / "two.plan"
        text, _ = trtexec(
            f"--onnx={dynamic}", f"--saveEngine={plan}", "--profile=0", "--optShapes=x:2x2,z:2x2", "--profile=1",
            "--optShapes=x:7x2,z:7x2", "--dumpOptimizationProfile", *QUICK
        )  # fmt: skip
        assert "Profile 0: x min=2x2 opt=2x2 max=2x2" in text and "Profile 1: x min=7x2 opt=7x2 max=7x2" in text
        text, _ = trtexec(f"--loadEngine={plan}", "--useProfile=1", *QUICK)
        assert "Output binding for y with dimensions 7x2" in text

    def test_output_whose_shape_depends_on_data(self, folder, tmp_path):
        np.array([[0, 1, 0], [2, 0, 3]], np.float32).tofile(tmp_path / "x")
        trtexec(
            f"--onnx={save(NON_ZERO, folder, 'non_zero')}", f"--loadInputs=x:{tmp_path / 'x'}",
            f"--exportOutput={tmp_path / 'out.json'}", *QUICK
        )  # fmt: skip
        assert outputs(tmp_path / "out.json")["y"].tolist() == [[0, 1, 1], [1, 0, 2]]


class TestFiles:
    def test_times(self, plan, tmp_path):
        path = tmp_path / "times.json"
        trtexec(f"--loadEngine={plan}", f"--exportTimes={path}", *QUICK)
        times = json.loads(path.read_text())
        assert len(times) == 3
        for t in times:
            assert list(t) == [
                "startEnqMs", "endEnqMs", "startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs", "startD2hMs",
                "endD2hMs", "h2dMs", "computeMs", "d2hMs", "latencyMs",
            ]  # fmt: skip
            assert t["startH2dMs"] <= t["endH2dMs"] <= t["startComputeMs"] <= t["endComputeMs"] <= t["endD2hMs"]
            assert t["latencyMs"] == pytest.approx(t["h2dMs"] + t["computeMs"] + t["d2hMs"], abs=1e-6)

    def test_profile(self, plan, tmp_path):
        path = tmp_path / "profile.json"
        text, _ = trtexec(f"--loadEngine={plan}", "--dumpProfile", f"--exportProfile={path}", *QUICK)
        assert "=== Profile (3 iterations ) ===" in text and "Throughput" not in text
        assert re.search(r"Time\(ms\) +Avg\.\(ms\) +Median\(ms\) +Time\(%\) +Layer", text)
        assert re.search(r"\d+\.\d\d +\d+\.\d{4} +\d+\.\d{4} +100\.0 +Total", text)
        head, *layers = json.loads(path.read_text())
        assert head == {"count": 3} and layers
        assert all(list(x) == ["name", "timeMs", "averageMs", "medianMs", "percentage"] for x in layers)
        assert sum(x["percentage"] for x in layers) == pytest.approx(100, abs=0.1)

    def test_separate_profile_run(self, plan):
        text, _ = trtexec(f"--loadEngine={plan}", "--dumpProfile", "--separateProfileRun", *QUICK)
        assert "=== Profile (3 iterations ) ===" in text and "Throughput" in text

    def test_layers(self, fixed, tmp_path):
        path = tmp_path / "layers.json"
        text, _ = trtexec(
            f"--onnx={fixed}", "--dumpLayerInfo", f"--exportLayerInfo={path}", "--profilingVerbosity=detailed", *QUICK
        )
        assert "Layer Information:" in text
        information = json.loads(path.read_text())
        assert information["Layers"] and "Bindings" in information
        assert set(information["Bindings"]) == {"x", "y"}

    def test_not_writable(self, plan, fixed):
        for flag in ("exportTimes", "exportOutput", "exportProfile", "exportLayerInfo"):
            assert "/nowhere/a.json" in refused(f"--loadEngine={plan}", f"--{flag}=/nowhere/a.json", *QUICK), flag
        assert "/nowhere/a.plan" in refused(f"--onnx={fixed}", "--saveEngine=/nowhere/a.plan", *QUICK)
