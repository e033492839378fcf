"""Tables of what bench/peers measured: times, ratios, geometric means, losses.

Results are {model: {key: {"runtimes": {runtime: row}}}}, a row being {"milliseconds": {statistic: time}}, with
"difference" of its outputs and "error" where there are such; "recorded" where the time was measured another day. A key
is what was varied: a number of threads, or what a time counts.
"""

import dataclasses
import math

LONGEST_PROBLEM = 160  # characters of it in a table


def time_of(result, runtime, statistic):
    """A runtime's milliseconds in one result, or None."""
    row = result.get("runtimes", {}).get(runtime, {})
    return row["milliseconds"].get(statistic) if "milliseconds" in row else None


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


@dataclasses.dataclass
class Table:
    """How results are shown: these runtimes, this statistic, ratios to `ours` (None: no ratios)."""

    runtimes: list
    ours: str | None
    statistic: str
    digits: int = 2

    @property
    def peers(self):
        return [runtime for runtime in self.runtimes if runtime != self.ours and self.ours in self.runtimes]

    def header(self):
        cells = [f"{'model':20}"] + [f"{runtime:>13}" for runtime in self.runtimes]
        cells += [f"{'/' + self._short(runtime):>14}" for runtime in self.peers]
        return " ".join([*cells, f"{'difference':>11}"])

    def _short(self, runtime):
        first = runtime.split()[0]
        return first if sum(other.split()[0] == first for other in self.runtimes) == 1 else runtime

    def row(self, name, result):
        """A line: times (recorded ones with a star), ratios, the worst difference of outputs, what went wrong."""
        rows = result.get("runtimes", {})
        cells = [f"{name:20}"]
        for runtime in self.runtimes:
            time = time_of(result, runtime, self.statistic)
            text = f"{time:.{self.digits}f}{'*' if rows[runtime].get('recorded') else ''}" if time else "-"
            cells.append(f"{text:>13}")
        ours = time_of(result, self.ours, self.statistic)
        for runtime in self.peers:
            time = time_of(result, runtime, self.statistic)
            cells.append(f"{time / ours:13.2f}x" if ours and time else f"{'-':>14}")
        rows = {runtime: rows[runtime] for runtime in self.runtimes if runtime in rows}
        differences = [row["difference"] for row in rows.values() if "difference" in row]
        cells.append(f"{max(differences):11.1e}" if differences else f"{'-':>11}")
        problems = [result["error"]] if "error" in result else []
        problems += [f"{runtime}: {row['error'][:LONGEST_PROBLEM]}" for runtime, row in rows.items() if "error" in row]
        return " ".join(cells) + ("  " + "; ".join(problems) if problems else "")

    def ratios(self, results, key, peer):
        """{model: the peer's time / ours} where both have one."""
        found = {}
        for name, by_key in results.items():
            ours, theirs = (time_of(by_key.get(key, {}), runtime, self.statistic) for runtime in (self.ours, peer))
            if ours and theirs:
                found[name] = theirs / ours
        return found

    def print(self, title, results, key):
        print(f"\n{title} ({self.statistic})")
        print(self.header())
        for name, by_key in results.items():
            if key in by_key:
                print(self.row(name, by_key[key]))
        self.print_means(results, key)

    def print_means(self, results, key):
        """Geometric means of times (over the models that all have) and of ratios; the models that fall behind."""
        complete = [
            [time_of(by_key.get(key, {}), runtime, self.statistic) for runtime in self.runtimes]
            for by_key in results.values()
        ]
        complete = [times for times in complete if all(times)]
        if complete:
            means = [geometric_mean(column) for column in zip(*complete, strict=True)]
            cells = " ".join([f"{'geometric mean':20}"] + [f"{mean:13.{self.digits}f}" for mean in means])
            print(f"{cells}  of {len(complete)}")
        for peer in self.peers:
            found = self.ratios(results, key, peer)
            if not found:
                continue
            slower = sorted((ratio, name) for name, ratio in found.items() if ratio < 1)
            print(
                f"against {peer}: geometric mean {geometric_mean(found.values()):.3f}x over {len(found)} models, slower: "
                + (", ".join(f"{name} {ratio:.2f}x" for ratio, name in slower) or "none")
            )

    def print_groups(self, results, key, groups):
        """Of each group of models ({name: [model]}) that has times: how many, the mean ratio and the least one."""
        shown = {peer: self.ratios(results, key, peer) for peer in self.peers}
        lines = []
        for group, names in groups.items():
            cells = []
            for found in shown.values():
                ratios = [found[name] for name in names if name in found]
                cells.append(f"{geometric_mean(ratios):7.2f}x {min(ratios):6.2f}x" if ratios else f"{'-':>8} {'-':>7}")
            if any(name in found for found in shown.values() for name in names):
                lines.append(" ".join([f"{group:20}", *(f"{cell:>18}" for cell in cells)]))
        if lines:
            print(" ".join([f"{'family: mean, least':20}", *(f"{'/' + self._short(peer):>18}" for peer in self.peers)]))
            print("\n".join(lines))

    def write_csv(self, path, results, key):
        """`Model;A;B;...`, milliseconds."""
        lines = [";".join(["Model", *self.runtimes])]
        for name, by_key in sorted(results.items()):
            times = [time_of(by_key.get(key, {}), runtime, self.statistic) for runtime in self.runtimes]
            if any(times):
                lines.append(";".join([name] + [f"{time:.{self.digits}f}" if time else "" for time in times]))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def baseline_of(table, results):
    """What is kept of results: {"statistic", "milliseconds": {key: {model: {runtime: time}}}}."""
    kept = {}
    for name, by_key in results.items():
        for key, result in by_key.items():
            times = {runtime: time_of(result, runtime, table.statistic) for runtime in table.runtimes}
            kept.setdefault(key, {})[name] = {runtime: round(time, 4) for runtime, time in times.items() if time}
    return {"statistic": table.statistic, "milliseconds": kept}


def results_of(baseline):
    """A baseline's times, as results."""
    results = {}
    for key, by_name in baseline["milliseconds"].items():
        for name, times in by_name.items():
            rows = {runtime: {"milliseconds": {baseline["statistic"]: time}} for runtime, time in times.items()}
            results.setdefault(name, {})[key] = {"runtimes": rows}
    return results


CHANGE = 0.05  # of a ratio: less happens by itself


def print_changes(table, baseline, results):
    """How the ratios to each peer changed since a baseline, over the models that both have."""
    then = dataclasses.replace(table, statistic=baseline["statistic"])
    old = results_of(baseline)
    print(f"\nsince {baseline['commit']} of {baseline['date']} ({baseline['machine']})")
    for key in baseline["milliseconds"]:
        for peer in table.peers:
            before, now = then.ratios(old, key, peer), table.ratios(results, key, peer)
            changes = {name: now[name] / before[name] for name in now if name in before}
            if not changes:
                continue
            fell = sorted((change, name) for name, change in changes.items() if change < 1 - CHANGE)
            mean = f"{geometric_mean(before[n] for n in changes):.3f}x, now {geometric_mean(now[n] for n in changes):.3f}x"
            worse = ", ".join(f"{name} {before[name]:.2f}x to {now[name]:.2f}x" for _, name in fell)
            print(f"{key}, against {peer}: {mean} over {len(changes)} models; fell by more than {CHANGE:.0%}: {worse or 'none'}")
