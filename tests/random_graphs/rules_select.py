"""Rules of operators that select and order, reduce, and normalize."""

from __future__ import annotations

import numpy as np

from .maker import FLOATS, INTEGERS, NUMPY, Call, Maker, Unfit, rule
from .rules_layout import attribute_or_input


@rule("OneHot")
def one_hot(m: Maker) -> Call:
    depth = m.integer(1, 5)
    kinds = [n for n in m.types("OneHot", 0) if n in ("float", "int32", "int64")]
    i = m.tensor(kinds, lambda v: v.array.size == 0 or (abs(v.array) <= depth).all() and (v.array == np.round(v.array)).all(),
                 shape=None if m.chance(0.5) else m.shape(2), low=-depth, high=depth - 1)  # fmt: skip
    values = m.data(m.type("OneHot", 2, FLOATS + INTEGERS), (2,))
    kind = m.pick([n for n in m.types("OneHot", 1) if n in ("int64", "int32", "float")])
    of_depth = np.array(depth if m.chance(0.7) else [depth], NUMPY[kind])
    rank = m.array(i).ndim
    return m.call(
        "OneHot",
        [i, m.leaf(of_depth, m.chance(0.75)), m.leaf(values)],
        axis=m.maybe(m.integer(-rank - 1 if m.opset >= 11 else 0, rank)),
    )


@rule("Compress")
def compress(m: Maker) -> Call:
    x = m.tensor(m.type("Compress"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = (m.axis(len(shape)) if m.opset >= 11 else m.integer(0, len(shape) - 1)) if m.chance(0.7) else None
    most = int(np.prod(shape)) if axis is None else shape[axis]
    return m.call("Compress", [x, m.tensor("bool", shape=(m.integer(min(1, most), min(most, 40)),))], axis=axis)


@rule("NonZero")
def non_zero(m: Maker) -> Call:
    return m.call("NonZero", [m.tensor(m.type("NonZero"), lambda v: len(v.shape) > 0)])


@rule("Unique")
def unique(m: Maker) -> Call:
    x = m.tensor(m.type("Unique"), lambda v: len(v.shape) > 0, low=-2, high=2, zero=False)
    return m.call(
        "Unique", [x], m.integer(1, 4), axis=m.maybe(m.axis(m.array(x).ndim)), sorted=m.maybe(m.integer(0, 1))
    )


@rule("TopK")
def top_k(m: Maker) -> Call:
    x = m.tensor(m.type("TopK"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = m.axis(len(shape)) if m.opset >= 11 else m.integer(0, len(shape) - 1)
    array = m.array(x)
    flat = np.sort(array.astype(np.float64), axis)
    if array.size and (np.diff(flat, axis=axis) == 0).any() and m.chance(0.7):
        raise Unfit("equal elements")
    k = m.integer(0 if m.chance(0.1) else min(1, shape[axis]), shape[axis])
    attribute, name = (k, None) if m.opset < 10 else (None, m.constants([k]))
    largest = m.maybe(m.integer(0, 1)) if m.opset >= 11 else None
    return m.call("TopK", [x, name], 2, axis=axis, k=attribute, largest=largest)


@rule("ArgMax", "ArgMin")
def arg(m: Maker, op: str) -> Call:
    x = m.tensor(m.type(op), lambda v: len(v.shape) > 0, zero=False)
    axis = m.axis(m.array(x).ndim) if m.opset >= 11 else m.integer(0, m.array(x).ndim - 1)
    last = m.maybe(m.integer(0, 1)) if m.opset >= 12 else None
    return m.call(op, [x], axis=m.maybe(axis, 0.8), keepdims=m.maybe(m.integer(0, 1)), select_last_index=last)


@rule("CumSum", "CumProd")
def cumulative(m: Maker, op: str) -> Call:
    high = 4 if op == "CumSum" else 2
    x = m.tensor(m.type(op), lambda v: len(v.shape) > 0, low=-high, high=high)
    axis = m.constants(m.axis(m.array(x).ndim), m.pick([np.int64, np.int32]))
    return m.call(op, [x, axis], exclusive=m.maybe(m.integer(0, 1)), reverse=m.maybe(m.integer(0, 1)))


@rule("NonMaxSuppression")
def nms(m: Maker) -> Call:
    n, batch, classes = m.integer(1, 12), m.integer(1, 2), m.integer(1, 3)
    corners = np.sort(m.rng.uniform(0, 10, (batch, n, 2, 2)), axis=2).astype(np.float32)
    boxes = np.concatenate([corners[:, :, 0], corners[:, :, 1]], -1)
    center = m.chance(0.3)
    if center:
        boxes = np.concatenate([(corners[:, :, 0] + corners[:, :, 1]) / 2, corners[:, :, 1] - corners[:, :, 0]], -1)
    scores = (m.rng.permutation(batch * classes * n).reshape(batch, classes, n) / 100).astype(np.float32)
    most = m.constants([m.integer(0, 5)], p=0.6) if m.chance(0.8) else None
    limits = [m.constants([v], np.float32) if m.chance(0.7) else None for v in (0.375, 0.125)]
    return m.call(
        "NonMaxSuppression",
        [m.leaf(boxes), m.leaf(scores), most, *limits],
        center_point_box=1 if center else m.maybe(0),
    )


@rule("ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceL2",
      "ReduceLogSum", "ReduceLogSumExp")  # fmt: skip
def reduce(m: Maker, op: str) -> Call:
    low, high = {"ReduceProd": (-1.5, 1.5), "ReduceLogSum": (0.5, 4)}.get(op, (-4, 4))
    fits = (lambda v: v.array.size == 0 or v.array.min() > 0) if op == "ReduceLogSum" else None
    kinds = (
        FLOATS + INTEGERS + ("bool",)
        if op in ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "ReduceL1", "ReduceSumSquare")
        else FLOATS
    )
    x = m.tensor(m.type(op, among=kinds), fits, low=low, high=high, zero=m.chance(0.1))
    since = 13 if op == "ReduceSum" else 18
    keep = m.maybe(m.integer(0, 1))
    rank = m.array(x).ndim
    axes = m.axes(rank) if m.opset >= 11 else [a % rank for a in m.axes(rank)]
    if not axes or m.chance(0.2):
        nothing = m.maybe(m.integer(0, 1), 0.3) if m.opset >= since else None
        empty = m.constants([]) if m.opset >= since and m.chance(0.3) else None
        return m.call(op, [x, empty], keepdims=keep, noop_with_empty_axes=nothing)
    attribute, name = attribute_or_input(m, op, since, axes)
    return m.call(op, [x, name], axes=attribute, keepdims=keep)


@rule("Softmax", "LogSoftmax", "Hardmax")
def softmax(m: Maker, op: str) -> Call:
    x = m.tensor(m.type(op), lambda v: len(v.shape) > 0, zero=False)
    rank = m.array(x).ndim
    axis = m.axis(rank) if m.opset >= 11 else m.integer(0, rank - 1)
    if m.opset < 13 and rank < 2:
        axis = 0
    return m.call(op, [x], axis=axis if m.opset < 13 and rank < 2 else m.maybe(axis, 0.8))


@rule("BatchNormalization")
def batch_normalization(m: Maker) -> Call:
    kind = m.type("BatchNormalization")
    x = m.tensor(kind, lambda v: len(v.shape) > 1 and v.shape[1] > 0)
    c = m.array(x).shape[1]
    second, third = kind, kind
    if m.opset >= 15 and m.chance(0.1):
        second, third = m.type("BatchNormalization", 1), m.type("BatchNormalization", 3)
    parts = [
        m.leaf(m.data(t, (c,), low, high), m.chance(0.8))
        for t, low, high in ((second, 0.5, 2), (second, -2, 2), (third, -2, 2), (third, 0.5, 3))
    ]
    return m.call("BatchNormalization", [x, *parts], epsilon=m.maybe(1e-3), momentum=m.maybe(0.5))


@rule("InstanceNormalization")
def instance_normalization(m: Maker) -> Call:
    x = m.tensor(
        m.type("InstanceNormalization"), lambda v: len(v.shape) > 2 and min(v.shape) > 0 and np.prod(v.shape[2:]) > 1
    )
    c = m.array(x).shape[1]
    return m.call("InstanceNormalization", [x, m.like(x, (c,)), m.like(x, (c,))], epsilon=m.pick([1e-3, 0.1, 0.5]))


@rule("GroupNormalization")
def group_normalization(m: Maker) -> Call:
    groups = m.integer(1, 3)
    x = m.tensor(
        m.type("GroupNormalization"),
        lambda v: len(v.shape) > 2 and v.shape[1] % groups == 0,
        shape=(m.integer(1, 2), groups * m.integer(1, 3), *m.shape(m.integer(1, 2), zero=False)),
    )
    c = m.array(x).shape[1] if m.opset >= 21 else groups
    stash = m.maybe(1) if m.opset >= 21 else None
    return m.call(
        "GroupNormalization",
        [x, m.like(x, (c,)), m.like(x, (c,))],
        num_groups=groups,
        epsilon=m.pick([0.1, 1e-2]),
        stash_type=stash,
    )


@rule("LayerNormalization", "RMSNormalization")
def layer_normalization(m: Maker, op: str) -> Call:
    x = m.tensor(m.type(op), lambda v: len(v.shape) > 0, zero=False)
    shape = m.array(x).shape
    axis = m.axis(len(shape))
    tail = shape[axis:] if axis < 0 else shape[axis:]
    scale = m.leaf(m.data(m.find(x).type, tail, -2, 2), m.chance(0.8))
    bias = (
        m.leaf(m.data(m.find(x).type, tail, -2, 2), m.chance(0.8))
        if op == "LayerNormalization" and m.chance(0.7)
        else None
    )
    outputs = m.pick([1, 1, 1, 3]) if op == "LayerNormalization" else 1
    return m.call(
        op,
        [x, scale, bias],
        outputs,
        axis=m.maybe(axis, 0 if axis == -1 and m.chance(0.5) else 1),
        epsilon=m.pick([1e-2, 0.1]),
    )


@rule("LpNormalization")
def lp_normalization(m: Maker) -> Call:
    x = m.tensor(m.type("LpNormalization"), lambda v: len(v.shape) > 0, low=0.5, high=4)
    return m.call("LpNormalization", [x], axis=m.maybe(m.axis(m.array(x).ndim)), p=m.maybe(m.integer(1, 2)))


@rule("MeanVarianceNormalization")
def mean_variance_normalization(m: Maker) -> Call:
    x = m.tensor(m.type("MeanVarianceNormalization"), rank=4, zero=False)
    axes = m.maybe([a % 4 for a in m.axes(4)])
    if (m.array(x).astype(np.float64).std(axis=tuple(axes or [0, 2, 3])) < 0.1).any():
        raise Unfit("nothing but rounding")
    return m.call("MeanVarianceNormalization", [x], axes=axes)


@rule("LRN")
def lrn(m: Maker) -> Call:
    x = m.tensor(m.type("LRN"), rank=4)
    return m.call("LRN", [x], size=m.pick([1, 3, 5]), alpha=m.maybe(0.5), beta=m.maybe(0.5), bias=m.maybe(2.0))


@rule("Det")
def det(m: Maker) -> Call:
    n = m.integer(1, 4)
    return m.call("Det", [m.tensor(m.type("Det"), shape=(*m.shape(m.integer(0, 2), zero=False), n, n))])
