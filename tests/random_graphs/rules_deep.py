"""Rules of recurrent networks, attention, signals, losses and control flow."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from . import truth
from .maker import FLOATS, NUMPY, Call, Maker, Unfit, rule


@rule("RNN", "GRU", "LSTM")
def recurrent(m: Maker, op: str) -> Call:
    kind = m.type(op)
    steps, batch, size, hidden = m.integer(1, 4), m.integer(1, 3), m.integer(1, 4), m.integer(1, 3)
    direction = m.pick(["forward", "reverse", "bidirectional"])
    ways, gates = 2 if direction == "bidirectional" else 1, {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
    layout = m.integer(0, 1) if m.opset >= 14 and m.chance(0.4) else 0

    def part(*shape: int, p: float = 0.5) -> str | None:
        return m.leaf(m.data(kind, shape, -1, 1)) if m.chance(p) else None

    x = m.tensor(kind, shape=(batch, steps, size) if layout else (steps, batch, size), low=-1, high=1)
    state = (batch, ways, hidden) if layout else (ways, batch, hidden)
    inputs = [
        x,
        part(ways, gates * hidden, size, p=1),
        part(ways, gates * hidden, hidden, p=1),
        part(ways, 2 * gates * hidden),
    ]
    lengths = m.leaf(np.array([m.integer(1, steps) for _ in range(batch)], np.int32)) if m.chance(0.3) else None
    inputs += [lengths, part(*state)]
    attributes = {"direction": m.maybe(direction, 0 if direction == "forward" and m.chance(0.5) else 1), "layout": layout or None,
                  "clip": m.maybe(0.5, 0.15), "hidden_size": hidden}  # fmt: skip
    if op == "LSTM":
        inputs += [part(*state), part(ways, 3 * hidden, p=0.3)]
        attributes["input_forget"] = m.maybe(m.integer(0, 1), 0.15)
    if op == "GRU":
        attributes["linear_before_reset"] = m.maybe(m.integer(0, 1))
    if m.chance(0.3):
        functions = {"RNN": 1, "GRU": 2, "LSTM": 3}[op] * ways
        attributes["activations"] = [
            m.pick(["Tanh", "Sigmoid", "Relu", "Softsign", "Softplus"]) for _ in range(functions)
        ]
    outputs = m.integer(1, 3 if op == "LSTM" else 2)
    return m.call(op, inputs, outputs, left_out=(0,) if outputs > 1 and m.chance(0.2) else (), **attributes)


@rule("Attention")
def attention(m: Maker) -> Call:
    kind = m.type("Attention")
    batch, heads, group, head, value = (
        m.integer(1, 2),
        m.integer(1, 2),
        m.integer(1, 2),
        m.integer(1, 4),
        m.integer(1, 4),
    )
    steps, keys = m.integer(1, 5), m.integer(1, 5)
    flat = m.chance(0.4)
    shapes = [(heads * group, steps, head), (heads, keys, head), (heads, keys, value)]
    names = [
        m.tensor(kind, shape=(batch, t, n * d) if flat else (batch, n, t, d), low=-1, high=1) for n, t, d in shapes
    ]
    past = m.integer(1, 3) if m.chance(0.3) else 0
    total = keys + past
    mask, causal = None, m.maybe(m.integer(0, 1))
    if m.chance(0.4):
        shape = m.pick(
            [(steps, total), (batch, 1, steps, total), (batch, heads * group, steps, total), (1, steps, total)]
        )
        mask = m.leaf(m.data(kind if causal else m.pick(["bool", kind]), shape, -1, 1))
        if m.array(mask).dtype == bool:
            m.array(mask)[..., 0] = True  # a row without any key has no sum to divide by
    inputs = [*names, mask]
    if past:
        inputs += [
            m.leaf(m.data(kind, (batch, heads, past, head), -1, 1)),
            m.leaf(m.data(kind, (batch, heads, past, value), -1, 1)),
        ]
    attributes = {"q_num_heads": heads * group, "kv_num_heads": heads} if flat else {}
    outputs = 3 if past else 1
    return m.call(
        "Attention",
        inputs,
        outputs,
        is_causal=causal,
        scale=m.maybe(0.5),
        softcap=m.maybe(2.0, 0.2),
        **attributes,
    )


@rule("RotaryEmbedding")
def rotary_embedding(m: Maker) -> Call:
    batch, heads, steps, size = m.integer(1, 2), m.integer(1, 3), m.integer(1, 4), 2 * m.integer(1, 4)
    kind = m.type("RotaryEmbedding")
    flat = m.chance(0.4)
    part = 2 * m.integer(1, size // 2) if m.chance(0.3) else size
    x = m.tensor(kind, shape=(batch, steps, heads * size) if flat else (batch, heads, steps, size))
    positions = m.chance(0.5)
    caches = [m.leaf(m.data(kind, (7, part // 2) if positions else (batch, steps, part // 2), -1, 1)) for _ in range(2)]
    ids = m.leaf(m.rng.integers(0, 7, (batch, steps)).astype(np.int64)) if positions else None
    return m.call("RotaryEmbedding", [x, *caches, ids], interleaved=m.maybe(m.integer(0, 1)), num_heads=heads if flat else None,
                  rotary_embedding_dim=part if part < size else None)  # fmt: skip


@rule("DFT")
def dft(m: Maker) -> Call:
    kind = m.type("DFT", among=("float", "double"))
    inverse, complex_input = m.integer(0, 1), m.chance(0.5)
    shape = (m.integer(1, 2), *m.shape(m.integer(1, 2), zero=False), 2 if complex_input or inverse else 1)
    x = m.tensor(kind, shape=shape)
    axis = m.integer(1, len(shape) - 2)
    length = m.constants(m.integer(1, 9)) if m.chance(0.3) else None
    onesided = 1 if shape[-1] == 1 and m.chance(0.4) else None
    if m.opset < 20:
        return m.call("DFT", [x, length], axis=axis, inverse=inverse or None, onesided=onesided)
    return m.call("DFT", [x, length, m.constants(axis)], inverse=inverse or None, onesided=onesided)


@rule("STFT")
def stft(m: Maker) -> Call:
    kind = m.type("STFT", among=("float", "double"))
    length, frame = m.integer(8, 20), m.integer(2, 8)
    x = m.tensor(kind, shape=(m.integer(1, 2), length, 1))
    window = m.leaf(m.data(kind, (frame,), 0, 1)) if m.chance(0.6) else None
    return m.call(
        "STFT", [x, m.constants(m.integer(1, 4)), window, m.constants(frame)], onesided=m.maybe(m.integer(0, 1))
    )


@rule("HannWindow", "HammingWindow", "BlackmanWindow")
def window(m: Maker, op: str) -> Call:
    return m.call(op, [m.constants(m.integer(2, 12))], periodic=m.maybe(m.integer(0, 1)))


@rule("MelWeightMatrix")
def mel(m: Maker) -> Call:
    return m.call(
        "MelWeightMatrix",
        [
            m.constants(v, t)
            for v, t in (
                (m.integer(2, 6), np.int64),
                (16, np.int64),
                (8000, np.int64),
                (0.0, np.float32),
                (4000.0, np.float32),
            )
        ],
    )


@rule("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(m: Maker, op: str) -> Call:
    n, c = m.integer(1, 3), m.integer(1, 5)
    rest = m.shape(m.integer(0, 2), zero=False)
    x = m.tensor(m.type(op, among=("float", "double")), shape=(n, c, *rest))
    labels = m.rng.integers(0, c, (n, *rest)).astype(m.pick([np.int64, np.int32]))
    ignore = m.maybe(m.integer(0, c - 1), 0.3)
    if ignore is not None and (labels == ignore).all():
        raise Unfit("nothing left")
    weight = m.leaf(m.data(m.find(x).type, (c,), 0.5, 2)) if m.chance(0.5) else None
    outputs = m.integer(1, 2) if op == "SoftmaxCrossEntropyLoss" else 1
    return m.call(
        op,
        [x, m.leaf(labels), weight],
        outputs,
        reduction=m.maybe(m.pick(["none", "sum", "mean"])),
        ignore_index=ignore,
    )


@rule("LinearAttention")
def linear_attention(m: Maker) -> Call:
    batch, heads, steps, key, value = (
        m.integer(1, 2),
        m.integer(1, 2),
        m.integer(1, 4),
        m.integer(1, 3),
        m.integer(1, 3),
    )
    kind = m.type("LinearAttention")
    parts = [m.leaf(m.data(kind, (batch, steps, heads * d), -1, 1)) for d in (key, key, value)]
    rule_ = m.pick(["linear", "gated", "delta", "gated_delta"])
    past = m.leaf(m.data(kind, (batch, heads, key, value), -1, 1)) if m.chance(0.5) else None
    decay = m.leaf(m.data(kind, (batch, steps, heads * m.pick([1, key])), -1, 0)) if "gated" in rule_ else None
    beta = m.leaf(m.data(kind, (batch, steps, heads), 0, 1)) if "delta" in rule_ else None
    return m.call(
        "LinearAttention",
        [*parts, past, decay, beta],
        2,
        q_num_heads=heads,
        kv_num_heads=heads,
        update_rule=rule_,
        scale=m.maybe(0.5),
    )


@rule("CausalConvWithState")
def causal_conv(m: Maker) -> Call:
    kind = m.type("CausalConvWithState")
    batch, channels, steps, kernel = m.integer(1, 2), m.integer(1, 4), m.integer(1, 6), m.integer(1, 4)
    x = m.tensor(kind, shape=(batch, channels, steps))
    w = m.leaf(m.data(kind, (channels, 1, kernel), -1, 1))
    b = m.like(x, (channels,)) if m.chance(0.5) else None
    past = m.leaf(m.data(kind, (batch, channels, kernel - 1), -1, 1)) if m.chance(0.5) else None
    return m.call("CausalConvWithState", [x, w, b, past], 2, activation=m.maybe(m.pick(["none", "silu", "swish"])))


# -- control flow


SHAPE_KEEPING = ["Relu", "Neg", "Abs", "Sigmoid", "Tanh", "Identity"]


def chain(m: Maker, x: str, y: str, kind: str) -> list[onnx.NodeProto]:
    """One to three nodes that keep the shape, from x to y."""
    floats = kind in FLOATS
    ops = [m.pick(SHAPE_KEEPING if floats else ["Neg", "Abs", "Identity"]) for _ in range(m.integer(1, 3))]
    names = [x, *(m.fresh() for _ in ops[1:]), y]
    return [helper.make_node(op, [a], [b]) for op, a, b in zip(ops, names, names[1:])]


@rule("If")
def if_(m: Maker) -> Call:
    kind = m.pick(["float", "float", "double", "int64", "int32"])
    condition = m.leaf(np.array(m.chance(0.5)), m.chance(0.3))
    captured = [m.tensor(kind) for _ in range(2)]
    same = m.array(captured[0]).shape == m.array(captured[1]).shape
    branches = []
    for i in range(2):
        out = m.fresh()
        source = captured[i if same or m.chance(0.3) and m.opset >= 11 else 0]
        if m.array(source).shape != m.array(captured[0]).shape and m.array(source).ndim != m.array(captured[0]).ndim:
            source = captured[0]
        nodes = chain(m, source, out, kind)
        branches.append(
            helper.make_graph(nodes, f"branch{i}", [], [truth.value_info(out, m.array(source), None, False)])
        )
        used = source
        captured[i] = used
    return m.call(
        "If", [condition], captures=list(dict.fromkeys(captured)), then_branch=branches[0], else_branch=branches[1]
    )


@rule("Loop")
def loop(m: Maker) -> Call:
    kind = m.pick(["float", "float", "int64", "int32"])
    state, other = m.tensor(kind, zero=False), None
    other = m.like(state, m.array(state).shape)
    trips = m.constants(m.integer(0, 4), p=0.5)
    count, go, old, new, went, summed, out = (m.fresh() for _ in range(7))
    nodes = [helper.make_node(m.pick(["Add", "Sub", "Max"]) if m.opset >= 12 else "Add", [old, other], [summed]), *chain(m, summed, new, kind),
             helper.make_node("Identity", [go], [went])]  # fmt: skip
    outputs = [value(went, np.array(True)), value(new, m.array(state))]
    scans = m.chance(0.5)
    if scans:
        nodes.append(helper.make_node("Neg", [new], [out]))
        outputs.append(value(out, m.array(state)))
    body = helper.make_graph(
        nodes,
        "body",
        [value(count, np.array(0, np.int64)), value(go, np.array(True)), value(old, m.array(state))],
        outputs,
    )
    condition = m.leaf(np.array(m.chance(0.8))) if m.chance(0.5) else None
    call = m.call("Loop", [trips, condition, state], 1 + scans, captures=[other], body=body)
    call.inputs = [trips, condition or "", state]
    return call


def value(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    return truth.value_info(name, array)


@rule("Scan")
def scan(m: Maker) -> Call:
    if m.opset < 9:
        raise Unfit("another form")
    kind = m.pick(["float", "float", "int64"])
    x = m.tensor(kind, lambda v: len(v.shape) > 0, zero=False)
    shape = m.array(x).shape
    axis = m.axis(len(shape)) if m.chance(0.4) else 0
    inner = tuple(d for i, d in enumerate(shape) if i != axis % len(shape))
    state = m.tensor(kind, shape=inner)
    old, element, new, out = (m.fresh() for _ in range(4))
    nodes = [helper.make_node("Add", [old, element], [new]), *chain(m, new, out, kind)]
    infos = [value(n, np.zeros(inner, NUMPY[kind])) for n in (old, element, new, out)]
    body = helper.make_graph(nodes, "body", infos[:2], infos[2:])
    axis = axis % len(shape) if m.opset < 11 else axis
    return m.call("Scan", [state, x], 2, body=body, num_scan_inputs=1, scan_input_axes=[axis] if axis else None,
                  scan_input_directions=m.maybe([m.integer(0, 1)]), scan_output_directions=m.maybe([m.integer(0, 1)]))  # fmt: skip
