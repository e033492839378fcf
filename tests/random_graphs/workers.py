"""Worker processes: they test seeds, and die without taking more than one graph with them."""

from __future__ import annotations

import multiprocessing
import queue
import resource
import sys
import threading
import time
from typing import Any

from . import check, graphs

SECONDS_A_GRAPH = 60
BYTES = 12 << 30  # a graph of some thousand elements that takes more is a defect


def work(ops: list[str], shrink: bool, jobs: Any, results: Any) -> None:
    """Tests seeds as they come; says which one it is at, so that a crash has its seed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    for seed in iter(jobs.get, None):
        results.put(("start", seed, None))
        results.put(("done", seed, test(seed, ops, shrink)))


def test(seed: int, ops: list[str], shrink: bool) -> dict[str, Any]:
    graph = graphs.make(seed, ops)
    used = [node.proto.op_type for node in graph.nodes]
    made = {"ops": used, "refused": graph.maker.refused, "failure": None}
    for way in check.ways(seed) if graph.nodes else []:
        failure = check.run(graph, graph.nodes, way)
        if failure:
            nodes = graph.nodes
            if shrink:
                nodes, failure = check.minimise(graph, nodes, lambda part: check.run(graph, part, way), failure)
            made["failure"] = describe(graph, nodes, failure, way)
            break
    return made


def describe(graph: Any, nodes: list[Any], failure: Any, way: str) -> dict[str, str]:
    ops = "+".join(node.proto.op_type for node in nodes)
    message = failure.message
    if failure.kind == "wrong":
        message += f"; ONNX Runtime: {check.opinion(graph, nodes)}"
    return {"ops": ops, "kind": failure.kind, "message": message, "way": way, "graph": graph.describe(nodes)}


class Lane:
    """One worker process, replaced when it dies."""

    def __init__(self, ops: list[str], shrink: bool) -> None:
        self.arguments = (ops, shrink)
        self.context = multiprocessing.get_context("spawn")
        self.process: Any = None
        self.started = False  # ever

    def start(self) -> None:
        self.jobs, self.results = self.context.Queue(), self.context.Queue()
        self.process = self.context.Process(target=work, args=(*self.arguments, self.jobs, self.results), daemon=True)
        self.process.start()

    def run(self, seeds: list[int]) -> list[tuple[int, dict[str, Any]]]:
        """Tests some seeds; a crash or a graph without end is the failure of the one it was at."""
        if self.process is None or not self.process.is_alive():
            self.start()
        for seed in seeds:
            self.jobs.put(seed)
        done: list[tuple[int, dict[str, Any]]] = []
        current, since = seeds[0], time.monotonic()
        while len(done) < len(seeds):
            try:
                word, seed, made = self.results.get(timeout=1)
                current, since, self.started = seed, time.monotonic(), True
                if word == "done":
                    done.append((seed, made))
                continue
            except queue.Empty:
                pass
            alive = self.process.is_alive()
            if not alive and not self.started and self.results.empty():
                raise RuntimeError("the worker does not start")
            if alive and time.monotonic() - since < SECONDS_A_GRAPH:
                continue
            if alive:
                self.process.kill()
                self.process.join()
            why = f"no end after {SECONDS_A_GRAPH} s" if alive else f"exit code {self.process.exitcode}"
            done.append(
                (
                    current,
                    {
                        "ops": [],
                        "refused": [],
                        "failure": {"ops": "?", "kind": "crash", "message": why, "way": "", "graph": ""},
                    },
                )
            )
            rest = [s for s in seeds if s not in {s for s, _ in done}]
            self.process = None
            return done + (self.run(rest) if rest else [])
        return done

    def stop(self) -> None:
        if self.process is not None and self.process.is_alive():
            self.jobs.put(None)
            self.process.join(10)


def run_all(seeds: list[int], ops: list[str], jobs: int, shrink: bool, progress: bool) -> dict[int, dict[str, Any]]:
    batches = [seeds[i : i + 50] for i in range(0, len(seeds), 50)]
    lock, made, start = threading.Lock(), {}, time.monotonic()
    rest = iter(batches)

    def lane() -> None:
        worker = Lane(ops, shrink)
        while True:
            with lock:
                batch = next(rest, None)
            if batch is None:
                break
            done = worker.run(batch)
            with lock:
                made.update(done)
                if progress and len(made) % 1000 < 50:
                    failed = sum(bool(x["failure"]) for x in made.values())
                    print(
                        f"{len(made)} graphs, {failed} fail, {time.monotonic() - start:.0f} s",
                        file=sys.stderr,
                        flush=True,
                    )
        worker.stop()

    lanes = [threading.Thread(target=lane) for _ in range(jobs)]
    for t in lanes:
        t.start()
    for t in lanes:
        t.join()
    return made
