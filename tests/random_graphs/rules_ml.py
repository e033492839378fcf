"""Rules of ai.onnx.ml: classical machine learning."""

from __future__ import annotations

import numpy as np

from .maker import NUMPY, Call, Maker, Unfit, rule

ML = "ai.onnx.ml"


def ml(m: Maker, op: str, inputs: list[str], outputs: int = 1, **attributes) -> Call:
    return m.call(op, inputs, outputs, ML, **attributes)


def numbers(m: Maker, op: str, rank: int | None = 2) -> str:
    return m.tensor(m.type(op, domain=ML, among=("float", "double", "int64", "int32")), rank=rank, zero=False)


def floats(m: Maker, n: int, low: float = -2, high: float = 2) -> list[float]:
    return [float(x) for x in m.data("float", (n,), low, high)]


@rule(ML + ".Binarizer")
def binarizer(m: Maker) -> Call:
    return ml(m, "Binarizer", [numbers(m, "Binarizer", None)], threshold=m.maybe(0.5))


@rule(ML + ".Scaler")
def scaler(m: Maker) -> Call:
    x = numbers(m, "Scaler")
    n = m.array(x).shape[1]
    return ml(m, "Scaler", [x], offset=floats(m, m.pick([1, n])), scale=floats(m, m.pick([1, n]), 0.5, 2))


@rule(ML + ".Normalizer")
def normalizer(m: Maker) -> Call:
    return ml(m, "Normalizer", [numbers(m, "Normalizer")], norm=m.maybe(m.pick(["MAX", "L1", "L2"])))


@rule(ML + ".Imputer")
def imputer(m: Maker) -> Call:
    x = m.tensor("float", rank=2, zero=False)
    n = m.array(x).shape[1]
    return ml(
        m,
        "Imputer",
        [x],
        imputed_value_floats=floats(m, m.pick([1, n])),
        replaced_value_float=m.pick([0.0, 1.0, float("nan")]),
    )


@rule(ML + ".LabelEncoder")
def label_encoder(m: Maker) -> Call:
    if m.opset_ml < 2:
        raise Unfit("another form")
    if m.chance(0.5):
        x = m.tensor("int64", low=-3, high=3)
        return ml(
            m,
            "LabelEncoder",
            [x],
            keys_int64s=[0, 1, 2],
            values_strings=["zero", "b", ""],
            default_string=m.maybe("none"),
        )
    x = m.tensor("string")
    return ml(m, "LabelEncoder", [x], keys_strings=["a", "cat", ""], values_int64s=[3, -4, 7], default_int64=m.maybe(5))


@rule(ML + ".OneHotEncoder")
def one_hot_encoder(m: Maker) -> Call:
    x = m.tensor("int64", lambda v: len(v.shape) < 4, low=0, high=3)
    return ml(m, "OneHotEncoder", [x], cats_int64s=[0, 1, 3], zeros=1)


@rule(ML + ".ArrayFeatureExtractor")
def array_feature_extractor(m: Maker) -> Call:
    x = numbers(m, "ArrayFeatureExtractor")
    n = m.array(x).shape[1]
    return ml(m, "ArrayFeatureExtractor", [x, m.leaf(m.rng.integers(0, n, m.integer(1, 4)).astype(np.int64))])


@rule(ML + ".FeatureVectorizer")
def feature_vectorizer(m: Maker) -> Call:
    rows, sizes = m.integer(1, 4), [m.integer(1, 3) for _ in range(m.integer(1, 3))]
    return ml(m, "FeatureVectorizer", [m.tensor("float", shape=(rows, n)) for n in sizes], inputdimensions=sizes)


@rule(ML + ".LinearRegressor")
def linear_regressor(m: Maker) -> Call:
    x = m.tensor("float", rank=2, zero=False)
    n, targets = m.array(x).shape[1], m.integer(1, 3)
    return ml(
        m,
        "LinearRegressor",
        [x],
        coefficients=floats(m, n * targets),
        intercepts=m.maybe(floats(m, targets)),
        targets=targets,
    )


@rule(ML + ".LinearClassifier")
def linear_classifier(m: Maker) -> Call:
    x = m.tensor("float", lambda v: v.array.size and abs(v.array).max() < 5, rank=2, zero=False)
    n, classes = m.array(x).shape[1], m.integer(3, 4)
    return ml(m, "LinearClassifier", [x], 2, coefficients=floats(m, n * classes), intercepts=floats(m, classes), classlabels_ints=list(range(classes)),
              multi_class=m.maybe(m.integer(0, 1)), post_transform=m.pick(["NONE", "SOFTMAX", "LOGISTIC"]))  # fmt: skip


@rule(ML + ".SVMRegressor")
def svm_regressor(m: Maker) -> Call:
    x = m.tensor("float", rank=2, zero=False, low=-1, high=1)
    n, vectors = m.array(x).shape[1], m.integer(1, 4)
    return ml(m, "SVMRegressor", [x], coefficients=floats(m, vectors), kernel_type=m.pick(["LINEAR", "POLY", "RBF", "SIGMOID"]),
              kernel_params=[0.25, 0.5, 2.0], n_supports=vectors, rho=floats(m, 1), support_vectors=floats(m, vectors * n, -1, 1))  # fmt: skip


def tree(m: Maker, features: int, leaves_at: list[tuple[int, int]], index: int, nodes: dict[str, list]) -> None:
    """One random tree of depth two at most; its leaves are noted as (tree, node)."""

    def grow(depth: int) -> int:
        place = len([t for t in nodes["nodes_treeids"] if t == index])
        for name, value in (
            ("nodes_treeids", index),
            ("nodes_nodeids", place),
            ("nodes_missing_value_tracks_true", m.integer(0, 1)),
        ):
            nodes[name].append(value)
        at = len(nodes["nodes_modes"])
        leaf = depth == 0 or m.chance(0.2) and place > 0
        nodes["nodes_modes"].append("LEAF" if leaf else m.pick(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"]))
        nodes["nodes_featureids"].append(0 if leaf else m.integer(0, features - 1))
        nodes["nodes_values"].append(0.0 if leaf else float(m.integer(-6, 6)) / 4)
        nodes["nodes_truenodeids"].append(0)
        nodes["nodes_falsenodeids"].append(0)
        if leaf:
            leaves_at.append((index, place))
        else:
            nodes["nodes_truenodeids"][at] = grow(depth - 1)
            nodes["nodes_falsenodeids"][at] = grow(depth - 1)
        return place

    grow(2)


def forest(m: Maker, features: int) -> tuple[dict[str, list], list[tuple[int, int]]]:
    names = [
        "treeids",
        "nodeids",
        "modes",
        "featureids",
        "values",
        "truenodeids",
        "falsenodeids",
        "missing_value_tracks_true",
    ]
    nodes: dict[str, list] = {"nodes_" + name: [] for name in names}
    leaves: list[tuple[int, int]] = []
    for index in range(m.integer(1, 3)):
        tree(m, features, leaves, index, nodes)
    return nodes, leaves


@rule(ML + ".TreeEnsembleRegressor")
def tree_regressor(m: Maker) -> Call:
    if m.opset_ml >= 5:
        raise Unfit("TreeEnsemble took its place")
    x = m.tensor("float", rank=2, zero=False)
    nodes, leaves = forest(m, m.array(x).shape[1])
    targets = m.integer(1, 2)
    return ml(m, "TreeEnsembleRegressor", [x], n_targets=targets, target_treeids=[t for t, _ in leaves], target_nodeids=[n for _, n in leaves],
              target_ids=[m.integer(0, targets - 1) for _ in leaves], target_weights=floats(m, len(leaves)),
              aggregate_function=m.pick(["SUM", "AVERAGE"]), base_values=m.maybe(floats(m, 1)) if targets == 1 else None, **nodes)  # fmt: skip


@rule(ML + ".TreeEnsembleClassifier")
def tree_classifier(m: Maker) -> Call:
    if m.opset_ml >= 5:
        raise Unfit("TreeEnsemble took its place")
    x = m.tensor("float", rank=2, zero=False)
    nodes, leaves = forest(m, m.array(x).shape[1])
    return ml(m, "TreeEnsembleClassifier", [x], 2, classlabels_int64s=[0, 1, 2], class_treeids=[t for t, _ in leaves], class_nodeids=[n for _, n in leaves],
              class_ids=[m.integer(0, 2) for _ in leaves], class_weights=floats(m, len(leaves), 0.1, 2), post_transform=m.pick(["NONE", "SOFTMAX", "LOGISTIC"]), **nodes)  # fmt: skip


@rule(ML + ".TreeEnsemble")
def tree_ensemble(m: Maker) -> Call:
    from .rules_layout import tensor_proto

    kind = m.pick(["float", "double"])
    x = m.tensor(kind, rank=2, zero=False)
    features, targets = m.array(x).shape[1], m.integer(1, 2)
    splits = m.data(kind, (3,), -2, 2)
    weights = m.data(kind, (4,), -2, 2)
    array = lambda values, dtype: tensor_proto(np.array(values, dtype))
    return ml(m, "TreeEnsemble", [x], n_targets=targets, aggregate_function=m.integer(0, 3), post_transform=0, tree_roots=[0],
              nodes_featureids=[m.integer(0, features - 1) for _ in range(3)], nodes_modes=array([m.integer(0, 3) for _ in range(3)], np.uint8),
              nodes_splits=array(splits, NUMPY[kind]), nodes_truenodeids=[1, 0, 2], nodes_trueleafs=[0, 1, 1], nodes_falsenodeids=[2, 1, 3],
              nodes_falseleafs=[0, 1, 1], leaf_targetids=[m.integer(0, targets - 1) for _ in range(4)], leaf_weights=array(weights, NUMPY[kind]))  # fmt: skip
