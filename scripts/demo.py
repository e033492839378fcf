#!/usr/bin/env python3
"""Classify photos with a trained network: ONNX in, plan out, right answers, next to ONNX Runtime.

Runs in .venv, as scripts/demo sets it up.
"""

import argparse
import os
import pathlib
import sys
import time

import demo_data
import matplotlib
import numpy as np
import onnx
import vivace
from PIL import Image

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import measure

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TOLERANCE = 1e-4  # of max|difference| / max|output|, between two f32 runtimes that sum in different orders


def heading(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def print_report(report, seconds):
    """The build in a few lines: how long its phases took, and which tactics run most of the time."""
    phases = ", ".join(f"{phase} {taken:.2f}" for phase, taken in report.get("seconds", {}).items())
    print(f"built in {seconds:.2f} s" + (f" ({phases})" if phases else ""))
    print(f"{report['nodes_before']} nodes became {report['nodes_after']}; ", end="")
    print(f"{report.get('timed', 0)} tactics timed, {report.get('from_cache', 0)} known from the timing cache")
    rows = {}
    for layer in report["layers"]:
        if not layer.get("view"):
            winner = layer["candidates"][0]["tactic"] if layer.get("candidates") else "reference"
            count, microseconds = rows.get(winner, (0, 0))
            rows[winner] = (count + 1, microseconds + layer.get("us", 0))
    for tactic, (count, microseconds) in sorted(rows.items(), key=lambda row: -row[1][1])[:8]:
        print(f"  {tactic:32} won {count:3} layers {microseconds / 1e3:8.3f} ms")


def classify(engine, photos):
    """{photo: its outputs}; prints the five likeliest classes of each."""
    names = [output.name for output in engine.outputs]
    results = {}
    for name, path in photos:
        outputs = engine.run([demo_data.preprocess(path)])
        results[name] = outputs
        print(f"{name}:")
        for label, probability in demo_data.top_classes(outputs[names.index("probabilities")]):
            print(f"  {probability:6.1%}  {label}")
    return results


def run_from_plan(plan, threads, photos, expected):
    """Loads the plan alone and runs every photo again; the outputs must be the same bits."""
    start = time.perf_counter()
    engine = vivace.load(str(plan), threads=threads)
    milliseconds = (time.perf_counter() - start) * 1e3
    same = all(
        np.array_equal(got, want)
        for name, path in photos
        for got, want in zip(engine.run([demo_data.preprocess(path)]), expected[name], strict=True)
    )
    size = plan.stat().st_size / 2**20
    print(f"{plan}: {size:.1f} MiB, loaded in {milliseconds:.1f} ms; outputs {'the same' if same else 'DIFFER'}")
    return engine, same


def compare(runs, photos, seconds):
    """Outputs and speed of all runtimes in one interleaved measurement: (summaries by name, agreement)."""
    worst = 0.0
    for _, path in photos:
        arrays = [demo_data.preprocess(path)]
        worst = max(worst, measure.difference(runs["Vivace"](arrays), runs["ONNX Runtime"](arrays)))
    print(f"outputs: max|difference| / max|output| = {worst:.1e} (at most {TOLERANCE:.0e} is expected)")
    samples = measure.measure(runs, arrays, rounds=5, seconds=seconds)
    print(f"{'':14} {'p50 ms':>8} {'p99 ms':>8} {'min ms':>8} {'images/s':>9}")
    summaries = {name: measure.summary(times) for name, times in samples.items()}
    for name, row in summaries.items():
        throughput = 1e3 / np.mean(samples[name])
        print(f"{name:14} {row['median']:8.2f} {row['p99']:8.2f} {row['minimum']:8.2f} {throughput:9.1f}")
    ratio = summaries["ONNX Runtime"]["median"] / summaries["Vivace"]["median"]
    print(f"Vivace is {ratio:.2f}x as fast as ONNX Runtime (medians)")
    return summaries, worst <= TOLERANCE


def draw(path, photos, results, probabilities, summaries, threads):
    """The photos, each over its classes, beside a bar chart of the latencies."""
    figure = plt.figure(figsize=(4 * len(photos) + 4, 5), layout="constrained")
    grid = figure.add_gridspec(2, len(photos) + 1, height_ratios=[3, 2])
    for column, (name, photo) in enumerate(photos):
        top = figure.add_subplot(grid[0, column])
        with Image.open(photo) as image:
            top.imshow(image)
        top.set_title(name)
        top.axis("off")
        classes = demo_data.top_classes(results[name][probabilities])[::-1]
        bars = figure.add_subplot(grid[1, column])
        bars.barh([label for label, _ in classes], [value for _, value in classes], color="tab:blue")
        for row, (_, value) in enumerate(classes):
            bars.text(value + 0.02, row, f"{value:.1%}", va="center")
        bars.set_xlim(0, 1.15)
        bars.set_xticks([])
        bars.spines[["top", "right", "bottom"]].set_visible(False)
    chart = figure.add_subplot(grid[:, -1])
    medians = [row["median"] for row in summaries.values()]
    chart.bar(list(summaries), medians, color=["tab:orange", "tab:gray"], width=0.6)
    for column, row in enumerate(summaries.values()):
        chart.plot([column, column], [row["median"], row["p99"]], color="black")
        chart.text(column, row["p99"], f"p50 {row['median']:.2f}\np99 {row['p99']:.2f}", ha="center", va="bottom")
    chart.set_ylim(0, 1.25 * max(row["p99"] for row in summaries.values()))
    chart.set_ylabel("milliseconds")
    chart.set_title(f"EfficientNet-Lite0, f32, {threads} thread{'s' if threads > 1 else ''}")
    chart.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default_threads = int(os.environ.get("VIVACE_NUM_THREADS") or len(os.sched_getaffinity(0)))
    parser.add_argument("--threads", type=int, default=default_threads, help="of each runtime (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="to measure for (default: %(default)s)")
    args = parser.parse_args()

    heading("1. A trained classifier as ONNX")
    model = demo_data.make_model(demo_data.CACHE / "efficientnet_lite0.onnx")
    nodes = len(onnx.load(model).graph.node)
    print(f"{model}: {nodes} nodes, {model.stat().st_size / 2**20:.1f} MiB")

    heading("2. Build an engine from it")
    plan = demo_data.CACHE / "efficientnet_lite0.plan"
    start = time.perf_counter()
    built = vivace.build(str(model), plan_path=str(plan), threads=args.threads, progress=True)
    print_report(built.report, time.perf_counter() - start)
    page = demo_data.CACHE / "report.html"
    page.write_text(built.report_as("html"), encoding="utf-8")
    print(f"all of it: {page}")

    heading("3. Classify photos")
    photos = demo_data.photos()
    results = classify(built, photos)

    heading("4. Run again from the plan alone")
    engine, same_from_plan = run_from_plan(plan, args.threads, photos, results)

    heading(f"5. Against ONNX Runtime, in one interleaved run, {args.threads} threads each")
    runs = {"Vivace": engine.run, "ONNX Runtime": measure.open_onnxruntime(model, args.threads)}
    summaries, agree = compare(runs, photos, args.seconds)

    picture = demo_data.CACHE / "demo.png"
    probabilities = [output.name for output in engine.outputs].index("probabilities")
    draw(picture, photos, results, probabilities, summaries, args.threads)
    heading(f"The picture of it: {picture}")
    if not (same_from_plan and agree):
        print("The outputs above do not agree.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
