"""Random graphs over all operators, in Vivace and in the standard's own evaluator. Prints what differs, grouped."""

from __future__ import annotations

import argparse
import collections
import json
import re
import sys
import time
from typing import Any

from . import check, graphs
from .workers import describe, run_all


def crash_details(seed: int, ops: list[str]) -> dict[str, str]:
    """What is left of a graph that kills the process, each try in a process of its own."""
    graph = graphs.make(seed, ops)
    for way in check.ways(seed):
        fails = lambda part, way=way: check.in_child(lambda: check.run(graph, part, way))
        failure = fails(graph.nodes)
        if failure and failure.kind == "crash":
            nodes, failure = check.minimise(graph, graph.nodes, fails, failure)
            return describe(graph, nodes, failure, way)
    return {"ops": "?", "kind": "crash", "message": "not again", "way": "", "graph": ""}


def main() -> int:
    parser = argparse.ArgumentParser(prog="random_graphs", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="graphs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first graph (default: %(default)s)")
    parser.add_argument("--ops", default="", metavar="RE", help="only operators whose name matches")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--reproduce", type=int, metavar="SEED", help="one graph: prints it, and what is left of it if it fails"
    )
    parser.add_argument("--save", metavar="FILE", help="with --reproduce: the failing part as a model")
    parser.add_argument("--show", type=int, default=1, help="graphs to print of each group (default: %(default)s)")
    parser.add_argument(
        "--coverage", action="store_true", help="print how many nodes of each operator ran, and what kept others away"
    )
    parser.add_argument("--json", metavar="FILE", help="write the failures")
    options = parser.parse_args()
    ops = graphs.names(options.ops)
    if not ops:
        parser.error(f"no operator matches {options.ops!r}")
    if options.reproduce is not None:
        return reproduce(options, ops)

    start = time.monotonic()
    made = run_all(
        list(range(options.seed, options.seed + options.count)), ops, options.jobs, True, options.count > 1000
    )
    groups = collections.defaultdict(list)
    for seed, result in sorted(made.items()):
        failure = result["failure"]
        if failure and failure["kind"] == "crash":
            failure.update(crash_details(seed, ops))
        if failure:
            message = (
                ""
                if failure["kind"] == "wrong" and "elements differ" in failure["message"]
                else check.normal(failure["message"])
            )
            groups[(failure["ops"], failure["kind"], message)].append((seed, failure))
    for (name, kind, _), failures in sorted(groups.items(), key=lambda item: -len(item[1])):
        seeds = " ".join(str(seed) for seed, _ in failures[:8])
        print(f"\n== {len(failures)} x {name}: {kind} (seeds {seeds})")
        for _, failure in failures[: options.show]:
            print(
                f"{failure['message']}{' [' + failure['way'] + ']' if failure['way'] not in ('', 'plain') else ''}\n{failure['graph']}"
            )
    nodes = collections.Counter(op for result in made.values() for op in result["ops"])
    if options.coverage:
        refused = collections.Counter(
            (op, re.sub(r"\d+", "#", why)[:120]) for result in made.values() for op, why in result["refused"]
        )
        for op in sorted(ops, key=lambda op: nodes[op]):
            reasons = sorted(((n, why) for (o, why), n in refused.items() if o == op), reverse=True)[:3]
            print(f"{op}: {nodes[op]} nodes; left out: {'; '.join(f'{n} x {why}' for n, why in reasons) or 'none'}")
    failed = sum(len(x) for x in groups.values())
    if options.json:
        with open(options.json, "w") as out:
            json.dump(
                {seed: result["failure"] for seed, result in sorted(made.items()) if result["failure"]}, out, indent=1
            )
    print(
        f"\n{len(made)} graphs of {sum(nodes.values())} nodes, {len(nodes)} operators, {time.monotonic() - start:.0f} s: {failed} fail, in {len(groups)} groups"
    )
    return 1 if failed else 0


def reproduce(options: Any, ops: list[str]) -> int:
    graph = graphs.make(options.reproduce, ops)
    print(graph.describe(graph.nodes))
    for way in check.ways(options.reproduce):
        nodes, fails = graph.nodes, lambda part, way=way: check.run(graph, part, way)
        failure = check.in_child(lambda: fails(graph.nodes))
        if failure is None:
            continue
        if failure.kind == "crash":
            nodes, failure = check.minimise(graph, nodes, lambda part: check.in_child(lambda: fails(part)), failure)
        else:
            nodes, failure = check.minimise(graph, nodes, fails, fails(nodes))
        print(f"\nfails ({way}): {failure.kind}: {failure.message}\n{graph.describe(nodes)}")
        if options.save:
            import onnx

            onnx.save(graph.part(nodes)[0], options.save)
        return 1
    print("\nas the evaluator says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
