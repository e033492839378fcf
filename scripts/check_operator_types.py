#!/usr/bin/env python3
"""Which element types that the ONNX standard allows Vivace refuses.

Takes a few of the standard's own one-node cases of each operator, gives each input every type that the operator's schema
allows for it, builds and runs the model, and lists what is refused; fails where that is not in the list of what makes no
sense. Needs the packages onnx and ml_dtypes, and Vivace.

usage: check_operator_types.py [--match REGEX]
"""

from __future__ import annotations

import argparse
import collections
import re
import sys

import numpy as np
import onnx
import vivace
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests
from vivace import backend

CASES_EACH = 3

# Refused, with a reason that the message gives. Sums and means of strings mean nothing; of complex numbers nobody takes
# them here. A scale that is a power of two does not say what type the result has; and the
# cases of TfIdfVectorizer search for numbers.
KNOWN = {
    ("Col2Im", "string"), ("Col2Im", "complex64"), ("Col2Im", "complex128"),
    ("Resize", "string"), ("Resize", "complex64"), ("Resize", "complex128"),
    ("DequantizeLinear", "float8e8m0"),
    ("TfIdfVectorizer", "string"),
}  # fmt: skip


def cases_by_operator() -> dict[str, list[tuple[onnx.ModelProto, list[np.ndarray]]]]:
    """The smallest models of one node, of the newest form of each operator, with inputs."""
    cases = collections.defaultdict(list)
    for case in load_model_tests(kind="node"):
        model = onnx.load(f"{case.model_dir}/model.onnx")
        if len(model.graph.node) != 1 or model.graph.node[0].domain or model.graph.node[0].op_type == "BitCast":
            continue
        op = model.graph.node[0].op_type
        newest = onnx.defs.get_schema(op).since_version
        if all(o.version < newest for o in model.opset_import if not o.domain) or len(cases[op]) == CASES_EACH:
            continue
        if any(i.type.WhichOneof("value") != "tensor_type" for i in model.graph.input):
            continue
        arrays = [
            numpy_helper.to_array(onnx.load_tensor(f"{case.model_dir}/test_data_set_0/input_{i}.pb"))
            for i in range(len(model.graph.input))
        ]
        cases[op].append((model, arrays))
    return {op: found for op, found in cases.items() if found}


def element_type(name: str) -> int | None:
    """Of "tensor(float16)"; nothing for sequences and optionals."""
    found = re.fullmatch(r"tensor\((\w+)\)", name)
    return TensorProto.DataType.Value(found[1].upper()) if found else None


def converted(array: np.ndarray, kind: int) -> np.ndarray:
    if kind == TensorProto.STRING:
        return np.vectorize(str, otypes=[object])(array)
    to = helper.tensor_dtype_to_np_dtype(kind)
    if array.dtype == object:
        return np.zeros(array.shape, to)
    if array.dtype.type.__module__ != "numpy":  # a small type, which may know none of the others
        array = array.astype(np.float32)
    if to == np.bool_:
        return array != 0
    return (np.abs(array) if to.kind == "u" else array).astype(to)


def formal_inputs(schema: onnx.defs.OpSchema, count: int) -> list[onnx.defs.OpSchema.FormalParameter]:
    """One for each input of a node; the last formal one may stand for many."""
    return [schema.inputs[min(i, len(schema.inputs) - 1)] for i in range(count)]


def refusal(model: onnx.ModelProto, arrays: list[np.ndarray], variable: str, kind: int) -> str:
    """What Vivace says where inputs of the schema's type variable have this type; empty where it computes."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    node, given = changed.graph.node[0], list(arrays)
    names = [i.name for i in changed.graph.input]
    for name, formal in zip(node.input, formal_inputs(onnx.defs.get_schema(node.op_type), len(node.input))):
        if formal.type_str == variable and name in names:
            at = names.index(name)
            changed.graph.input[at].type.tensor_type.elem_type = kind
            given[at] = converted(given[at], kind)
    for output in changed.graph.output:
        output.ClearField("type")
    try:
        backend.prepare(changed).run(given)
    except vivace.Error as error:
        return str(error).split("\n")[0]
    return ""


def refusals(match: str = "") -> tuple[int, list[tuple[str, str, str]]]:
    """How many pairs of operator and type were tried, and those refused: operator, type, message."""
    tried, refused = 0, []
    for op, cases in sorted(cases_by_operator().items()):
        schema = onnx.defs.get_schema(op)
        used = {i.type_str for i in schema.inputs} if re.search(match, op) else set()
        for constraint in schema.type_constraints:
            kinds = [k for k in map(element_type, constraint.allowed_type_strs) if k is not None]
            for kind in sorted(kinds if constraint.type_param_str in used else []):
                tried += 1
                said = [refusal(model, arrays, constraint.type_param_str, kind) for model, arrays in cases]
                if all(said):
                    refused.append((op, TensorProto.DataType.Name(kind).lower(), said[0]))
    return tried, refused


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--match", default="", help="operators whose names this regular expression finds")
    tried, refused = refusals(parser.parse_args().match)
    for op, kind, message in refused:
        print(f"{op} of {kind}: {message[:150]}")
    print(f"{tried} types tried, {len(refused)} refused")
    return 1 if {(op, kind) for op, kind, _ in refused} - KNOWN else 0


if __name__ == "__main__":
    sys.exit(main())
