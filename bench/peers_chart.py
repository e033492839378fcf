"""Draw results.json of bench/peers: per thread count and model, the speed of each runtime, ONNX Runtime's being 1."""

import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BASE = "ONNX Runtime"
COLORS = {"Vivace": "tab:orange", "OpenVINO": "tab:blue"}


def speeds(results, threads, runtime, statistic):
    """The runtime's speed over BASE's for every model, 0 where one of them has no time."""
    found = []
    for by_threads in results.values():
        rows = by_threads.get(threads, {}).get("runtimes", {})
        base, other = (rows.get(name, {}).get("milliseconds", {}).get(statistic) for name in (BASE, runtime))
        found.append(base / other if base and other else 0)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--statistic", default="minimum")
    arguments = parser.parse_args()

    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    counts = sorted({threads for by_threads in results.values() for threads in by_threads}, key=int)
    figure, axes = plt.subplots(
        1, len(counts), figsize=(6 * len(counts), 1.5 + 0.32 * len(results)), layout="constrained", squeeze=False
    )
    for axis, threads in zip(axes[0], counts, strict=True):
        shown = {name: speeds(results, threads, name, arguments.statistic) for name in COLORS}
        shown = {name: values for name, values in shown.items() if any(values)}
        height = 0.8 / max(len(shown), 1)
        for index, (name, values) in enumerate(shown.items()):
            rows = [row + index * height for row in range(len(results))]
            axis.barh(rows, values, height, label=name, color=COLORS[name])
        axis.axvline(1, color="black", linewidth=1)
        axis.set_yticks([row + 0.4 - height / 2 for row in range(len(results))], list(results))
        axis.invert_yaxis()
        axis.set_xlabel(f"speed, {BASE} = 1 ({arguments.statistic} of the latencies)")
        axis.set_title(f"{threads} thread{'s' if threads != '1' else ''}, batch 1, f32")
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(COLORS))
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
