"""Measure Vivace against PyTorch on one NVIDIA GPU: image classifiers, batch 1.

Run it with a Python that has PyTorch for CUDA, torchvision, onnx, onnxruntime and NumPy; nothing is installed or
fetched. Vivace is its command line (--vivace) with the library beside it. Each model is built by Vivace from its ONNX
file, in f16 (inputs and outputs stay f32) and where asked in f32, and its outputs are compared with ONNX Runtime's in
f32; the peers are torchvision's networks of that name with random weights. All of a model's runtimes are measured in
one process, in interleaved rounds:

  gpu   GPU time of one inference, inputs resident: replays of a CUDA graph one after the other, between two events
        (eager: calls in place of replays)
  cold  the same, of one replay after the L2 cache was overwritten
  host  from an input in pinned memory of the host to the output there, copies and synchronisation included (f32 for
        Vivace, which is twice the bytes of the peers' f16; its kernels read and write that memory in place where that is
        faster than copies)

The peers: eager fp32 and fp16 (channels last); graph, a CUDA graph of eager fp16 (of fp32 too where Vivace's f32 is
measured); compiled, torch.compile with max-autotune and freezing in fp16, channels last, as a CUDA graph, the better of
--draws processes, for its own choices vary. f32 is without TF32. --compiled FILE.csv gives times recorded earlier to
peers that were not measured: they are marked with a star.

Prints a table for each kind of time; leaves results.json, gpu.csv, cold.csv, host.csv and chart.png (where matplotlib is
there) in the output folder. A ratio is a peer's time divided by Vivace's: above 1, Vivace is faster.
"""

import argparse
import concurrent.futures
import csv
import dataclasses
import json
import math
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

from peers_table import Table

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = {"gpu": "GPU time, L2 warm", "cold": "GPU time, L2 flushed", "host": "host to host, copies included"}
PEERS = ["graph", "compiled", "eager"]
BESIDE = ["vit_b_16", "convnext_tiny", "efficientnet_b0", "inception_v3"]  # of torchvision too
TOLERANCES = {"fp32": 1e-4, "fp16": 1e-2}  # of max|difference| / max|output|
PLAIN_FACTOR = 1.5  # of the difference of a plain f16 run, where that is more
MODEL_SECONDS = 480  # before a model is given up
FLUSH_BYTES = 256 << 20  # more than any GPU's L2


def parse_arguments(models):
    parser = argparse.ArgumentParser(
        prog="bench/peers --device cuda", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda"], help=argparse.SUPPRESS)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT.parent / "shared" / "models", metavar="FOLDER",
                        help="where make_model.py and the topologies are (default: %(default)s)")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=models + BESIDE, metavar="MODEL", default=models,
                        help="these models (default: the 31 classifiers of the seeds)")  # fmt: skip
    parser.add_argument("--peers", type=lambda text: text.split(","), default=PEERS, metavar="LIST",
                        help="of graph, compiled, eager, or none (default: all three, with commas between)")  # fmt: skip
    parser.add_argument("--precision", nargs="+", choices=["fp16", "fp32"], default=["fp16"], help="of Vivace")
    parser.add_argument("--rounds", type=int, default=5, help="of all runtimes in turn (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="to measure a model for (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=2, help="processes that compile (default: %(default)s)")
    parser.add_argument("--compiled", type=pathlib.Path, metavar="FILE",
                        help="recorded times, such as bench/peers_recorded.csv")  # fmt: skip
    parser.add_argument("--after", type=pathlib.Path, nargs="+", default=[], metavar="FILE",
                        help="results.json of runs before this one, to go on from")  # fmt: skip
    parser.add_argument("--vivace", type=pathlib.Path, default=ROOT / "build" / "bin" / "vivace", metavar="TOOL",
                        help="(default: %(default)s)")  # fmt: skip
    parser.add_argument("--library", type=pathlib.Path, help="libvivace.so (default: in lib beside the tool)")
    parser.add_argument("--build", nargs="+", default=[], metavar="OPTION=VALUE",
                        help="more options for `vivace build`, such as effort=5 timing-cache=FILE")  # fmt: skip
    parser.add_argument("--statistic", choices=["minimum", "median", "p99"], default="median",
                        help="what table, chart and CSV show (default: %(default)s); results.json has all")  # fmt: skip
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".cache" / "peers-cuda", help="(default: %(default)s)")
    arguments = parser.parse_args()
    arguments.peers = [peer for peer in arguments.peers if peer != "none"]
    for peer in arguments.peers:
        if peer not in PEERS:
            parser.error(f"there is no peer {peer!r}; there are: {', '.join(PEERS)}")
    return arguments


def runtimes_of(arguments):
    """Vivace first, then the peers, the strongest first."""
    ours = [f"Vivace {precision}" for precision in arguments.precision]
    wide = "fp32" in arguments.precision
    names = {"compiled": ["compiled fp16"], "graph": ["graph fp16"] + ["graph fp32"] * wide,
             "eager": ["eager fp16", "eager fp32"]}  # fmt: skip
    return ours + [name for peer in ("compiled", "graph", "eager") if peer in arguments.peers for name in names[peer]]


def tables_of(arguments, runtimes, recorded):
    """One for each of Vivace's precisions, with the peers that compute in it, and eager fp32 as programs have it."""
    tables = []
    for precision in arguments.precision:
        ours = f"Vivace {precision}"
        shown = [ours] + ["compiled fp16"] * (recorded and precision == "fp16" and "compiled fp16" not in runtimes)
        shown += [name for name in runtimes if name.endswith(precision) and name != ours]
        shown += [name for name in runtimes if name == "eager fp32" and name not in shown]
        tables.append(Table(shown, ours, arguments.statistic, digits=4))
    return tables


def recorded_times(path):
    """{model: {runtime: milliseconds}} of a file like peers_recorded.csv."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return {
        row["Model"]: {name: float(text) for name, text in row.items() if name != "Model" and text} for row in rows
    }


def add_recorded(result, times, runtimes):
    """Gives GPU times recorded earlier to runtimes that have none."""
    for runtime in runtimes:
        row = result.setdefault("runtimes", {}).setdefault(runtime, {})
        if "milliseconds" not in row and runtime in times:
            row["milliseconds"] = dict.fromkeys(("minimum", "median"), times[runtime])
            row["recorded"] = True


def side_of(name):
    return 299 if name == "inception_v3" else 224


def prepare(maker, name, folder, threads):
    """Makes the model, an input, and what ONNX Runtime says to it."""
    import numpy as np

    subprocess.run([sys.executable, maker, name, folder / f"{name}.onnx"], check=True)
    x = np.random.default_rng(0).standard_normal((1, 3, side_of(name), side_of(name)), dtype=np.float32)
    np.savez(folder / f"{name}.npz", x=x, y=run_onnxruntime(folder / f"{name}.onnx", x, threads))


def run_onnxruntime(path, x, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def plain_difference(maker, name, folder):
    """How far plain f16 is from f32 for this model and input."""
    import measure
    import numpy as np

    subprocess.run([sys.executable, maker, name, folder / "half.onnx", "--fp16"], check=True)
    with np.load(folder / f"{name}.npz") as arrays:
        got = run_onnxruntime(folder / "half.onnx", arrays["x"].astype(np.float16), 0)
        return measure.difference([got.astype(np.float32)], [arrays["y"]])


class Runner:
    """One way to run a model: replay() queues an inference that reads `x` and writes `y`, both on the GPU."""

    def __init__(self, replay, x, y):
        import torch

        self.replay, self.x, self.y = replay, x, y
        # Of the same layout, so that a copy is one.
        self.host_x = torch.empty_like(x, device="cpu", pin_memory=True).copy_(x)
        self.host_y = torch.empty_like(y, device="cpu", pin_memory=True)

    def host_to_host(self):
        import torch

        self.x.copy_(self.host_x, non_blocking=True)
        self.replay()
        self.host_y.copy_(self.y, non_blocking=True)
        torch.cuda.current_stream().synchronize()


def seconds_of(run, count):
    """GPU time of one of `count` runs, one after the other."""
    import torch

    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(count):
        run()
    stop.record()
    stop.synchronize()
    return start.elapsed_time(stop) / 1e3 / count


def captured(run):
    """`run` as a CUDA graph, after a few runs to warm up."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        run()
    return graph.replay


def open_vivace(library, plan, x):
    """Queued directly or captured in a graph, whichever is faster."""
    import torch
    import vivace_ctypes

    engine = vivace_ctypes.Engine(library, plan)
    x = x.clone()
    y = torch.empty(engine.output_shape, device="cuda")
    queue = engine.bind(list(x.shape), x.data_ptr(), y.data_ptr())
    direct = lambda: queue(torch.cuda.current_stream().cuda_stream)
    direct()
    torch.cuda.synchronize()
    ways = [direct]
    try:
        ways.append(captured(direct))
    except RuntimeError as error:
        print(f"not captured: {error}", file=sys.stderr)
        torch.cuda.synchronize()
    for way in ways:
        seconds_of(way, 10)
    runner = Runner(min(ways, key=lambda way: seconds_of(way, 20)), x, y)
    in_place = engine.bind(list(x.shape), runner.host_x.data_ptr(), runner.host_y.data_ptr())

    def host_to_host():
        in_place(torch.cuda.current_stream().cuda_stream)
        torch.cuda.current_stream().synchronize()

    host_to_host()
    if torch.equal(runner.host_y, y.cpu()):
        runner.host_to_host = min(runner.host_to_host, host_to_host, key=wall_seconds)
    return runner


def wall_seconds(run):
    """Wall time of a run, the best of some."""
    times = []
    for _ in range(30):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def open_torch(name, runtime, x):
    """torchvision's network, as `runtime` ("compiled fp16", ...) says."""
    import torch
    import torchvision

    how, precision = runtime.split()
    more = {"init_weights": False} if name == "inception_v3" else {}
    with torch.device("cuda"):
        model = torchvision.models.get_model(name, weights=None, **more).eval()
    x = x.clone()
    if precision == "fp16":
        model = model.half().to(memory_format=torch.channels_last)
        x = x.half().contiguous(memory_format=torch.channels_last)
    if how == "compiled":
        model = torch.compile(model, mode="max-autotune-no-cudagraphs")
    y = model(x)
    # What a graph writes is found again in `kept`; eager makes a new output each time.
    kept = [y]

    def run():
        kept[0] = model(x)

    if how == "eager":
        return Runner(run, x, y)
    replay = captured(run)
    return Runner(replay, x, kept[0])


def set_up_torch(compiles):
    import torch

    if compiles:
        import torch._inductor.config

        torch._inductor.config.freezing = True  # of weights: batch norms are folded
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


def measure_runners(runners, rounds, seconds):
    """{kind: {runtime: [milliseconds]}}, in rounds of all runners in turn."""
    import torch

    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")
    estimate = {}
    for name, runner in runners.items():
        seconds_of(runner.replay, 5)
        estimate[name] = seconds_of(runner.replay, 10)
    turn = seconds / (rounds * len(runners) * len(KINDS))
    samples = {kind: {name: [] for name in runners} for kind in KINDS}
    names = list(runners)
    for index in range(rounds):
        for name in names[index % len(names) :] + names[: index % len(names)]:
            runner = runners[name]
            count = max(5, int(turn / 4 / estimate[name]))
            seconds_of(runner.replay, 5)
            for _ in range(4):
                samples["gpu"][name].append(seconds_of(runner.replay, count) * 1e3)
            end = time.perf_counter() + turn
            while time.perf_counter() < end or len(samples["cold"][name]) <= index:
                flush.zero_()
                samples["cold"][name].append(seconds_of(runner.replay, 1) * 1e3)
            for _ in range(3):
                runner.host_to_host()
            end = time.perf_counter() + turn
            while time.perf_counter() < end or len(samples["host"][name]) <= index:
                start = time.perf_counter()
                runner.host_to_host()
                samples["host"][name].append((time.perf_counter() - start) * 1e3)
    return samples


def measure_model(arguments, name, folder, runtimes):
    """In a process of its own: {runtime: {"build_seconds", "difference", "error", kind: {statistic: milliseconds}}}."""
    import measure
    import numpy as np
    import torch
    import vivace_ctypes

    set_up_torch("compiled fp16" in runtimes)
    with np.load(folder / f"{name}.npz") as arrays:
        x, want = torch.from_numpy(arrays["x"]).cuda(), arrays["y"]
    rows, runners = {runtime: {} for runtime in runtimes}, {}
    for runtime in runtimes:
        row, start = rows[runtime], time.perf_counter()
        try:
            if runtime.startswith("Vivace"):
                library = vivace_ctypes.Library(library_of(arguments))
                plan = folder / f"{runtime.replace(' ', '-')}.plan"
                if not plan.exists():
                    build(arguments, folder / f"{name}.onnx", plan, runtime.split()[1])
                    row["build_seconds"] = time.perf_counter() - start
                runners[runtime] = open_vivace(library, plan, x)
                runners[runtime].replay()
                got = runners[runtime].y.cpu().numpy()
                row["difference"] = measure.difference([got], [want])
            else:
                runners[runtime] = open_torch(name, runtime, x)
                row["build_seconds"] = time.perf_counter() - start
        except Exception as error:  # one runtime's failure is a result; the others go on
            traceback.print_exc()
            row["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    for kind, by_runtime in measure_runners(runners, arguments.rounds, arguments.seconds).items() if runners else ():
        for runtime, milliseconds in by_runtime.items():
            rows[runtime][kind] = measure.summary(milliseconds)
    rows["device"] = torch.cuda.get_device_name()
    return rows


def library_of(arguments):
    import vivace_ctypes

    return arguments.library or vivace_ctypes.find_library(arguments.vivace)


def build(arguments, model, plan, precision):
    command = [arguments.vivace, "build", model, "-o", plan, "--device", "cuda", "--precision", precision, "--quiet"]
    command += [f"--{option}" for option in arguments.build]
    libraries = [str(library_of(arguments).parent), os.environ.get("LD_LIBRARY_PATH", "")]
    environment = os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])


def in_child(function, *arguments):
    """What the function gives, run in a fork: what it breaks stays there, and what was imported need not be again."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)

    def body():
        try:
            theirs.send(function(*arguments))
        except BaseException as error:
            traceback.print_exc()
            theirs.send({"error": f"{type(error).__name__}: {error}".splitlines()[0]})

    child = fork.Process(target=body)
    child.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(MODEL_SECONDS) else {"error": f"no end after {MODEL_SECONDS} s"}
    except EOFError:
        return {"error": "the process died"}
    finally:
        child.join(5)
        if child.is_alive():
            child.kill()


def measure_all_draws(arguments, name, folder, runtimes):
    """The first process measures everything; the others compile again, and the best is kept."""
    rows = in_child(measure_model, arguments, name, folder, runtimes)
    compiled = "compiled fp16"
    for _ in range(arguments.draws - 1 if compiled in runtimes and "error" not in rows else 0):
        again = in_child(measure_model, arguments, name, folder, [compiled]).get(compiled, {})
        best = rows[compiled].get("gpu", {}).get("median", math.inf)
        if "gpu" in again and again["gpu"]["median"] < best:
            rows[compiled] = again | {"build_seconds": rows[compiled].get("build_seconds")}
    return rows


def judge(runtime, row, plain):
    """Marks outputs that are too far off; plain() is how far plain f16 is."""
    off = row.get("difference", 0)
    allowed = TOLERANCES[runtime.split()[1]]
    if runtime.endswith("fp16") and not off <= allowed:
        found = plain()
        row["plain_difference"] = found if isinstance(found, float) else 0.0
        allowed = max(allowed, PLAIN_FACTOR * row["plain_difference"])
    if not off <= allowed:
        row["error"] = f"wrong: max|difference| / max|output| = {off:.1e}, {allowed:.1e} allowed"


def by_kind(rows, plain):
    """A model's rows as the tables want them: {kind: {"runtimes": {runtime: row}}}."""
    if "error" in rows:
        return {kind: {"error": rows["error"], "runtimes": {}} for kind in KINDS}
    result = {kind: {"device": rows["device"], "runtimes": {}} for kind in KINDS}
    for runtime, row in rows.items():
        if runtime == "device":
            continue
        judge(runtime, row, plain)
        for kind in KINDS:
            kept = {key: value for key, value in row.items() if key not in KINDS}
            if kind in row and "error" not in row:
                kept["milliseconds"] = row[kind]
            result[kind]["runtimes"][runtime] = kept
    return result


def prepare_all(arguments, maker, folder):
    """Models and expected outputs, several at a time; {model: what went wrong}."""
    workers = max(1, (os.cpu_count() or 2) - 2)
    with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        jobs = {name: pool.submit(prepare, maker, name, folder, 1) for name in arguments.only}
    return {name: str(job.exception()) for name, job in jobs.items() if job.exception()}


def main(models):
    arguments = parse_arguments(models)
    maker = arguments.models / "make_model.py"
    if not maker.exists():
        print(f"bench/peers: skipped: {maker} is not there; --models FOLDER says where the topologies are")
        return 0
    try:
        import torch
        import torchvision  # noqa: F401  before the forks, which then need not
    except ImportError as error:
        print(f"bench/peers --device cuda: {error}; run it with a Python that has PyTorch for CUDA and torchvision")
        return 2
    sys.path.insert(0, str(ROOT / "bench"))
    ptxas = pathlib.Path(torch.__file__).parent / "bin" / "ptxas"
    if ptxas.exists():  # else the compiling processes' cache is missed, and tuning takes ten times longer
        os.environ.setdefault("TRITON_PTXAS_PATH", str(ptxas))
    recorded = recorded_times(arguments.compiled) if arguments.compiled else {}
    runtimes = runtimes_of(arguments)
    tables = tables_of(arguments, runtimes, bool(recorded))
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for path in arguments.after:
        results |= json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="vivace-peers-") as scratch:
        folder = pathlib.Path(scratch)
        failed = prepare_all(arguments, maker, folder)
        print(f"{'':6}{tables[0].header()}", flush=True)
        for name in arguments.only:
            rows = {"error": failed.get(name)}
            if name not in failed:
                rows = measure_all_draws(arguments, name, folder, runtimes)
            results[name] = by_kind(rows, lambda: in_child(plain_difference, maker, name, folder))
            for table in tables:
                add_recorded(results[name]["gpu"], recorded.get(name, {}), table.runtimes)
            for path in folder.glob("*.plan"):
                path.unlink()
            for kind in KINDS:
                print(f"{kind:6}{tables[0].row(name, results[name][kind])}", flush=True)
            # Written after every model: a run that is cut off leaves what it measured.
            (arguments.out / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    device = next((result["gpu"]["device"] for result in results.values() if "device" in result["gpu"]), "no GPU")
    for kind, title in KINDS.items():
        for table in tables:
            table.print(f"{title}: {device}, batch 1, milliseconds", results, kind)
        everything = dataclasses.replace(tables[0], runtimes=list(dict.fromkeys(n for t in tables for n in t.runtimes)))
        everything.write_csv(arguments.out / f"{kind}.csv", results, kind)
    if recorded:
        print("* recorded earlier, not measured in this run")
    draw(arguments)
    parts = [part for by_key in results.values() for part in by_key.values()]
    return 1 if any("error" in row for part in parts for row in [part, *part["runtimes"].values()]) else 0


def draw(arguments):
    """The chart, where this Python has what draws it."""
    files = [arguments.out / "results.json", arguments.out / "chart.png"]
    chart = [sys.executable, ROOT / "bench" / "peers_chart.py", *files, f"--statistic={arguments.statistic}"]
    drawn = subprocess.run([*chart, "--base=graph fp16"], capture_output=True).returncode == 0
    print(f"\nleft in {arguments.out}: results.json, gpu.csv, cold.csv, host.csv{', chart.png' if drawn else ''}")
