"""Opening a model in several runtimes, comparing what they say, and timing them against each other.

An opened model is a function from a list of arrays (in the order of the model's inputs) to a list of arrays. All
are measured in rounds: within a round each runs alone for a while, in an order that rotates, so that what else the
machine does touches all alike. Compare ratios of one measurement, not times of two.
"""

import itertools
import time

import numpy as np

# A thread pool may spin for a while after its last run, in the way of the next runtime: runs within this time
# are not counted.
SETTLE_SECONDS = 0.03


def random_arrays(shapes):
    """A value of each input of models.input_shapes: normal numbers; integers, which may be indices, are below 100."""
    rng = np.random.default_rng(0)
    return [
        rng.standard_normal(shape).astype(dtype) if np.dtype(dtype).kind == "f" else rng.integers(0, 100, shape).astype(dtype)
        for dtype, shape, _ in shapes.values()
    ]


def open_onnxruntime(path, threads, shapes=None):
    """ONNX Runtime as it comes, with `threads` threads inside an operator and one operator at a time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))


def open_openvino(path, threads, shapes=None):
    """OpenVINO tuned for latency, computing in f32."""
    import openvino

    options = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", options)
    request = compiled.create_infer_request()
    outputs = range(len(compiled.outputs))

    def run(arrays):
        request.infer(dict(enumerate(arrays)), share_inputs=True)
        return [request.get_output_tensor(index).data for index in outputs]

    return run


def open_vivace(path, threads, shapes=None):
    """A Vivace engine built from the model, at these shapes where the model leaves them open."""
    import vivace

    given = {name: shape for name, (_, shape, is_open) in (shapes or {}).items() if is_open}
    return vivace.build(str(path), threads=threads, shapes=given, progress=False).run


def open_compiled(path, threads, shapes=None):
    """torch.compile with frozen weights."""
    import models
    import torch_model

    return torch_model.open_compiled(path, threads, random_arrays(shapes or models.input_shapes(path, 1)))


# Each opens a file for a number of threads; `shapes` are those of models.input_shapes.
OPENERS = {
    "Vivace": open_vivace,
    "ONNX Runtime": open_onnxruntime,
    "OpenVINO": open_openvino,
    "torch.compile": open_compiled,
}


def difference(outputs, expected):
    """max|difference| / max|expected|, the worst of all outputs; infinite where shapes or types differ."""
    if len(outputs) != len(expected):
        return float("inf")
    worst = 0.0
    for got, want in zip(outputs, expected, strict=True):
        got, want = np.asarray(got), np.asarray(want)
        if got.shape != want.shape or got.dtype != want.dtype:
            return float("inf")
        if want.size:
            error = np.abs(got.astype(np.float64) - want).max() / max(np.abs(want).max(), 1e-30)
            worst = max(worst, float(error) if np.isfinite(error) else float("inf"))
    return worst


def measure(runs, arrays, rounds, seconds):
    """Times each of `runs` ({name: function}) on `arrays`, in all for about `seconds`: {name: [milliseconds]}."""
    samples = {name: [] for name in runs}
    names = list(runs)
    turn = seconds / (rounds * len(names))
    for index in range(rounds):
        for name in itertools.islice(itertools.cycle(names), index, index + len(names)):
            run = runs[name]
            begin = time.perf_counter()
            run(arrays)
            while time.perf_counter() - begin < SETTLE_SECONDS:
                run(arrays)
            end = time.perf_counter() + turn
            while True:
                start = time.perf_counter()
                run(arrays)
                stop = time.perf_counter()
                samples[name].append((stop - start) * 1e3)
                if stop >= end:
                    break
    return samples


def summary(milliseconds):
    """{minimum, median, p99, count} of one measurement."""
    return {
        "minimum": float(np.min(milliseconds)),
        "median": float(np.median(milliseconds)),
        "p99": float(np.percentile(milliseconds, 99)),
        "count": len(milliseconds),
    }
