"""Random graphs as models: which operators follow each other, what is an input, what is compared."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import onnx
import vivace
from onnx import helper

from . import rules_deep, rules_layout, rules_ml, rules_pointwise, rules_products, rules_select, rules_sequences  # noqa: F401
from .maker import RULES, Maker, Node
from .truth import opset_imports, value_info

# What networks are made of, for passes that look for it; the rest of a graph is any operator after any other.
MOTIFS = [
    ["Conv", "BatchNormalization", "Relu"], ["Conv", "BatchNormalization", "Conv", "BatchNormalization", "Add", "Relu"],
    ["Conv", "Add", "Clip"], ["Conv", "Mul", "Add", "HardSwish"], ["Conv", "Sigmoid", "Mul"], ["Conv", "Relu", "MaxPool"],
    ["Pad", "Conv"], ["Pad", "AveragePool"], ["ConvTranspose", "BatchNormalization"], ["Conv", "Relu", "Conv", "Concat"],
    ["MatMul", "Add", "Gelu"], ["MatMul", "Add", "Relu", "MatMul"], ["Gemm", "Relu", "Gemm"], ["Transpose", "MatMul"],
    ["MatMul", "Mul", "Softmax", "MatMul"], ["Reshape", "Transpose", "Reshape"], ["Transpose", "Transpose"],
    ["Transpose", "Reshape", "Transpose"], ["Unsqueeze", "Squeeze"], ["Reshape", "Reshape"], ["Split", "Concat"],
    ["Slice", "Slice", "Concat"], ["Slice", "Concat", "Slice"], ["Shape", "Gather", "Unsqueeze", "Concat"], ["Shape", "Slice", "ConstantOfShape"],
    ["Shape", "Size", "Mul"], ["Cast", "Mul", "Cast"], ["Cast", "Cast"], ["Add", "LayerNormalization", "MatMul"],
    ["ReduceMean", "Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div"], ["GlobalAveragePool", "Flatten", "Gemm"],
    ["GlobalAveragePool", "Conv", "Relu", "Conv", "Sigmoid", "Mul"], ["QuantizeLinear", "DequantizeLinear"],
    ["QuantizeLinear", "DequantizeLinear", "Conv", "Relu"], ["QuantizeLinear", "DequantizeLinear", "MatMul"],
    ["Sigmoid", "Mul"], ["Erf", "Add", "Mul"], ["Exp", "ReduceSum", "Div"], ["Expand", "Mul", "Where"], ["Equal", "Where"],
    ["Greater", "Not", "And", "Where"], ["Tile", "Add"], ["Identity", "Dropout", "Relu"], ["Resize", "Conv"], ["Conv", "Resize", "Add"],
    ["Mul", "Add", "Relu", "Mul", "Sub", "Tanh"], ["Div", "Clip", "Sqrt"], ["Conv", "DepthToSpace"], ["Add", "Add", "Sum"],
    ["Conv", "InstanceNormalization", "LeakyRelu"], ["ReduceSum", "Unsqueeze", "Sub"], ["If", "Add"], ["Loop", "Mul"], ["LSTM", "Squeeze", "Add"],
]  # fmt: skip
MOST_NODES = 8
CONVERTED = {
    "Upsample",
    "HannWindow",
    "HammingWindow",
    "BlackmanWindow",
    "MelWeightMatrix",
    "NegativeLogLikelihoodLoss",
    "SoftmaxCrossEntropyLoss",
    "DFT",
    "STFT",
}


@dataclasses.dataclass
class Graph:
    """A graph of which every value is known: any part of it is a model too."""

    seed: int
    maker: Maker
    exposed: set[str]  # outputs of the model that are read inside, too

    @property
    def nodes(self) -> list[Node]:
        return self.maker.nodes

    def part(self, nodes: list[Node]) -> tuple[onnx.ModelProto, dict[str, Any], list[str]]:
        """The model of some of the nodes, its inputs and the names of its outputs. What others made becomes an input."""
        made = {name for node in nodes for name in node.writes}
        read = list(dict.fromkeys(name for node in nodes for name in node.reads))
        inputs, constants, feeds = [], [], {}
        for name in read:
            if name in made:
                continue
            v = self.maker.find(name)
            if v.constant:
                constants.append(tensor_proto(name, v.array))
                continue
            declared, ranked = (
                (v.declared, v.declared is not None) if v.leaf and not isinstance(v.array, list) else (None, True)
            )
            inputs.append(value_info(name, v.array, declared, ranked))
            feeds[name] = v.array
        inside = {name for node in nodes for name in node.reads}
        outputs = [name for node in nodes for name in node.writes if name in self.exposed or name not in inside]
        graph = helper.make_graph(
            [n.proto for n in nodes],
            f"seed{self.seed}",
            inputs,
            [onnx.ValueInfoProto(name=n) for n in outputs],
            constants,
        )
        model = helper.make_model(
            graph, opset_imports=opset_imports(self.maker.opset, self.maker.opset_ml), ir_version=10
        )
        return model, feeds, outputs

    def describe(self, nodes: list[Node]) -> str:
        """The part as a person reads it."""
        model, feeds, outputs = self.part(nodes)
        lines = [f"opset {self.maker.opset}"]
        for node in nodes:
            words = [f"{a.name}={show_attribute(a)}" for a in node.proto.attribute]
            lines.append(
                f"  {', '.join(node.proto.output)} = {node.proto.op_type}({', '.join(node.proto.input)}) {' '.join(words)}"
            )
        declared = {i.name: i for i in model.graph.input}
        for name in dict.fromkeys(name for node in nodes for name in node.reads + node.writes):
            v = self.maker.find(name)
            if isinstance(v.array, list):
                lines.append(f"  {name}: sequence of {len(v.array)}")
                continue
            kind = "input" if name in declared else "constant" if v.constant else "value"
            dims = ""
            if name in declared:
                t = declared[name].type.tensor_type
                dims = (
                    " as ["
                    + ", ".join(
                        d.dim_param or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in t.shape.dim
                    )
                    + "]"
                    if t.HasField("shape")
                    else " of any rank"
                )
            few = " = " + re.sub(r"\s+", " ", str(v.array.tolist())) if v.array.size <= 12 else ""
            lines.append(f"  {name}: {kind} {v.type}{list(v.shape)}{dims}{few}")
        return "\n".join(lines)


def tensor_proto(name: str, array: np.ndarray) -> onnx.TensorProto:
    if array.dtype == object:
        return helper.make_tensor(
            name, onnx.TensorProto.STRING, array.shape, [str(x).encode() for x in array.reshape(-1)]
        )
    return onnx.numpy_helper.from_array(array, name)


def show_attribute(attribute: onnx.AttributeProto) -> str:
    if attribute.type == onnx.AttributeProto.GRAPH:
        return "{" + "; ".join(f"{','.join(n.output)}={n.op_type}({','.join(n.input)})" for n in attribute.g.node) + "}"
    if attribute.type == onnx.AttributeProto.TENSOR:
        return str(onnx.numpy_helper.to_array(attribute.t).tolist())
    got = helper.get_attribute_value(attribute)
    return got.decode() if isinstance(got, bytes) else str(got)


def names(pattern: str = "") -> list[str]:
    """Operators with a rule. What the importer makes of others is in no manifest: windows, losses, Upsample."""
    known = {row["name"] for row in vivace.operators()} | CONVERTED
    return [name for name in RULES if name in known and (not pattern or re.fullmatch(pattern, name))]


def make(seed: int, ops: list[str]) -> Graph:
    m = Maker(seed)
    known = [op for op in ops if m.has_op(op)]
    wanted = m.weighted({1: 3, 2: 3, 3: 3, 4: 2, 5: 2, 6: 1, MOST_NODES: 1})
    queue: list[str] = []
    for _ in range(3 * MOST_NODES):
        if len(m.nodes) >= wanted or not known:
            break
        if not queue:
            motif = [op for op in m.pick(MOTIFS) if op in known] if m.chance(0.35) else []
            queue = motif or [m.pick(known)]
        m.step(queue.pop(0))
    exposed = {name for node in m.nodes for name in node.writes if m.chance(0.12)}
    return Graph(seed, m, exposed)
