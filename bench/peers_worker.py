"""Measure one model in several runtimes at one thread count; prints one line of JSON. Started by bench/peers."""

import argparse
import json
import time

import measure
import models
import numpy as np

REFERENCE = "ONNX Runtime"
TOLERANCE = 1e-4  # of max|difference| / max|output|: f32 sums in another order


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--runtimes", nargs="+", choices=list(measure.OPENERS), required=True)
    arguments = parser.parse_args()

    shapes = models.input_shapes(arguments.model, arguments.batch)
    arrays = measure.random_arrays(shapes)
    rows, runs, outputs = {}, {}, {}
    for name in arguments.runtimes:
        row = rows[name] = {}
        try:
            start = time.perf_counter()
            runs[name] = measure.OPENERS[name](arguments.model, arguments.threads, shapes)
            row["open_seconds"] = time.perf_counter() - start
            outputs[name] = [np.array(output) for output in runs[name](arrays)]
        except Exception as error:  # one runtime's failure is a result; the others go on
            row["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
            runs.pop(name, None)
    for name in list(runs):
        if REFERENCE in outputs and name != REFERENCE:
            row = rows[name]
            row["difference"] = measure.difference(outputs[name], outputs[REFERENCE])
            if not row["difference"] <= TOLERANCE:
                row["error"] = f"wrong: max|difference| / max|output| = {row['difference']:.1e}"
    if runs:
        samples = measure.measure(runs, arrays, arguments.rounds, arguments.seconds)
        for name, milliseconds in samples.items():
            rows[name]["milliseconds"] = measure.summary(milliseconds)
    print(json.dumps({"threads": arguments.threads, "batch": arguments.batch, "runtimes": rows}))


if __name__ == "__main__":
    main()
