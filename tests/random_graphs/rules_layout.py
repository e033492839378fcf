"""Rules of operators on shapes, and of those that move elements."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .maker import FLOATS, INTEGERS, NUMBERS, NUMPY, Call, Maker, Unfit, rule


def attribute_or_input(
    m: Maker, op: str, since: int, values: list[int] | int, p: float = 0.75
) -> tuple[list[int] | int | None, str | None]:
    """What became an input with an opset, and was an attribute before: (attribute, input)."""
    return (values, None) if m.opset < since else (None, m.constants(values, p=p))


@rule("Shape", "Size")
def shape_of(m: Maker, op: str) -> Call:
    x = m.tensor(m.type(op))
    rank = m.array(x).ndim
    if op == "Shape" and m.opset >= 15 and m.chance(0.5):
        return m.call(
            op, [x], start=m.maybe(m.integer(-rank - 1, rank + 1)), end=m.maybe(m.integer(-rank - 1, rank + 1))
        )
    return m.call(op, [x])


@rule("Constant")
def constant(m: Maker) -> Call:
    if m.opset >= 12 and m.chance(0.5):
        name, value = m.pick(
            [("value_float", 1.5), ("value_int", -3), ("value_ints", [2, 3]), ("value_floats", [0.5, -2.0])]
        )
        return m.call("Constant", [], **{name: value})
    array = m.data(m.type("Constant", "T", FLOATS + INTEGERS + ("bool",)), m.shape())
    return m.call("Constant", [], value=tensor_proto(array))


def tensor_proto(array: np.ndarray):
    return helper.make_tensor("t", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.tobytes(), raw=True)


@rule("ConstantOfShape")
def constant_of_shape(m: Maker) -> Call:
    kind = m.type("ConstantOfShape", "T2", FLOATS + INTEGERS + ("bool",))
    value = tensor_proto(m.data(kind, (1,))) if m.chance(0.7) else None
    return m.call("ConstantOfShape", [m.constants(m.shape())], value=value)


@rule("EyeLike")
def eye_like(m: Maker) -> Call:
    dtype = m.maybe(NUMBERS[m.type("EyeLike", "T2", FLOATS + INTEGERS)])
    return m.call("EyeLike", [m.tensor(m.type("EyeLike"), rank=2)], dtype=dtype, k=m.maybe(m.integer(-3, 3)))


@rule("Range")
def range_(m: Maker) -> Call:
    dtype = NUMPY[m.type("Range", "T")]
    step = m.pick([1, 2, 3, -1, -2])
    start, n = m.integer(-3, 5), m.integer(0, 9)
    return m.call("Range", [m.constants(v, dtype) for v in (start, start + step * n, step)])


@rule("Reshape")
def reshape(m: Maker) -> Call:
    x = m.tensor(m.type("Reshape"))
    old = m.array(x).shape
    size, dims = int(np.prod(old)), []
    if size == 0:
        return m.call("Reshape", [x, m.constants([0] * len(old))])
    while size > 1 and len(dims) < 5:
        factors = [d for d in range(2, size + 1) if size % d == 0]
        dims.append(m.pick(factors) if len(dims) < 4 else size)
        size //= dims[-1]
    for _ in range(m.weighted({0: 4, 1: 2, 2: 1})):
        dims.insert(m.integer(0, len(dims)), 1)
    for i in range(min(len(dims), len(old))):
        if dims[i] == old[i] and m.chance(0.4):
            dims[i] = 0
    if dims and m.chance(0.4):
        dims[m.integer(0, len(dims) - 1)] = -1
    return m.call("Reshape", [x, m.constants(dims)])


@rule("Squeeze")
def squeeze(m: Maker) -> Call:
    x = m.tensor(m.type("Squeeze"), lambda v: 1 in v.shape)
    shape = m.array(x).shape
    ones = [i for i, d in enumerate(shape) if d == 1]
    axes = [i - len(shape) if m.opset >= 11 and m.chance(0.3) else i for i in ones if m.chance(0.7)] or [ones[0]]
    if m.chance(0.2):
        return m.call("Squeeze", [x])
    attribute, name = attribute_or_input(m, "Squeeze", 13, axes)
    return m.call("Squeeze", [x, name], axes=attribute)


@rule("Unsqueeze")
def unsqueeze(m: Maker) -> Call:
    x = m.tensor(m.type("Unsqueeze"), lambda v: len(v.shape) < 5)
    n = m.integer(1, 2)
    rank = m.array(x).ndim + n
    axes = [int(a) for a in m.rng.permutation(rank)[:n]]
    axes = [a - rank if m.opset >= 11 and m.chance(0.3) else a for a in axes]
    attribute, name = attribute_or_input(m, "Unsqueeze", 13, axes)
    return m.call("Unsqueeze", [x, name], axes=attribute)


@rule("Flatten")
def flatten(m: Maker) -> Call:
    x = m.tensor(m.type("Flatten"), lambda v: len(v.shape) > 0)
    rank = m.array(x).ndim
    axis = m.integer(-rank if m.opset >= 11 else 0, rank)
    return m.call("Flatten", [x], axis=m.maybe(axis, 0.8))


@rule("Expand")
def expand(m: Maker) -> Call:
    x = m.tensor(m.type("Expand"))
    shape = [m.pick([1, 2, 3]) if d == 1 and m.chance(0.6) else (1 if m.chance(0.2) else d) for d in m.array(x).shape]
    shape = shape[m.integer(0, len(shape)) :] if m.chance(0.2) else [m.pick([1, 2]), *shape] if m.chance(0.3) else shape
    return m.call("Expand", [x, m.constants(shape)])


@rule("Transpose")
def transpose(m: Maker) -> Call:
    x = m.tensor(m.type("Transpose"))
    return m.call("Transpose", [x], perm=m.maybe([int(i) for i in m.rng.permutation(m.array(x).ndim)] or None, 0.8))


@rule("Concat")
def concat(m: Maker) -> Call:
    x = m.tensor(m.type("Concat"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = m.axis(len(shape)) if m.opset >= 11 else m.integer(0, len(shape) - 1)
    names = [x]
    for _ in range(m.weighted({0: 0.3, 1: 4, 2: 2, 3: 1})):
        other = list(shape)
        if m.chance(0.5):
            other[axis] = m.dim()
        names.append(m.like(x, other))
    return m.call("Concat", [names[i] for i in m.rng.permutation(len(names))], axis=axis)


@rule("Split")
def split(m: Maker) -> Call:
    x = m.tensor(m.type("Split"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = m.axis(len(shape)) if m.opset >= 11 else m.integer(0, len(shape) - 1)
    size, n = shape[axis], m.integer(1, 3)
    if m.chance(0.5):
        cuts = sorted(m.integer(0, size) for _ in range(n - 1))
        attribute, name = attribute_or_input(m, "Split", 13, [int(b - a) for a, b in zip([0, *cuts], [*cuts, size])])
        return m.call("Split", [x, name], n, axis=m.maybe(axis, 1 if axis % len(shape) else 0.5), split=attribute)
    if m.opset < 18 and size % n:
        n = 1
    return m.call("Split", [x], n, axis=axis, num_outputs=n if m.opset >= 18 else None)


@rule("Slice")
def slice_(m: Maker) -> Call:
    x = m.tensor(m.type("Slice"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axes = m.axes(len(shape)) if m.opset >= 11 else [a % len(shape) for a in m.axes(len(shape))]
    n = len(axes)
    starts = [m.integer(-shape[a] - 1, shape[a] + 1) for a in axes]
    ends = [m.pick([m.integer(-shape[a] - 1, shape[a] + 1), 2**31 - 1, shape[a]]) for a in axes]
    if m.opset < 10:
        return m.call("Slice", [x], starts=starts, ends=ends, axes=axes)
    steps = [m.pick([1, 1, 1, 2, 3, -1, -2]) for _ in axes]
    ends = [-(2**31) if s < 0 and m.chance(0.5) else e for s, e in zip(steps, ends)]
    kind = m.pick([np.int64, np.int32])
    inputs = [m.constants(v, kind) for v in (starts, ends, axes, steps)]
    if axes == list(range(n)) and m.chance(0.3):
        return m.call("Slice", [x, inputs[0], inputs[1]])
    return m.call("Slice", [x, *inputs[: m.integer(3, 4)]])


def indices_for(
    m: Maker, shape: tuple[int, ...], size: int, negative: bool, kinds: tuple[str, ...] = ("int64", "int32")
) -> str:
    if size == 0 and np.prod(shape):
        raise Unfit("no element to take")
    low = -size if negative and m.chance(0.4) else 0
    fits = lambda v: v.array.size == 0 or (v.array.min() >= low and v.array.max() < size)
    return m.tensor(kinds, fits, shape=shape, low=low, high=max(size - 1, 0))


@rule("Gather")
def gather(m: Maker) -> Call:
    x = m.tensor(m.type("Gather"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = m.axis(len(shape)) if m.opset >= 11 else m.integer(0, len(shape) - 1)
    i = indices_for(m, m.shape(m.weighted({0: 2, 1: 4, 2: 2})), shape[axis], m.opset >= 11)
    return m.call("Gather", [x, i], axis=m.maybe(axis, 0 if axis == 0 and m.chance(0.5) else 1))


@rule("GatherElements")
def gather_elements(m: Maker) -> Call:
    x = m.tensor(m.type("GatherElements"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = m.axis(len(shape))
    other = [m.integer(min(1, d), d) for d in shape]
    other[axis] = m.dim()
    return m.call("GatherElements", [x, indices_for(m, tuple(other), shape[axis], True)], axis=axis)


def positions(m: Maker, shape: tuple[int, ...], lead: tuple[int, ...], unique: bool) -> np.ndarray:
    """Indices of n leading dimensions; no two alike where `unique`."""
    if 0 in shape and 0 not in lead:
        raise Unfit("no element to take")
    n, count = len(shape), int(np.prod(lead))
    total = int(np.prod(shape))
    if unique and count > total:
        raise Unfit("more indices than elements")
    flat = m.rng.permutation(total)[:count] if unique else m.rng.integers(0, max(total, 1), count)
    index = np.stack(np.unravel_index(flat, shape), -1) if n and count else np.zeros((count, n))
    index = index.astype(np.int64)
    if m.opset >= 12 and m.chance(0.3):
        index -= np.where(m.rng.random(index.shape) < 0.5, np.array(shape, np.int64), 0)
    return index.reshape(*lead, n)


@rule("GatherND")
def gather_nd(m: Maker) -> Call:
    x = m.tensor(m.type("GatherND"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    batch = m.integer(0, min(2, len(shape) - 1)) if m.opset >= 12 and m.chance(0.3) else 0
    depth = m.integer(1, len(shape) - batch)
    lead = shape[:batch] + m.shape(m.integer(0 if batch else 1, 2))
    index = positions(m, shape[batch : batch + depth], lead, False)
    return m.call("GatherND", [x, m.leaf(index)], batch_dims=batch or m.maybe(0, 0.3) if m.opset >= 12 else None)


def reduction(m: Maker, op: str) -> str | None:
    if m.opset < 16 or m.chance(0.4):
        return None
    return m.pick(["none", "add", "mul"] + (["max", "min"] if m.opset >= 18 else []))


@rule("ScatterElements")
def scatter_elements(m: Maker) -> Call:
    how = reduction(m, "ScatterElements")
    kinds = FLOATS + INTEGERS if how not in (None, "none") else None
    x = m.tensor(m.type("ScatterElements", among=kinds), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    axis = m.axis(len(shape))
    other = [m.integer(min(1, d), d) for d in shape]
    unique = how in (None, "none")
    if 0 in other:
        raise Unfit("nothing to scatter")
    order = np.argsort(
        m.rng.random((*other[: axis % len(shape)], shape[axis], *other[axis % len(shape) + 1 :])), axis=axis
    )
    index = np.take(order, range(other[axis]), axis=axis) if unique else m.rng.integers(0, shape[axis], other)
    if m.chance(0.3):
        index = index - np.where(m.rng.random(index.shape) < 0.5, shape[axis], 0)
    return m.call("ScatterElements", [x, m.leaf(index.astype(np.int64)), m.like(x, other)], axis=axis, reduction=how)


@rule("ScatterND")
def scatter_nd(m: Maker) -> Call:
    how = reduction(m, "ScatterND")
    kinds = FLOATS + INTEGERS if how not in (None, "none") else None
    x = m.tensor(m.type("ScatterND", among=kinds), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    depth = m.integer(1, len(shape))
    index = positions(m, shape[:depth], m.shape(m.integer(1, 2), zero=False), how in (None, "none"))
    return m.call("ScatterND", [x, m.leaf(index), m.like(x, index.shape[:-1] + shape[depth:])], reduction=how)


@rule("Pad")
def pad(m: Maker) -> Call:
    mode = m.pick(["constant", "constant", "reflect", "edge"] + (["wrap"] if m.opset >= 19 else []))
    kinds = None if m.opset >= 11 else FLOATS
    x = m.tensor(m.type("Pad", among=kinds), lambda v: len(v.shape) > 0, zero=mode == "constant")
    shape = m.array(x).shape
    axes = m.axes(len(shape)) if m.opset >= 18 and m.chance(0.4) else list(range(len(shape)))

    def amount(d: int) -> int:
        most = {"reflect": d - 1, "wrap": d}.get(mode, 3)
        return m.integer(-1 if mode == "constant" and d > 2 and m.chance(0.2) else 0, max(0, min(3, most)))

    pads = [amount(shape[a]) for a in axes] + [amount(shape[a]) for a in axes]
    if m.opset < 11:
        return m.call("Pad", [x], mode=mode, pads=pads, value=m.maybe(1.5))
    value = m.like(x, ()) if mode == "constant" and m.chance(0.5) else None
    named = m.constants(axes) if len(axes) < len(shape) or m.opset >= 18 and m.chance(0.2) else None
    if axes != list(range(len(shape))) and named is None:
        named = m.constants(axes)
    return m.call(
        "Pad",
        [x, m.constants(pads), value, named],
        mode=m.maybe(mode, 0 if mode == "constant" and m.chance(0.5) else 1),
    )


@rule("Tile")
def tile(m: Maker) -> Call:
    x = m.tensor(m.type("Tile"), lambda v: len(v.shape) > 0)
    return m.call("Tile", [x, m.constants([m.weighted({0: 0.2, 1: 4, 2: 3, 3: 1}) for _ in m.array(x).shape])])


@rule("DepthToSpace", "SpaceToDepth")
def depth_to_space(m: Maker, op: str) -> Call:
    b = m.integer(1, 3)
    kind = m.type(op)
    shape = (
        (m.integer(1, 2), b * b * m.integer(1, 3), m.dim(), m.dim())
        if op == "DepthToSpace"
        else (1, m.integer(1, 3), b * m.integer(1, 3), b * m.integer(1, 3))
    )
    fits = lambda v: (
        len(v.shape) == 4
        and (v.shape[1] % (b * b) == 0 if op == "DepthToSpace" else v.shape[2] % b == 0 and v.shape[3] % b == 0)
    )
    found = m.chance(0.6) and next((v for v in m.values if v.type == kind and fits(v)), None)
    x = found.name if found else m.tensor(kind, shape=shape)
    mode = m.maybe(m.pick(["DCR", "CRD"])) if op == "DepthToSpace" and m.opset >= 11 else None
    return m.call(op, [x], blocksize=b, mode=mode)


@rule("ReverseSequence")
def reverse_sequence(m: Maker) -> Call:
    x = m.tensor(m.type("ReverseSequence"), lambda v: len(v.shape) > 1 and 0 not in v.shape[:2], rank=None, zero=False)
    time, batch = m.pick([(0, 1), (1, 0)])
    shape = m.array(x).shape
    lengths = [m.integer(1, shape[time]) for _ in range(shape[batch])]
    return m.call("ReverseSequence", [x, m.leaf(np.array(lengths, np.int64))], time_axis=time, batch_axis=batch)


@rule("Trilu")
def trilu(m: Maker) -> Call:
    x = m.tensor(m.type("Trilu"), lambda v: len(v.shape) > 1)
    k = m.constants(m.integer(-4, 4)) if m.chance(0.6) else None
    return m.call("Trilu", [x, k], upper=m.maybe(m.integer(0, 1)))


@rule("CenterCropPad")
def center_crop_pad(m: Maker) -> Call:
    x = m.tensor(m.type("CenterCropPad"), lambda v: len(v.shape) > 0, zero=False)
    rank = m.array(x).ndim
    axes = m.axes(rank) if m.chance(0.5) else None
    return m.call("CenterCropPad", [x, m.constants([m.integer(1, 6) for _ in axes or range(rank)])], axes=axes)


@rule("TensorScatter")
def tensor_scatter(m: Maker) -> Call:
    shape = m.shape(m.integer(3, 4), zero=False)
    x = m.tensor(m.type("TensorScatter"), shape=shape)
    axis = m.integer(1, len(shape) - 1)
    update = list(shape)
    update[axis] = m.integer(1, shape[axis])
    circular = m.chance(0.4)
    last = shape[axis] - 1 if circular else shape[axis] - update[axis]
    where = m.leaf(np.array([m.integer(0, last) for _ in range(shape[0])], np.int64)) if m.chance(0.7) else None
    axis = axis - len(shape) if m.chance(0.5) else axis
    return m.call(
        "TensorScatter",
        [x, m.like(x, update), where],
        axis=axis if axis != -2 else m.maybe(-2),
        mode="circular" if circular else m.maybe("linear"),
    )
