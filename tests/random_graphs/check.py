"""Runs a graph in Vivace and says what is wrong; makes a graph that fails smaller."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Callable

import numpy as np
import onnx
import vivace

from . import truth
from .graphs import Graph
from .maker import Node

# The optimizer's, but for those that the rest cannot do without.
PASSES = re.findall(
    r"\w+",
    """
    sink_constants_into_subgraphs inline_constant_ifs hoist_loop_invariants unroll_short_loops eliminate_unused_captures
    fold_constants fold_shapes eliminate_identity eliminate_view
    merge_transposes unit_transpose_to_reshape merge_views eliminate_dropout eliminate_cast eliminate_slice eliminate_pad
    eliminate_pool eliminate_zero_state eliminate_single_input select_constant_where eliminate_neutral_operand
    resolve_split_to_sequence resolve_sequence_at resolve_sequence_length resolve_concat_from_sequence resolve_optional
    power_to_products divide_to_multiply subtract_to_add merge_scalar_factors merge_added_constants einsum_to_products
    eliminate_common_subexpressions eliminate_dead_code recognise_relu recognise_clip recognise_leaky_relu recognise_swish
    recognise_hard_sigmoid recognise_hard_swish recognise_gelu recognise_gelu_tanh recognise_softmax recognise_layer_norm
    recognise_attention reduce_mean_to_global_pool average_pool_to_global_pool fold_batch_norm_into_conv
    batch_norm_to_scale_and_shift fold_pad_into_conv fold_scale_into_conv fold_bias_into_conv fold_input_scale_into_conv
    fold_scale_into_matmul sink_transposes
""",
)


@dataclasses.dataclass
class Failure:
    kind: str  # refused, wrong, run, plan, crash
    message: str

    def same(self, other: Failure | None) -> bool:
        return (
            other is not None
            and other.kind == self.kind
            and (self.kind != "refused" or normal(self.message) == normal(other.message))
        )


def normal(message: str) -> str:
    """A message without what differs from graph to graph."""
    message = re.sub(r"'[^']*'", "'…'", message)
    message = re.sub(r"\[[^\]]*\]|\([^)]*\)", "[…]", message)
    return re.sub(r"-?\d[\d.e+-]*|-?\b(nan|inf)\b", "#", message)[:150]


def run(graph: Graph, nodes: list[Node], way: str = "plain") -> Failure | None:
    model, feeds, outputs = graph.part(nodes)
    # Shapes that are not fixed are tuned for those of this run; others stay allowed.
    shapes = {i.name: ranges(feeds[i.name].shape, i.type.tensor_type) for i in model.graph.input if is_dynamic(i.type)}
    arguments = {"effort": 0, "threads": 1, "shapes": shapes if way != "unshaped" else {}}
    if way == "no passes":
        arguments["disable_passes"] = PASSES
    try:
        engine = vivace.build(model, **arguments)
    except Exception as error:
        return Failure("refused", text(error))
    if way == "plan":
        try:
            engine = vivace.load(engine.to_bytes(), threads=1)
        except Exception as error:
            return Failure("plan", text(error))
    try:
        results = engine.run(feeds)
    except Exception as error:
        return Failure("run", text(error))
    for name, got in zip(outputs, results):
        v = graph.maker.find(name)
        if why := truth.compare(got, v.array, v.shadow):
            return Failure("wrong", f"{name}: {why}")
    # Another run with the same shapes takes another way: what the first one prepared is used again.
    if way == "plain" and graph.seed % 5 == 0:
        again = engine.run(feeds)
        for name, a, b in zip(outputs, results, again):
            if (
                not isinstance(a, list)
                and np.asarray(a).tobytes() != np.asarray(b).tobytes()
                and np.asarray(a).dtype != object
            ):
                return Failure("wrong", f"{name}: a second run gives another result")
    return None


def opinion(graph: Graph, nodes: list[Node]) -> str:
    """Whose side ONNX Runtime takes where results differ."""
    model, feeds, outputs = graph.part(nodes)
    try:
        theirs = truth.run_onnxruntime(model, feeds)
    except truth.Unfit as unfit:
        return f"no opinion ({str(unfit)[:160]})"
    except ImportError:
        return "not here"
    values = [graph.maker.find(name) for name in outputs]
    why = next((why for x, v in zip(theirs, values) if (why := truth.compare(x, v.array, v.shadow))), "")
    if not why:
        return "as the evaluator"
    ours = results_of(graph, nodes)
    same = ours is not None and all(not truth.compare(x, y, y) for x, y in zip(ours, theirs))
    return "as Vivace" if same else f"differs too: {why}"


def results_of(graph: Graph, nodes: list[Node]) -> list | None:
    model, feeds, _ = graph.part(nodes)
    shapes = {i.name: ranges(feeds[i.name].shape, i.type.tensor_type) for i in model.graph.input if is_dynamic(i.type)}
    try:
        return vivace.build(model, effort=0, threads=1, shapes=shapes).run(feeds)
    except Exception:
        return None


def is_dynamic(type_proto: onnx.TypeProto) -> bool:
    tensor = type_proto.tensor_type
    return type_proto.HasField("tensor_type") and not (
        tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim)
    )


def ranges(shape: tuple[int, ...], declared: onnx.TypeProto.Tensor) -> tuple[list[int], list[int], list[int]]:
    fixed = (
        [d.HasField("dim_value") for d in declared.shape.dim] if declared.HasField("shape") else [False] * len(shape)
    )
    return list(shape), list(shape), [d if f else -1 for d, f in zip(shape, fixed)]


def text(error: BaseException) -> str:
    return f"{type(error).__name__}: " + " ".join(str(error).split())[:400]


def ways(seed: int) -> list[str]:
    """Each graph is run as it is, some after a plan's round trip, with passes off, or without the shapes it will have."""
    return [
        "plain",
        *(["plan"] if seed % 3 == 0 else []),
        *(["no passes"] if seed % 4 == 1 else []),
        *(["unshaped"] if seed % 4 == 2 else []),
    ]


def minimise(
    graph: Graph, nodes: list[Node], fails: Callable[[list[Node]], Failure | None], first: Failure
) -> tuple[list[Node], Failure]:
    """Drops nodes as long as the rest fails alike; what they made becomes an input."""
    changed = True
    while changed and len(nodes) > 1:
        changed = False
        for single in nodes:
            if first.same(found := fails([single])):
                return [single], found
        for i in range(len(nodes)):
            fewer = nodes[:i] + nodes[i + 1 :]
            if first.same(found := fails(fewer)):
                nodes, first, changed = fewer, found, True
                break
    return nodes, first


def in_child(function: Callable[[], Failure | None]) -> Failure | None:
    """In a process of its own, which may die."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        found = None
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 2)
            found = function()
        finally:
            os._exit(1 if found else 0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Failure("crash", f"signal {os.WTERMSIG(status)}")
    return Failure("other", "") if status else None
