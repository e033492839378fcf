"""Rules of operators on sequences and on texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from .maker import FLOATS, INTEGERS, NUMBERS, Call, Maker, Unfit, Value, rule


def sequence(m: Maker, least: int = 0, concatenable: bool = False) -> Value:
    """A sequence that was there, or a run-time input."""

    def good(v: Value) -> bool:
        if not isinstance(v.array, list) or len(v.array) < least:
            return False
        return not concatenable or len({x.ndim for x in v.array}) == 1 and v.array[0].ndim > 0

    found = [v for v in m.values if good(v)]
    if found and m.chance(0.9):
        return found[-1] if m.chance(0.6) else m.pick(found)
    kind = m.pick(["float", "float", "int64", "double"])
    shape = m.shape(m.integer(1, 3))
    items: list[Any] = [
        m.data(kind, shape if concatenable or m.chance(0.5) else m.shape(len(shape)))
        for _ in range(m.integer(max(least, 1), 3))
    ]
    return m.find(m.leaf(items, False))


def position(m: Maker, low: int, high: int) -> str:
    return m.constants(m.integer(low, high), m.pick([np.int64, np.int32]))


@rule("SequenceConstruct")
def sequence_construct(m: Maker) -> Call:
    x = m.tensor(m.type("SequenceConstruct"))
    kind = m.find(x).type
    others = [m.tensor(kind, rank=m.array(x).ndim if m.chance(0.7) else None) for _ in range(m.integer(0, 3))]
    return m.call("SequenceConstruct", [x, *others])


@rule("SequenceEmpty")
def sequence_empty(m: Maker) -> Call:
    return m.call("SequenceEmpty", [], dtype=m.maybe(NUMBERS["float"]))


@rule("SequenceInsert")
def sequence_insert(m: Maker) -> Call:
    v = sequence(m)
    n = len(v.array)
    if n == 0 and not any(node.proto.op_type == "SequenceEmpty" and v.name in node.writes for node in m.nodes):
        raise Unfit("nothing says of what type the elements were")
    kind = m.kind_of(v.array[0]) if n else "float"
    return m.call("SequenceInsert", [v.name, m.tensor(kind), position(m, -n, n) if m.chance(0.7) else None])


@rule("SequenceErase")
def sequence_erase(m: Maker) -> Call:
    v = sequence(m, 1)
    n = len(v.array)
    return m.call("SequenceErase", [v.name, position(m, -n, n - 1) if m.chance(0.7) else None])


@rule("SequenceAt")
def sequence_at(m: Maker) -> Call:
    v = sequence(m, 1)
    return m.call("SequenceAt", [v.name, position(m, -len(v.array), len(v.array) - 1)])


@rule("SequenceLength")
def sequence_length(m: Maker) -> Call:
    return m.call("SequenceLength", [sequence(m).name])


@rule("SplitToSequence")
def split_to_sequence(m: Maker) -> Call:
    x = m.tensor(m.type("SplitToSequence"), lambda v: len(v.shape) > 0, zero=False)
    shape = m.array(x).shape
    axis = m.axis(len(shape))
    size = shape[axis]
    how = m.pick(["none", "scalar", "list"])
    sizes = None
    if how == "scalar":
        sizes = m.constants(m.integer(1, size))
    elif how == "list":
        cuts = sorted(m.integer(0, size) for _ in range(m.integer(0, 2)))
        sizes = m.constants([int(b - a) for a, b in zip([0, *cuts], [*cuts, size])])
    return m.call(
        "SplitToSequence",
        [x, sizes],
        axis=m.maybe(axis, 1 if axis % len(shape) else 0.5),
        keepdims=m.maybe(m.integer(0, 1)),
    )


@rule("ConcatFromSequence")
def concat_from_sequence(m: Maker) -> Call:
    v = sequence(m, 1, True)
    shapes = [x.shape for x in v.array]
    rank = len(shapes[0])
    if len(set(shapes)) == 1 and m.chance(0.5):
        return m.call("ConcatFromSequence", [v.name], axis=m.integer(-rank - 1, rank), new_axis=1)
    fit = [a for a in range(rank) if len({s[:a] + s[a + 1 :] for s in shapes}) == 1]
    if not fit:
        raise Unfit("no axis to join")
    axis = m.pick(fit)
    return m.call("ConcatFromSequence", [v.name], axis=axis - rank if m.chance(0.4) else axis, new_axis=m.maybe(0))


@rule("SequenceMap")
def sequence_map(m: Maker) -> Call:
    v = sequence(m, 1)
    kind = m.kind_of(v.array[0])
    if kind not in FLOATS + INTEGERS or kind.startswith("u"):
        raise Unfit("numbers are needed")
    inside, middle, outside = m.fresh(), m.fresh(), m.fresh()
    nodes = [helper.make_node("Abs", [inside], [middle]), helper.make_node("Neg", [middle], [outside])]
    infos = [helper.make_tensor_value_info(name, NUMBERS[kind], None) for name in (inside, outside)]
    return m.call("SequenceMap", [v.name], body=helper.make_graph(nodes, "body", infos[:1], infos[1:]))


# -- texts


@rule("StringConcat")
def string_concat(m: Maker) -> Call:
    x = m.tensor("string")
    return m.call("StringConcat", [x, m.like(x)])


@rule("StringSplit")
def string_split(m: Maker) -> Call:
    x = m.tensor("string", zero=False)
    return m.call("StringSplit", [x], 2, delimiter=m.maybe(m.pick([" ", "a", "th"])), maxsplit=m.maybe(m.integer(0, 2)))


@rule("StringNormalizer")
def string_normalizer(m: Maker) -> Call:
    n = m.integer(1, 6)
    x = m.tensor("string", shape=(n,) if m.chance(0.6) else (1, n))
    words = ["the", "of", "cat"] if m.chance(0.5) else None
    return m.call(
        "StringNormalizer",
        [x],
        case_change_action=m.maybe(m.pick(["NONE", "LOWER", "UPPER"])),
        is_case_sensitive=m.maybe(m.integer(0, 1)),
        stopwords=words,
    )


@rule("RegexFullMatch")
def regex_full_match(m: Maker) -> Call:
    pattern = m.pick(["[a-z]+", ".*", "c.t|of", "-?[0-9]+(\\.[0-9]*)?", "[^a]*", "(A|t)( |h).?"])
    return m.call("RegexFullMatch", [m.tensor("string")], pattern=pattern)


@rule("TfIdfVectorizer")
def tfidf(m: Maker) -> Call:
    x = m.tensor(m.pick(["int64", "int32"]), shape=m.shape(m.integer(1, 2), zero=False), low=0, high=5)
    ones, twos = [1, 2, 3], [1, 2, 2, 4]
    count = len(ones) + len(twos) // 2
    longest = m.integer(1, 2)
    return m.call("TfIdfVectorizer", [x], mode=m.pick(["TF", "IDF", "TFIDF"]), min_gram_length=m.integer(1, longest), max_gram_length=longest,
                  max_skip_count=m.integer(0, 1), ngram_counts=[0, len(ones)], ngram_indexes=[int(i) for i in m.rng.permutation(count)],
                  pool_int64s=ones + twos, weights=m.maybe([float(x) / 4 for x in m.rng.integers(1, 9, count)]))  # fmt: skip
