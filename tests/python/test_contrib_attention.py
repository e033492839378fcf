"""ONNX Runtime's operators of attention, against its kernels."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
from contrib_testing import Case, check, integers, normal, scalar

INT = np.int32


def masks(batch, length, total):
    """Every form of a mask of integers."""
    keep = integers(0, 2, (batch, total), INT)
    keep[:, 0] = 1
    yield keep
    yield integers(0, 2, (batch, length, total), INT)
    ends = integers(1, total + 1, (batch,), INT)
    yield ends
    yield np.concatenate([ends, np.minimum(ends - 1, integers(0, 2, (batch,), INT))]).astype(INT)


def attentions():
    b, s, d, heads, size = 2, 4, 6, 2, 4
    x, w, bias = normal(b, s, d), normal(d, 3 * heads * size), normal(3 * heads * size)
    attributes = {"num_heads": heads}
    yield Case("Attention", [x, w, bias], attributes)
    yield Case("Attention", [x, w, bias], {**attributes, "scale": 0.3})
    yield Case("Attention", [x, w, bias], {**attributes, "unidirectional": 1}, "xx")
    for mask in masks(b, s, s):
        for causal in (0, 1):
            yield Case("Attention", [x, w, bias, mask], {**attributes, "unidirectional": causal})
    yield Case("Attention", [x, w, bias, next(masks(b, s, s))], {**attributes, "mask_filter_value": -3.0})
    scores = normal(b, heads, s, s)
    yield Case("Attention", [x, w, bias, None, None, scores], attributes)
    yield Case("Attention", [x, w, bias, next(masks(b, s, s)), None, scores[:1]], attributes)
    wide = normal(d, 2 * heads * size + heads * 3)
    sizes = [heads * size, heads * size, heads * 3]
    yield Case("Attention", [x, wide, normal(wide.shape[1])], {**attributes, "qkv_hidden_sizes": sizes})
    past = normal(2, b, heads, 3, size)
    for causal in (0, 1):
        yield Case("Attention", [x, w, bias, None, past], {**attributes, "unidirectional": causal}, "xx")
        yield Case(
            "Attention",
            [x, w, bias, integers(0, 2, (b, s + 3), INT), past],
            {**attributes, "unidirectional": causal},
            "xx",
        )
    big = np.tril(np.ones((b, 1, 16, 16), INT))
    usual = Case("Attention", [x, w, bias, big[:, 0, 3 : s + 3, : s + 3].copy(), past], attributes, "xx")
    yield Case("Attention", [x, w, bias, big, past], attributes, "xx", like=usual)
    usual = Case("Attention", [x, w, bias * 0], attributes)
    yield Case("Attention", [x, w], attributes, like=usual)
    yield Case("Attention", [x, w, bias, next(masks(b, s, s))], attributes, runtime={0: ("b", "s", d), 3: ("b", "s")})
    yield Case(
        "Attention",
        [x, w, bias, None, past],
        {**attributes, "unidirectional": 1},
        "xx",
        runtime={0: ("b", "s", d), 4: (2, "b", heads, "p", size)},
    )
    for zeros in ((None, None), (scalar(120, np.uint8), scalar(3, np.int8))):
        for causal in (0, 1):
            inputs = [
                integers(0, 255, (b, s, d), np.uint8),
                integers(-127, 127, w.shape, np.int8),
                bias,
                scalar(0.02),
                scalar(0.01),
                next(masks(b, s, s)),
                *zeros,
            ]
            yield Case("QAttention", inputs, {**attributes, "unidirectional": causal})
    inputs[5], inputs[4] = None, (normal(w.shape[1]) ** 2 / 50).astype(np.float32)
    inputs[7] = np.zeros(w.shape[1], np.int8)
    yield Case("QAttention", [*inputs, past], {**attributes, "unidirectional": 1}, "xx")


def multi_heads():
    b, s, t, heads, size = 2, 3, 5, 2, 4
    d = heads * size
    attributes = {"num_heads": heads}
    q, k, v, bias = normal(b, s, d), normal(b, t, d), normal(b, t, d), normal(3 * d)
    yield Case("MultiHeadAttention", [q, k, v], attributes)
    yield Case("MultiHeadAttention", [q, k, v, bias], {**attributes, "scale": 0.2})
    yield Case("MultiHeadAttention", [q, k, normal(b, t, heads * 3)], attributes)
    yield Case("MultiHeadAttention", [q, k[:, :s].copy(), v[:, :s].copy(), bias], {**attributes, "unidirectional": 1})
    keep = integers(0, 2, (b, t), INT)
    keep[:, 0] = 1
    yield Case("MultiHeadAttention", [q, k, v, None, keep], attributes)
    yield Case("MultiHeadAttention", [q, k, v, None, np.array([2, 4], INT)], attributes)
    yield Case("MultiHeadAttention", [q, k, v, None, integers(0, 2, (b, s, t), INT)], attributes)
    scores = normal(b, heads, s, t)
    yield Case("MultiHeadAttention", [q, k, v, None, None, scores], attributes)
    yield Case("MultiHeadAttention", [q, k, v, bias, keep, scores[:1, :1]], attributes)
    apart = [normal(b, heads, t, size), normal(b, heads, t, size)]
    yield Case("MultiHeadAttention", [q, *apart], attributes)
    yield Case("MultiHeadAttention", [q, *apart, bias], attributes)
    past = [normal(b, heads, 4, size), normal(b, heads, 4, size)]
    new = [normal(b, s, d), normal(b, s, d)]
    yield Case("MultiHeadAttention", [q, *new, None, None, None, *past], attributes, "xxx")
    yield Case("MultiHeadAttention", [q, *new, bias, None, None, *past], {**attributes, "unidirectional": 1}, "xxx")
    keep = integers(0, 2, (b, s + 4), INT)
    yield Case(
        "MultiHeadAttention",
        [q, *new, None, keep, normal(1, 1, s, s + 4), *past],
        attributes,
        "xxx",
        runtime={
            0: ("b", "s", d),
            1: ("b", "s", d),
            2: ("b", "s", d),
            6: ("b", heads, "p", size),
            7: ("b", heads, "p", size),
        },
    )
    yield Case("MultiHeadAttention", [q, *new], attributes, "xxx")
    packed = normal(b, t, heads, 3, size)
    parts = [x.reshape(b, t, d) for x in packed.transpose(3, 0, 1, 2, 4)]
    yield Case("MultiHeadAttention", [packed], attributes, like=Case("MultiHeadAttention", parts, attributes))
    pair = normal(b, t, heads, 2, size)
    parts = [q, *(x.reshape(b, t, d) for x in pair.transpose(3, 0, 1, 2, 4))]
    yield Case("MultiHeadAttention", [q, pair], attributes, like=Case("MultiHeadAttention", parts, attributes))
    one, first = normal(b, 1, d), [normal(b, 1, d), normal(b, 1, d)]
    shared = {**attributes, "past_present_share_buffer": 1}
    room = [normal(b, heads, 9, size), normal(b, heads, 9, size)]
    at = np.array([4], INT)
    mask = integers(0, 2, (b, 5), INT)
    name = "DecoderMaskedMultiHeadAttention"
    yield Case(name, [one, *first, None, None, *room, at], shared, "xxx")
    yield Case(name, [one, *first, mask, None, *room, at, None, None, bias], shared, "xxx")
    usual = Case("MultiHeadAttention", [one, *first, bias, mask, None, *past], attributes, "xxx")
    yield Case(name, [one, *first, mask, None, *past, None, None, None, bias], attributes, "xxx", like=usual)
    yield Case(name, [one, *room], attributes)


def rotations():
    cosines, sines = normal(16, 4), normal(16, 4)
    positions = integers(0, 16, (2, 3))
    flat, apart = normal(2, 3, 16), normal(2, 2, 3, 8)
    for interleaved in (0, 1):
        attributes = {"interleaved": interleaved}
        yield Case("RotaryEmbedding", [flat, positions, cosines, sines], attributes)
        yield Case("RotaryEmbedding", [flat, np.array([5]), cosines, sines], attributes)
        yield Case("RotaryEmbedding", [apart, positions, cosines, sines], attributes)
        partial = {**attributes, "rotary_embedding_dim": 4, "num_heads": 2}
        yield Case("RotaryEmbedding", [flat, positions, cosines[:, :2].copy(), sines[:, :2].copy()], partial)
    yield Case("RotaryEmbedding", [flat, np.array([5]), cosines, sines], runtime={0: ("b", "s", 16)})


def group_queries():
    """A prompt, a step, several steps at once; every option with one of them."""
    b, heads, kv, size = 2, 4, 2, 16
    cosines, sines = normal(32, size // 2), normal(32, size // 2)

    def inputs(new, past, lengths=None, batch=b, packed=False, buffer=None):
        parts = [normal(batch, new, heads * size), normal(batch, new, kv * size), normal(batch, new, kv * size)]
        if packed:
            parts = [np.concatenate(parts, -1), None, None]
        room = past if buffer is None else buffer
        cache = [normal(batch, kv, room, size), normal(batch, kv, room, size)]
        ends = np.array(lengths if lengths else [past + new] * batch, INT) - 1
        return [*parts, *cache, ends, np.array(past + new, INT)]

    base = {"num_heads": heads, "kv_num_heads": kv}
    turned = {**base, "do_rotary": 1}
    prompt = inputs(5, 0)
    prompt[3] = prompt[4] = None
    yield Case("GroupQueryAttention", prompt, base, "xxx")
    yield Case("GroupQueryAttention", [*prompt, cosines, sines], turned, "xxx")
    yield Case("GroupQueryAttention", inputs(5, 0), base, "xxx")
    yield Case("GroupQueryAttention", inputs(1, 6), base, "xxx")
    yield Case("GroupQueryAttention", [*inputs(1, 6), cosines, sines], turned, "xxx")
    yield Case("GroupQueryAttention", [*inputs(1, 6), cosines, sines], {**turned, "rotary_interleaved": 1}, "xxx")
    yield Case("GroupQueryAttention", [*inputs(1, 6), cosines[:, :8].copy(), sines[:, :8].copy()], turned, "xxx")
    yield Case("GroupQueryAttention", [*inputs(1, 6, [7, 4]), cosines, sines], turned, "xoo")
    yield Case("GroupQueryAttention", [*inputs(3, 6, batch=1), cosines, sines], turned, "xxx")
    yield Case("GroupQueryAttention", [*inputs(1, 6, packed=True), cosines, sines], {**turned, "scale": 0.3}, "xxx")
    yield Case("GroupQueryAttention", [*inputs(1, 6, buffer=12), cosines, sines], turned, "xoo")
    for window in (1, 3, 20):
        yield Case("GroupQueryAttention", inputs(1, 6), {**base, "local_window_size": window}, "xxx")
        yield Case("GroupQueryAttention", prompt, {**base, "local_window_size": window}, "xxx")
    yield Case("GroupQueryAttention", inputs(1, 6), {**base, "softcap": 1.5}, "xxx")
    yield Case("GroupQueryAttention", inputs(1, 6), {**base, "smooth_softmax": 1}, "xxx")
    nothing = [None, None]
    yield Case("GroupQueryAttention", [*inputs(1, 6), *nothing, None, normal(b, heads, 1, 7)], base, "xxx")
    yield Case(
        "GroupQueryAttention",
        [*inputs(3, 4, batch=1), *nothing, None, normal(1, 1, 3, 7)],
        {**base, "softcap": 2.0},
        "xxx",
    )
    yield Case("GroupQueryAttention", [*prompt, *nothing, None, None, normal(heads)], base, "xxx")
    yield Case(
        "GroupQueryAttention",
        [*inputs(1, 6), *nothing, None, normal(b, 1, 1, 7), normal(heads)],
        {**base, "softcap": 2.0},
        "xxx",
    )
    places = np.array([[9], [3]], np.int64)
    yield Case("GroupQueryAttention", [*inputs(1, 6), cosines, sines, places], turned, "xxx")

    def normed(x, scale):
        rows = x.reshape(*x.shape[:2], -1, size)
        rows = rows / np.sqrt((rows * rows).mean(-1, keepdims=True) + 1e-6) * scale
        return rows.reshape(x.shape).astype(np.float32)

    for given, tables, attributes in ((prompt, nothing, base), (inputs(1, 6), [cosines, sines], turned)):
        q_scale, k_scale = normal(size), normal(size)
        before = [normed(given[0], q_scale), normed(given[1], k_scale), *given[2:], *tables]
        yield Case(
            "GroupQueryAttention",
            [*given, *tables, None, None, None, None, None, q_scale, k_scale],
            attributes,
            "xxx",
            like=Case("GroupQueryAttention", before, attributes, "xxx"),
        )
    yield Case("GroupQueryAttention", inputs(3, 4, batch=1), {**base, "causal": 0}, "xxx")
    for wanted in (1, 2):
        yield Case("GroupQueryAttention", prompt, {**base, "qk_output": wanted}, "xxxx" if wanted == 2 else "xxxo")
        yield Case("GroupQueryAttention", inputs(1, 6), {**base, "qk_output": wanted}, "xxxx")
    sizes = {
        0: ("b", "s", heads * size),
        1: ("b", "s", kv * size),
        2: ("b", "s", kv * size),
        3: ("b", kv, "p", size),
        4: ("b", kv, "p", size),
        5: ("b",),
    }
    yield Case("GroupQueryAttention", [*inputs(1, 6), cosines, sines], turned, "xxx", runtime=sizes)


CASES = [*attentions(), *multi_heads(), *rotations(), *group_queries()]


@pytest.mark.parametrize("case", CASES, ids=map(str, CASES))
def test_against_onnxruntime(case):
    check(case)
