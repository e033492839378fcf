"""Draw results.json of bench/peers: per number of threads or kind of time, and model, each runtime's speed; one is 1."""

import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

OURS = "Vivace"
TITLES = {"gpu": "GPU time", "cold": "GPU time, L2 flushed", "host": "host to host"}
TITLES = {key: f"{title}, batch 1" for key, title in TITLES.items()}  # any other key is a title


def speeds(results, key, runtime, base, statistic):
    """The runtime's speed over the base's for every model, 0 where one of them has no time."""
    found = []
    for by_key in results.values():
        rows = by_key.get(key, {}).get("runtimes", {})
        times = [rows.get(name, {}).get("milliseconds", {}).get(statistic) for name in (base, runtime)]
        found.append(times[0] / times[1] if all(times) else 0)
    return found


def runtimes_of(results, base):
    """All but the base, Vivace's first, in the order they were measured."""
    parts = [part for by_key in results.values() for part in by_key.values()]
    names = dict.fromkeys(name for part in parts for name in part.get("runtimes", {}) if name != base)
    return sorted(names, key=lambda name: not name.startswith(OURS))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--base", default="ONNX Runtime", help="the runtime whose speed is 1 (default: %(default)s)")
    parser.add_argument("--statistic", default="minimum")
    arguments = parser.parse_args()

    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    keys = list(dict.fromkeys(key for by_key in results.values() for key in by_key))
    names = runtimes_of(results, arguments.base)
    colors = dict(zip(names, ["tab:orange", "tab:blue", "tab:green", "tab:purple", "tab:gray", "tab:olive"]))
    figure, axes = plt.subplots(
        1, len(keys), figsize=(6 * len(keys), 1.5 + 0.32 * len(results)), layout="constrained", squeeze=False
    )
    for axis, key in zip(axes[0], keys, strict=True):
        shown = {name: speeds(results, key, name, arguments.base, arguments.statistic) for name in names}
        shown = {name: values for name, values in shown.items() if any(values)}
        height = 0.8 / max(len(shown), 1)
        for index, (name, values) in enumerate(shown.items()):
            rows = [row + index * height for row in range(len(results))]
            axis.barh(rows, values, height, label=name, color=colors.get(name))
        axis.axvline(1, color="black", linewidth=1)
        axis.set_yticks([row + 0.4 - height / 2 for row in range(len(results))], list(results))
        axis.invert_yaxis()
        axis.set_xlabel(f"speed, {arguments.base} = 1 ({arguments.statistic} of the latencies)")
        axis.set_title(TITLES.get(key, key))
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=max(len(names), 1))
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
