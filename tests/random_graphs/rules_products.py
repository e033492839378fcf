"""Rules of matrix products, convolutions, pooling, quantization and images."""

from __future__ import annotations

import numpy as np

from .maker import FLOATS, NUMPY, Call, Maker, Unfit, finite, rule


@rule("MatMul")
def matmul(m: Maker) -> Call:
    x = m.tensor(m.type("MatMul"), lambda v: len(v.shape) > 0)
    shape = m.array(x).shape
    left = m.chance(0.7)
    if left:
        inner = shape[-1]
        other = [inner, m.dim()] if m.chance(0.85) else [inner]
    else:
        inner = shape[-2] if len(shape) > 1 else shape[0]
        other = [m.dim(), inner] if m.chance(0.85) else [inner]
    if len(other) == 2 and len(shape) > 2 and m.chance(0.5):
        other = list(m.broadcastable(shape[:-2])) + other
    if np.prod(other) > 4000:
        raise Unfit("large")
    y = m.tensor(m.find(x).type, shape=other)
    return m.call("MatMul", [x, y] if left else [y, x])


@rule("Gemm")
def gemm(m: Maker) -> Call:
    kind = m.type("Gemm")
    x = m.tensor(kind, rank=2)
    ta, tb = m.integer(0, 1), m.integer(0, 1)
    rows, k = m.array(x).shape[::-1] if ta else m.array(x).shape
    n = m.dim()
    y = m.tensor(kind, shape=(n, k) if tb else (k, n))
    c = None
    if m.opset < 11 or m.chance(0.7):
        c = m.like(x, m.pick([(rows, n), (n,), (1, n), (rows, 1), (1,), ()]))
    numbers = {"alpha": m.maybe(0.5), "beta": m.maybe(2.0)} if kind in FLOATS else {}
    return m.call("Gemm", [x, y, c], transA=ta or None, transB=tb or m.maybe(0), **numbers)


@rule("Einsum")
def einsum(m: Maker) -> Call:
    equation = m.pick(["ij,jk->ik", "bij,bjk->bik", "ij->ji", "ii->i", "ij->", "i,j->ij", "bhid,bhjd->bhij", "...ij,...jk->...ik",
                       "ij,ij->i", "ijk->k", "ij,jk,kl->il", "...i->...", "ij,jk", "bi,bj->bij", "ii", "i,i->", "ijk,jil->kl", "b...,b...->..."])  # fmt: skip
    sizes: dict[str, int] = {}
    dots = m.shape(m.integer(0, 2), zero=False)
    kind = m.type("Einsum", among=(*FLOATS, "int32", "int64"))
    names = []
    for term in equation.split("->")[0].split(","):
        lead = dots if "..." in term else ()
        letters = term.replace("...", " ")
        shape: list[int] = []
        for c in letters:
            shape += lead if c == " " else [sizes.setdefault(c, m.integer(1, 5))]
        names.append(m.tensor(kind, shape=shape))
    return m.call("Einsum", names, equation=equation)


def quantized(m: Maker, kind: str, shape: tuple[int, ...], signed: bool = True) -> str:
    return m.tensor(kind, shape=shape, low=-20 if signed else 0, high=20)


def zero_point(m: Maker, kind: str, shape: tuple[int, ...] = ()) -> str:
    return m.leaf(m.data(kind, shape, -3 if kind[0] == "i" else 0, 5), m.chance(0.85))


def scale(m: Maker, dtype: str = "float", shape: tuple[int, ...] = ()) -> str:
    powers = np.ldexp(1.0, m.rng.integers(-3, 1, shape))
    odd = m.rng.uniform(0.05, 0.6, shape)
    return m.leaf(np.asarray(powers if m.chance(0.7) else odd).astype(NUMPY[dtype]), m.chance(0.85))


@rule("MatMulInteger")
def matmul_integer(m: Maker) -> Call:
    a, b = m.type("MatMulInteger", 0), m.type("MatMulInteger", 1)
    lead = m.shape(m.integer(0, 2), zero=False)
    rows, k, n = m.dim(), m.dim(), m.dim()
    x, y = quantized(m, a, (*lead, rows, k)), quantized(m, b, (k, n))
    zx = zero_point(m, a, m.pick([(), (1,)])) if m.chance(0.6) else None
    zy = zero_point(m, b, m.pick([(), (1,), (n,)])) if m.chance(0.6) else None
    return m.call("MatMulInteger", [x, y, zx, zy])


@rule("QLinearMatMul")
def qlinear_matmul(m: Maker) -> Call:
    a, b, y = (m.type("QLinearMatMul", w, ("int8", "uint8")) for w in ("T1", "T2", "T3"))
    s = m.type("QLinearMatMul", "TS") if m.opset >= 21 else "float"
    lead = m.shape(m.integer(0, 1), zero=False)
    rows, k, n = m.integer(1, 8), m.integer(1, 9), m.integer(1, 8)
    per = (n,) if m.chance(0.3) else ()
    return m.call("QLinearMatMul", [quantized(m, a, (*lead, rows, k)), scale(m, s), zero_point(m, a), quantized(m, b, (*lead, k, n)),
                                    scale(m, s, per if not lead else ()), zero_point(m, b, per if not lead else ()), scale(m, s), zero_point(m, y)])  # fmt: skip


@rule("QuantizeLinear")
def quantize(m: Maker) -> Call:
    x = m.tensor(m.type("QuantizeLinear", 0, (*FLOATS, "int32")))
    shape, kind = m.array(x).shape, m.find(x).type
    outputs = [t for t in m.types("QuantizeLinear", 2) if t in ("int8", "uint8") or m.chance(0.2)]
    to = m.pick(outputs or ["uint8"])
    of_scale = kind if m.opset >= 19 and kind in FLOATS else "float"
    inputs, attributes = scales(m, "QuantizeLinear", shape, of_scale, to)
    if attributes.get("no_zero"):
        if m.opset >= 21 and to != "uint8":
            attributes["output_dtype"] = None
    attributes.pop("no_zero", None)
    return m.call("QuantizeLinear", [x, *inputs], **attributes)


@rule("DequantizeLinear")
def dequantize(m: Maker) -> Call:
    kind = m.type("DequantizeLinear", 0, ("int8", "uint8", "int32", "int16", "uint16", "int4", "uint4", "float8e4m3fn"))
    x = m.tensor(kind, low=-20, high=20)
    of_scale = m.pick([t for t in m.types("DequantizeLinear", 1) if t in FLOATS]) if m.opset >= 19 else "float"
    inputs, attributes = scales(m, "DequantizeLinear", m.array(x).shape, of_scale, kind)
    attributes.pop("no_zero", None)
    return m.call("DequantizeLinear", [x, *inputs], **attributes)


def scales(m: Maker, op: str, shape: tuple[int, ...], kind: str, zero: str):
    """Scale and zero point: one, one a slice of an axis, or one a block of an axis."""
    how = m.pick(["one", "one", "axis", "block"])
    shape_of, attributes = (), {}
    if how == "axis" and m.opset >= 13 and len(shape) > 0:
        axis = m.axis(len(shape))
        shape_of, attributes = (shape[axis],), {"axis": axis}
    elif how == "block" and m.opset >= 21 and len(shape) > 1 and 0 not in shape:
        axis = m.axis(len(shape))
        block = m.integer(1, shape[axis])
        blocks = -(-shape[axis] // block)
        if -(-shape[axis] // blocks) > block or (
            blocks > 1 and not shape[axis] / blocks <= block <= (shape[axis] - 1) // (blocks - 1)
        ):
            raise Unfit("no such blocks")
        of = list(shape)
        of[axis] = blocks
        shape_of, attributes = tuple(of), {"axis": axis, "block_size": block}
    float8 = zero.startswith("float")
    point = None
    if m.chance(0.7) or zero not in ("uint8",) and op == "QuantizeLinear":
        point = (
            m.leaf(np.zeros(shape_of, NUMPY[zero]), True)
            if float8 or zero == "int32"
            else zero_point(m, zero, shape_of)
        )
    return [scale(m, kind, shape_of), point], attributes | {"no_zero": point is None}


@rule("DynamicQuantizeLinear")
def dynamic_quantize(m: Maker) -> Call:
    return m.call("DynamicQuantizeLinear", [m.tensor("float", zero=False)], 3)


# -- windows


def windows(m: Maker, spatial: tuple[int, ...], dilations: bool, kernel: list[int] | None = None):
    """kernel_shape, strides, pads or auto_pad, dilations that fit an image."""
    n = len(spatial)
    kernel = kernel or [m.integer(1, min(3, d)) for d in spatial]
    attributes = {"kernel_shape": kernel, "strides": m.maybe([m.weighted({1: 3, 2: 2, 3: 0.5}) for _ in range(n)])}
    attributes["dilations"] = m.maybe([m.weighted({1: 3, 2: 1}) for _ in range(n)], 0.4) if dilations else None
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, attributes["dilations"] or [1] * n)]
    mode = m.weighted({"none": 3, "pads": 5, "NOTSET": 0.3, "SAME_UPPER": 0.7, "SAME_LOWER": 0.7, "VALID": 0.7})
    pads = [0] * (2 * n)
    if mode in ("pads", "NOTSET"):
        pads = [m.integer(0, extent[i % n] - 1) for i in range(2 * n)]
        attributes["pads"] = pads
    if mode not in ("none", "pads"):
        attributes["auto_pad"] = mode
    if mode.startswith("SAME"):
        attributes["dilations"] = None  # ONNX Runtime pads for a window without them, the evaluator for another
    if not mode.startswith("SAME") and any(s + pads[i] + pads[i + n] < extent[i] for i, s in enumerate(spatial)):
        raise Unfit("the image is smaller than the window")
    return attributes


def image(
    m: Maker, kind: str, ranks: tuple[int, ...] = (1, 2, 2, 2, 3), channels: int | None = None, least: int = 1
) -> str:
    n = m.pick(ranks)
    fits = lambda v: (
        len(v.shape) - 2 in ranks
        and 0 not in v.shape
        and (channels is None or v.shape[1] == channels)
        and min(v.shape[2:]) >= least
    )
    shape = (
        m.integer(1, 2),
        channels or m.pick([1, 2, 3, 4, 6, 8, 16, 17]),
        *(m.integer(least, {1: 20, 2: 9, 3: 5}[n]) for _ in range(n)),
    )
    found = [v for v in m.values if v.type == kind and fits(v) and finite(v.array)] if m.chance(0.8) else []
    return found[-1].name if found else m.tensor(kind, shape=shape)


@rule("Conv")
def conv(m: Maker) -> Call:
    kind = m.type("Conv")
    x = image(m, kind)
    shape = m.array(x).shape
    groups = m.pick([g for g in range(1, shape[1] + 1) if shape[1] % g == 0]) if m.chance(0.4) else 1
    attributes = windows(m, shape[2:], True)
    out = groups * m.integer(1, 4 if groups == 1 else 2)
    w = m.tensor(
        kind, shape=(out, shape[1] // groups, *attributes["kernel_shape"]), low=-2, high=2, constant=m.chance(0.8)
    )
    b = m.tensor(kind, shape=(out,), constant=m.chance(0.8)) if m.chance(0.6) else None
    if m.chance(0.5):
        attributes.pop("kernel_shape")
    return m.call("Conv", [x, w, b], group=groups if groups > 1 else m.maybe(1), **attributes)


@rule("ConvTranspose")
def conv_transpose(m: Maker) -> Call:
    kind = m.type("ConvTranspose")
    x = image(m, kind)
    shape = m.array(x).shape
    n = len(shape) - 2
    groups = m.pick([g for g in range(1, shape[1] + 1) if shape[1] % g == 0]) if m.chance(0.3) else 1
    kernel = [m.integer(1, 3) for _ in range(n)]
    strides = [m.integer(1, 3) for _ in range(n)]
    dilations = m.maybe([m.integer(1, 2) for _ in range(n)], 0.3)
    attributes = {"strides": strides, "dilations": dilations}
    if m.chance(0.4):
        attributes["pads"] = [m.integer(0, kernel[i % n] - 1) for i in range(2 * n)]
    elif m.chance(0.3):
        attributes["auto_pad"] = m.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
    if m.chance(0.3):
        attributes["output_padding"] = [m.integer(0, s - 1) for s in strides]
    elif m.chance(0.2) and not attributes.get("pads"):
        attributes.pop("auto_pad", None)
        attributes["output_shape"] = [d * s + m.integer(0, s - 1) for d, s in zip(shape[2:], strides)]
    w = m.tensor(kind, shape=(shape[1], m.integer(1, 3), *kernel), low=-2, high=2, constant=m.chance(0.8))
    b = m.tensor(kind, shape=(m.array(w).shape[1] * groups,)) if m.chance(0.5) else None
    return m.call("ConvTranspose", [x, w, b], group=groups if groups > 1 else None, **attributes)


@rule("ConvInteger", "QLinearConv")
def conv_integer(m: Maker, op: str) -> Call:
    a, b = ("uint8", "uint8") if m.chance(0.5) else (m.pick(["uint8", "int8"]), m.pick(["uint8", "int8"]))
    x = image(m, a)
    shape = m.array(x).shape
    groups = m.pick([g for g in range(1, shape[1] + 1) if shape[1] % g == 0]) if m.chance(0.3) else 1
    attributes = windows(m, shape[2:], True)
    out = groups * m.integer(1, 3)
    w = m.tensor(
        b, shape=(out, shape[1] // groups, *attributes["kernel_shape"]), low=-5, high=5, constant=m.chance(0.85)
    )
    attributes["group"] = groups if groups > 1 else None
    if op == "ConvInteger":
        return m.call(
            op,
            [x, w, zero_point(m, a) if m.chance(0.6) else None, zero_point(m, b) if m.chance(0.5) else None],
            **attributes,
        )
    y = a
    per = (out,) if m.chance(0.4) else ()
    bias = m.tensor("int32", shape=(out,), constant=True) if m.chance(0.5) else None
    zero = m.leaf(np.zeros(per, NUMPY[b]), True) if per or b == "int8" else zero_point(m, b)
    return m.call(
        op,
        [x, scale(m), zero_point(m, a), w, scale(m, shape=per), zero, scale(m), zero_point(m, y), bias],
        **attributes,
    )


@rule("MaxPool", "AveragePool", "LpPool")
def pool(m: Maker, op: str) -> Call:
    x = image(m, m.type(op, among=(*FLOATS, "int8", "uint8")))
    spatial = m.array(x).shape[2:]
    dilations = {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op] <= m.opset
    attributes = windows(m, spatial, dilations)
    if (
        not str(attributes.get("auto_pad", "")).startswith("SAME")
        and {"MaxPool": 10, "AveragePool": 10, "LpPool": 18}[op] <= m.opset
    ):
        attributes["ceil_mode"] = m.maybe(m.integer(0, 1), 0.4)
    outputs = 1
    if op == "MaxPool":
        outputs = m.pick([1, 1, 2])
        attributes["storage_order"] = m.maybe(m.integer(0, 1), 0.3) if outputs == 2 else None
    elif op == "AveragePool":
        attributes["count_include_pad"] = m.maybe(m.integer(0, 1))
    else:
        attributes["p"] = m.maybe(m.integer(1, 3))
    return m.call(op, [x], outputs, **attributes)


@rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(m: Maker, op: str) -> Call:
    return m.call(op, [image(m, m.type(op))], p=m.maybe(m.integer(1, 3)) if op == "GlobalLpPool" else None)


@rule("DeformConv")
def deform_conv(m: Maker) -> Call:
    kind = m.type("DeformConv")
    x = image(m, kind, (2,), least=3)
    n, c, h, w = m.array(x).shape
    kh, kw = m.integer(1, 2), m.integer(1, 3)
    groups = m.pick([g for g in (1, 2) if c % g == 0])
    offsets = m.pick([g for g in (1, 2) if c % g == 0])
    strides = [m.integer(1, 2), m.integer(1, 2)]
    pads = [m.integer(0, 1) for _ in range(4)]
    oh, ow = (h + pads[0] + pads[2] - kh) // strides[0] + 1, (w + pads[1] + pads[3] - kw) // strides[1] + 1
    weight = m.tensor(kind, shape=(groups * m.integer(1, 2), c // groups, kh, kw))
    offset = m.leaf(m.data(kind, (n, offsets * kh * kw * 2, oh, ow), -1.2, 1.3))
    b = m.like(x, (m.array(weight).shape[0],)) if m.chance(0.5) else None
    mask = m.leaf(m.data(kind, (n, offsets * kh * kw, oh, ow), 0, 1)) if m.chance(0.5) else None
    return m.call(
        "DeformConv",
        [x, weight, offset, b, mask],
        group=groups,
        offset_group=offsets,
        strides=strides,
        pads=pads,
        kernel_shape=m.maybe([kh, kw]),
    )


@rule("MaxRoiPool")
def max_roi_pool(m: Maker) -> Call:
    x = image(m, m.type("MaxRoiPool", among=("float", "double")), (2,), least=4)
    n, _, h, w = m.array(x).shape
    boxes = [[m.integer(0, n - 1), *sorted_pair(m, w), *sorted_pair(m, h)] for _ in range(m.integer(1, 3))]
    rois = np.array([[b, x0, y0, x1, y1] for b, x0, x1, y0, y1 in boxes], m.array(x).dtype)
    return m.call(
        "MaxRoiPool", [x, m.leaf(rois)], pooled_shape=[m.integer(1, 3), m.integer(1, 3)], spatial_scale=m.maybe(1.0)
    )


def sorted_pair(m: Maker, size: int) -> list[int]:
    return sorted([m.integer(0, size - 1), m.integer(0, size - 1)])


@rule("RoiAlign")
def roi_align(m: Maker) -> Call:
    kind = m.type("RoiAlign")
    x = image(m, kind, (2,), least=4)
    n, _, h, w = m.array(x).shape
    count = m.integer(1, 3)
    low = m.rng.uniform(0, 2, (count, 2))
    rois = np.concatenate([low, low + m.rng.uniform(0.5, 2, (count, 2))], 1).astype(NUMPY[kind])
    mode = m.maybe(m.pick(["half_pixel", "output_half_pixel"])) if m.opset >= 16 else None
    return m.call("RoiAlign", [x, m.leaf(rois), m.leaf(np.array([m.integer(0, n - 1) for _ in range(count)], np.int64))], mode=m.maybe(m.pick(["avg", "max"])),
                  output_height=m.integer(1, 3), output_width=m.integer(1, 3), sampling_ratio=m.integer(0, 2), spatial_scale=m.pick([1.0, 0.5]),
                  coordinate_transformation_mode=mode)  # fmt: skip


@rule("Resize")
def resize(m: Maker) -> Call:
    if m.opset < 10:
        raise Unfit("later")
    x = image(m, m.type("Resize", among=FLOATS if m.chance(0.8) else None), (1, 2, 2, 3))
    shape = m.array(x).shape
    mode = m.pick(["nearest", "linear", "cubic"] if m.opset >= 11 and len(shape) == 4 else ["nearest", "linear"])
    factors = [1.0, 1.0, *(m.pick([0.5, 1.0, 1.5, 2.0, 3.0]) for _ in shape[2:])]
    if any(int(d * f) == 0 for d, f in zip(shape, factors)):
        raise Unfit("nothing left")
    if m.opset < 11:
        return m.call("Resize", [x, m.constants(factors, np.float32)], mode=mode)
    transform = m.pick(
        ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
        + (["half_pixel_symmetric"] if m.opset >= 19 else [])
    )
    if mode != "nearest" and m.find(x).type not in FLOATS:
        raise Unfit("nobody says how integers between two are rounded")
    attributes = {"mode": mode, "coordinate_transformation_mode": transform if m.chance(0.8) else None}
    if mode == "nearest":
        attributes["nearest_mode"] = m.maybe(m.pick(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]))
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": m.maybe(-0.5), "exclude_outside": m.maybe(m.integer(0, 1), 0.3)}
    if m.opset >= 18 and mode != "nearest":
        attributes["antialias"] = m.maybe(m.integer(0, 1), 0.3)
    kind = m.find(x).type
    roi = (
        m.leaf(np.zeros(0, NUMPY[kind] if kind in ("float", "double", "float16") else np.float32), True)
        if m.opset < 13
        else None
    )
    if m.opset >= 18 and m.chance(0.3):
        axes = sorted(int(a) for a in m.rng.permutation(np.arange(2, len(shape)))[: m.integer(1, len(shape) - 2)])
        attributes["axes"] = axes
        factors = [factors[a] for a in axes]
        shape = tuple(shape[a] for a in axes)
        if m.chance(0.4):
            attributes["keep_aspect_ratio_policy"] = m.pick(["stretch", "not_larger", "not_smaller"])
            return m.call("Resize", [x, roi, None, m.constants([m.integer(1, 2 * d) for d in shape])], **attributes)
    if m.chance(0.5):
        return m.call("Resize", [x, roi, m.constants(factors, np.float32)], **attributes)
    empty = m.leaf(np.zeros(0, np.float32), True) if m.opset < 13 else None
    return m.call("Resize", [x, roi, empty, m.constants([int(d * f) for d, f in zip(shape, factors)])], **attributes)


@rule("Upsample")
def upsample(m: Maker) -> Call:
    x = image(m, "float", (2,))
    factors = [1.0, 1.0, m.pick([1.0, 2.0, 3.0]), m.pick([1.0, 2.0, 3.0])]
    mode = m.pick(["nearest", "linear"])
    if m.opset < 9:
        return m.call("Upsample", [x], mode=mode, scales=factors)
    return m.call("Upsample", [x, m.constants(factors, np.float32)], mode=mode)


@rule("GridSample")
def grid_sample(m: Maker) -> Call:
    ranks = (2, 2, 3) if m.opset >= 20 else (2,)
    x = image(m, m.type("GridSample", among=FLOATS), ranks, least=2)
    n, _, *spatial = m.array(x).shape
    names = (
        {"linear": "bilinear", "cubic": "bicubic", "nearest": "nearest"}
        if m.opset < 20
        else {k: k for k in ("linear", "cubic", "nearest")}
    )
    mode = m.pick(list(names.values()) if len(spatial) == 2 else ["linear", "nearest"])
    grid = m.data(
        m.type("GridSample", 1, FLOATS) if m.opset >= 99 else m.find(x).type,
        (n, *(m.integer(1, 4) for _ in spatial), len(spatial)),
        -1.2,
        1.2,
    )
    return m.call(
        "GridSample",
        [x, m.leaf(grid)],
        mode=mode,
        padding_mode=m.maybe(m.pick(["zeros", "border", "reflection"])),
        align_corners=m.maybe(m.integer(0, 1)),
    )


@rule("AffineGrid")
def affine_grid(m: Maker) -> Call:
    n, d = m.integer(1, 2), m.pick([2, 2, 3])
    theta = m.leaf(m.data(m.type("AffineGrid"), (n, d, d + 1), -1, 1))
    corners = m.maybe(m.integer(0, 1))
    sizes = [m.integer(2 if corners else 1, 4) for _ in range(d)]  # one pixel has no two corners
    return m.call("AffineGrid", [theta, m.constants([n, m.integer(1, 3), *sizes])], align_corners=corners)


@rule("Col2Im")
def col2im(m: Maker) -> Call:
    h, w, kh, kw = m.integer(2, 6), m.integer(2, 6), m.integer(1, 2), m.integer(1, 2)
    blocks = (h - kh + 1) * (w - kw + 1)
    x = m.tensor(m.type("Col2Im", among=FLOATS), shape=(m.integer(1, 2), m.integer(1, 3) * kh * kw, blocks))
    return m.call("Col2Im", [x, m.constants([h, w]), m.constants([kh, kw])])


@rule("MaxUnpool")
def max_unpool(m: Maker) -> Call:
    kind = m.type("MaxUnpool")
    h, w, c = m.integer(1, 3), m.integer(1, 3), m.integer(1, 2)
    x = m.tensor(kind, shape=(1, c, h, w))
    places = np.stack([m.rng.permutation(4 * h * w)[: h * w] + i * 4 * h * w for i in range(c)]).reshape(1, c, h, w)
    size = m.constants([1, c, 2 * h, 2 * w]) if m.chance(0.4) else None
    return m.call("MaxUnpool", [x, m.leaf(places.astype(np.int64)), size], kernel_shape=[2, 2], strides=[2, 2])
