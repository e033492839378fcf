#!/usr/bin/env python3
"""Writes cases of ai.onnx.ml's operators and of operators on strings, as make_operator_cases.py does.

    make_ml_cases.py FILE [--only trees,svm] [--count 4] [--seed 1]
"""
import make_operator_cases
import numpy as np
from make_operator_cases import case, integer, main, pick, values
from onnx import TensorProto, helper

ML = "ai.onnx.ml."


def floats(count, low=-16, high=16, scale=8):
    return [float(v) for v in values([count], low=low, high=high, scale=scale)]


def rows(features, dtype=None, count=5):
    return values([count, features], dtype or pick(np.float32, np.float32, np.float64, np.int32, np.int64), low=-24, high=24)


def labels(count, ints="classlabels_int64s"):
    if pick(True, False):
        return {ints: [int(v) for v in make_operator_cases.random.permutation(20)[:count]]}
    return {"classlabels_strings": [f"class {i}" for i in range(count)]}


def tensor(kind, numbers):
    return helper.make_tensor("t", kind, [len(numbers)], numbers)


class Forest:
    """Random trees, as the tuples of the older operators and the arrays of TreeEnsemble."""

    def __init__(self, trees, depth, features, targets, modes, votes=1):
        self.tuples = {k: [] for k in ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids",
                                       "missing_value_tracks_true")}
        self.votes = []  # tree, node, target, weight
        self.features, self.targets, self.modes, self.most_votes = features, targets, modes, votes
        for tree in range(trees):
            self.size = 0
            self.grow(tree, depth)

    def grow(self, tree, depth):
        node, at = self.size, len(self.tuples["modes"])
        self.size += 1
        leaf = depth == 0 or (node > 0 and make_operator_cases.random.random() < 0.3)
        row = {"treeids": tree, "nodeids": node, "modes": "LEAF" if leaf else pick(*self.modes),
               "featureids": 0 if leaf else integer(0, self.features - 1), "values": 0.0 if leaf else floats(1, -24, 24)[0],
               "truenodeids": 0, "falsenodeids": 0, "missing_value_tracks_true": 0 if leaf else integer(0, 1)}
        for key, value in row.items():
            self.tuples[key].append(value)
        if leaf:
            for target in make_operator_cases.random.permutation(self.targets)[:integer(1, self.most_votes)]:
                self.votes.append((tree, node, int(target), floats(1)[0]))
            return node
        self.tuples["truenodeids"][at] = self.grow(tree, depth - 1)
        self.tuples["falsenodeids"][at] = self.grow(tree, depth - 1)
        return node

    def legacy(self, kind, missing, positive=False, only=None):
        votes = [(t, n, i if only is None else only, abs(w) / 8 if positive else w) for t, n, i, w in self.votes]
        names = [f"{kind}_{k}" for k in ("treeids", "nodeids", "ids", "weights")]
        attributes = {f"nodes_{k}": v for k, v in self.tuples.items() if missing or not k.startswith("missing")}
        return attributes | {name: list(column) for name, column in zip(names, zip(*votes, strict=True), strict=True)}


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def with_nans(x):
    if np.issubdtype(x.dtype, np.floating) and pick(True, False):
        x[make_operator_cases.random.random(x.shape) < 0.2] = np.nan
    return x


def trees(file, count):
    for _ in range(6 * count):
        targets, features, missing = integer(1, 3), integer(1, 4), pick(True, False)
        forest = Forest(integer(1, 5), integer(1, 4), features, targets, pick(["BRANCH_LEQ"], ["BRANCH_LT"], MODES), votes=targets)
        attributes = forest.legacy("target", missing) | {
            "n_targets": targets, "aggregate_function": pick("SUM", "AVERAGE", "MIN", "MAX"),
            "post_transform": pick("NONE", "SOFTMAX") if targets > 1 else "NONE", "base_values": pick([], floats(1)) if targets == 1 else []}
        case(file, ML + "TreeEnsembleRegressor", [with_nans(rows(features, pick(np.float32, np.float64)))], attributes, opset=pick(1, 3))
    for _ in range(8 * count):
        classes, features = pick(2, 2, 3, 4), integer(1, 4)
        forest = Forest(integer(1, 5), integer(1, 4), features, classes, pick(["BRANCH_LEQ"], MODES), votes=classes)
        attributes = forest.legacy("class", pick(True, False), positive=pick(True, False), only=0 if classes == 2 else None)
        attributes |= {"post_transform": pick(*TRANSFORMS[:3]), "base_values": pick([], floats(classes if classes > 2 else 1))}
        case(file, ML + "TreeEnsembleClassifier", [with_nans(rows(features))], attributes | labels(classes), outputs=(True, True), opset=pick(1, 3), tolerance=2e-5)
    for _ in range(6 * count):
        ensemble(file)


def ensemble(file):
    targets, features = integer(1, 3), integer(1, 4)
    dtype, kind = pick((np.float32, TensorProto.FLOAT), (np.float64, TensorProto.DOUBLE))
    modes, splits, ids, yes, no, yes_leaf, no_leaf, missing, members, weights, leaf_targets, roots = ([] for _ in range(12))

    def leaf():
        weights.append(floats(1)[0])
        leaf_targets.append(integer(0, targets - 1))
        return len(weights) - 1

    def grow(depth):
        at = len(modes)
        modes.append(integer(0, 6))
        splits.append(0.0 if modes[at] == 6 else floats(1, -24, 24)[0])
        if modes[at] == 6:
            members.extend(v or 0.125 for v in floats(integer(1, 4), -24, 24))
            members.append(float("nan"))
        ids.append(integer(0, features - 1))
        missing.append(integer(0, 1))
        for to, is_leaf in ((yes, yes_leaf), (no, no_leaf)):
            to.append(None)
            is_leaf.append(int(depth == 0 or make_operator_cases.random.random() < 0.3))
        for to, is_leaf in ((yes, yes_leaf), (no, no_leaf)):
            to[at] = leaf() if is_leaf[at] else grow(depth - 1)
        return at

    for _ in range(integer(1, 4)):
        roots.append(grow(integer(0, 3)))
    attributes = {
        "nodes_modes": tensor(TensorProto.UINT8, modes), "nodes_splits": tensor(kind, splits), "nodes_featureids": ids,
        "nodes_truenodeids": yes, "nodes_falsenodeids": no, "nodes_trueleafs": yes_leaf, "nodes_falseleafs": no_leaf,
        "leaf_weights": tensor(kind, weights), "leaf_targetids": leaf_targets, "tree_roots": roots, "n_targets": targets,
        "aggregate_function": integer(0, 3) if targets == 1 else integer(0, 1)}
    if pick(True, False):
        attributes["nodes_missing_value_tracks_true"] = missing
    if members:
        attributes["membership_values"] = tensor(kind, members)
    case(file, ML + "TreeEnsemble", [with_nans(rows(features, dtype))], attributes, opset=5)


def linear(file, count):
    for _ in range(4 * count):
        targets, features = integer(1, 3), integer(1, 4)
        case(file, ML + "LinearRegressor", [rows(features, np.float32)],
             {"targets": targets, "coefficients": floats(targets * features), "intercepts": pick([], floats(targets)),
              "post_transform": pick("NONE", "SOFTMAX", "SOFTMAX_ZERO", "LOGISTIC") if targets > 1 else "NONE"}, opset=1)
    for _ in range(6 * count):
        classes, features = integer(2, 4), integer(1, 4)
        scores = pick(1, 2) if classes == 2 else classes
        case(file, ML + "LinearClassifier", [rows(features)],
             {"coefficients": floats(scores * features), "intercepts": floats(scores), "multi_class": integer(0, 1),
              "post_transform": pick(*TRANSFORMS[:4])} | labels(classes, "classlabels_ints"), outputs=(True, True), opset=1, tolerance=2e-5)
    x = rows(3, np.float32)
    case(file, ML + "LinearRegressor", [x / 64], {"targets": 2, "coefficients": floats(6, 1, 8, 32), "intercepts": [0.25, 0.5],
                                                 "post_transform": "PROBIT"}, opset=1, tolerance=1e-3)  # by an approximation with constants of its own


def svm(file, count):
    kernels = {"LINEAR": [0.0, 0.0, 0.0], "POLY": [0.25, 0.5, 2.0], "RBF": [0.25, 0.0, 0.0], "SIGMOID": [0.125, 0.5, 0.0]}
    for _ in range(5 * count):
        kernel, features, supports = pick(*kernels), integer(1, 4), pick(0, 1, 3)
        attributes = {"kernel_type": kernel, "kernel_params": kernels[kernel], "n_supports": supports, "rho": floats(1),
                      "coefficients": floats(supports or features), "support_vectors": floats(supports * features), "one_class": pick(0, 0, 1)}
        case(file, ML + "SVMRegressor", [rows(features, np.float32)], attributes, opset=1, tolerance=1e-4)
    for _ in range(8 * count):
        kernel, features, classes = pick(*kernels), integer(1, 4), integer(2, 4)
        attributes = {"kernel_type": kernel, "kernel_params": kernels[kernel], "post_transform": pick(*TRANSFORMS[:3])} | labels(classes, "classlabels_ints")
        if pick(True, True, False):
            per_class = [integer(1, 3) for _ in range(classes)]
            pairs = classes * (classes - 1) // 2
            attributes |= {"vectors_per_class": per_class, "support_vectors": floats(sum(per_class) * features),
                           "coefficients": floats((classes - 1) * sum(per_class)), "rho": floats(pairs)}
            if pick(True, False):
                attributes |= {"prob_a": floats(pairs, -16, -1), "prob_b": floats(pairs)}
        else:
            attributes |= {"coefficients": floats(classes * features), "rho": floats(1)}
        case(file, ML + "SVMClassifier", [rows(features)], attributes, outputs=(True, True), opset=1, tolerance=2e-4)


def features(file, count):
    for _ in range(count):
        numbers = rows(4, None, 3)
        integers, reals = [integer(-3, 3) for _ in range(2)], [floats(1)[0] for _ in range(2)]
        case(file, ML + "Binarizer", [rows(3)], {"threshold": pick(None, 0.5)}, opset=1)
        case(file, ML + "Scaler", [numbers], {"scale": floats(4), "offset": floats(4)}, opset=1)
        case(file, ML + "Scaler", [values([2, 4])], {"scale": floats(1), "offset": floats(1)}, opset=1)
        for norm in ("MAX", "L1", "L2"):
            case(file, ML + "Normalizer", [rows(3)], {"norm": norm}, opset=1)
            case(file, ML + "Normalizer", [np.array([[0, 0], [1, -2]], np.float32)], {"norm": norm}, opset=1)
        x = pick(np.array([[1, np.nan, 3], [np.nan, 5, 6]], np.float32), np.array([[1, np.nan, 3], [np.nan, 5, 6]], np.float64))
        case(file, ML + "Imputer", [x], {"imputed_value_floats": floats(pick(1, 3)), "replaced_value_float": float("nan")}, opset=1)
        case(file, ML + "Imputer", [np.array([[1, 7, 3], [7, 5, 6]], np.int64)], {"imputed_value_int64s": integers[:1], "replaced_value_int64": 7}, opset=1)
        case(file, ML + "Imputer", [np.array([1, 2, 1], np.float32)], {"imputed_value_floats": reals[:1], "replaced_value_float": 1.0}, opset=1)
        for x in (values([4]), values([2, 4], np.int64), np.array([["a", "b c", "d", ""]], object)):
            case(file, ML + "ArrayFeatureExtractor", [x, np.array([integer(0, 3) for _ in range(integer(1, 3))], np.int64)], opset=1)
        widths = [integer(1, 4), integer(1, 4)]
        case(file, ML + "FeatureVectorizer", [values([3, 2]), values([3, 3])], {"inputdimensions": widths}, opset=1)
        case(file, ML + "FeatureVectorizer", [values([3, 2], np.int64), values([3, 1], np.int64)], {"inputdimensions": [2, 1]}, opset=1)
        categories = [5, 1, -3]
        for x in (np.array([[5, 1], [2, -3]], np.int64), np.array([1.0, 5.5, 2.0], np.float32), np.array([[5], [0]], np.float64)):
            case(file, ML + "OneHotEncoder", [x], {"cats_int64s": categories}, opset=1)
        case(file, ML + "OneHotEncoder", [np.array([["x y", "b"], ["", "q"]], object)], {"cats_strings": ["b", "x y", ""]}, opset=1)
        case(file, ML + "OneHotEncoder", [np.array([1, 5], np.int32)], {"cats_int64s": categories, "zeros": 0}, opset=1)
    encoders(file)


def encoders(file):
    keys = {"strings": ["a", "b c", "d"], "int64s": [1, 5, -2], "floats": [1.5, float("nan"), -2.0]}
    inputs = {"strings": np.array([["d", "a"], ["b c", "z"]], object), "int64s": np.array([5, 9, -2, 1], np.int64),
              "floats": np.array([np.nan, 1.5, 3, -2], np.float32)}
    for source in keys:
        for target in ("strings", "int64s", "floats"):
            found = {"strings": ["x", "y z", "w"], "int64s": [4, 5, 6], "floats": [0.5, 1.5, 2.5]}[target]
            attributes = {f"keys_{source}": keys[source], f"values_{target}": found}
            if source != "floats":  # version 2 does not say whether a NaN is a key
                case(file, ML + "LabelEncoder", [inputs[source]], attributes, opset=2)
            default = {"strings": ("default_string", "none at all"), "int64s": ("default_int64", 42), "floats": ("default_float", 0.25)}[target]
            case(file, ML + "LabelEncoder", [inputs[source]], attributes | {default[0]: default[1]}, opset=4)
    case(file, ML + "LabelEncoder", [np.array([3, 2, 1], np.int64)],
         {"keys_tensor": tensor(TensorProto.INT64, [1, 2]), "values_tensor": tensor(TensorProto.INT64, [7, 8]), "default_tensor": tensor(TensorProto.INT64, [9])},
         opset=4)
    case(file, ML + "LabelEncoder", [np.array([3, 2, 1], np.float64)],
         {"keys_tensor": tensor(TensorProto.DOUBLE, [1, 2]), "values_tensor": tensor(TensorProto.DOUBLE, [7, 8]), "default_tensor": tensor(TensorProto.DOUBLE, [9])},
         opset=4)
    case(file, ML + "LabelEncoder", [np.array(["u", "v"], object)],
         {"keys_tensor": tensor(TensorProto.STRING, [b"u"]), "values_tensor": tensor(TensorProto.INT16, [3]), "default_tensor": tensor(TensorProto.INT16, [-7])}, opset=4)


def text(file, count):
    words = np.array(["monday", "Tuesday", "wednesday", "THURSDAY", "monday", "a b"], object)
    for shape in ([6], [1, 6]):
        for action in ("NONE", "LOWER", "UPPER"):
            for exact in (0, 1):
                case(file, "StringNormalizer", [words.reshape(shape)],
                     {"stopwords": pick(["monday", "thursday"], ["Tuesday", "MONDAY"]), "case_change_action": action, "is_case_sensitive": exact, "locale": "C.UTF-8"}, opset=10)
    case(file, "StringNormalizer", [words[:1]], {"stopwords": ["monday"], "is_case_sensitive": 1, "locale": "C.UTF-8"}, opset=10)
    case(file, "StringNormalizer", [np.array(["\u00e9T\u00c9", "\u0394x"], object)], {"case_change_action": "LOWER", "locale": "C.UTF-8"}, opset=10)
    sentences = np.array([["a,b,,c", "x"], [",", " one  two three"]], object)
    for delimiter in (None, ",", " ", ",,"):
        for most in (None, 1, 2):
            case(file, "StringSplit", [sentences], {"delimiter": delimiter, "maxsplit": most}, outputs=(True, True), opset=20)
    case(file, "StringSplit", [np.array("x y", object)], outputs=(True, True), opset=20)
    case(file, "StringConcat", [np.array([["a"], ["b "]], object), np.array(["x", "", " y"], object)], opset=20)
    for pattern in (r"[a-z]+@[a-z]+\.(com|org)", r"(?i)abc|x{2,3}", r"\d+(\.\d*)?", ""):
        case(file, "RegexFullMatch", [np.array(["me@site.org", "ABC", "xx", "xxxx", "3.14", "3,14", ""], object)], {"pattern": pattern}, opset=20)
    for attributes in ({"separators": [" ", "[,;]+"]}, {"separators": [""]}, {"tokenexp": r"[a-zA-Z0-9_]+"}, {"separators": ["b", " "], "mincharnum": 2}):
        case(file, "com.microsoft.Tokenizer", [np.array([["a bc, de;;f", "gb"], ["x_1 y", "z"]], object)],
             {"pad_value": "#", "mark": 0, "mincharnum": 1} | attributes, opset=1)
    for _ in range(3 * count):
        of_text, longest = pick(True, False), integer(1, 3)
        grams, starts, pool = [], [], []
        for n in range(1, 4):
            starts.append(len(pool))
            for gram in {tuple(integer(0, 3) for _ in range(n)) for _ in range(integer(1, 4))}:
                grams.append(gram)
                pool.extend(gram)
        names = ["zero", "one", "two", "three"]
        x = make_operator_cases.random.integers(0, 5, pick([7], [2, 6])).astype(pick(np.int32, np.int64))
        attributes = {"mode": pick("TF", "IDF", "TFIDF"), "ngram_counts": starts, "max_gram_length": longest, "min_gram_length": integer(1, longest),
                      "max_skip_count": integer(0, 3), "ngram_indexes": [int(i) for i in make_operator_cases.random.permutation(len(grams))],
                      "weights": pick([], floats(len(grams)))}
        if of_text:
            x = np.array([(names + ["four"])[i] for i in x.reshape(-1)], object).reshape(x.shape)
        case(file, "TfIdfVectorizer", [x], attributes | ({"pool_strings": [names[i] for i in pool]} if of_text else {"pool_int64s": pool}), opset=9)


GROUPS = {"trees": trees, "linear": linear, "svm": svm, "features": features, "text": text}

if __name__ == "__main__":
    main(GROUPS)
