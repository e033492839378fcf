"""What an ONNX model gives with the weights of one of tensorrtx's files, by onnxruntime."""

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

EPSILON = {"inception_v3": 1e-3}
# What programs make of their ones before the network, by channel.
INPUTS = {"inception_v3": [(0.229 + 0.485 - 0.5) / 0.5, (0.224 + 0.456 - 0.5) / 0.5, (0.225 + 0.406 - 0.5) / 0.5]}


def read_weights(path):
    named = {}
    with open(path, encoding="ascii") as file:
        next(file)
        for line in file:
            name, _, values = line.split(" ", 2)
            words = np.array([int(word, 16) for word in values.split()], np.uint32)
            named[name] = words.view(np.float32)
    return named


def fill(model, named, epsilon):
    """Puts the weights into the model's initializers, by name, and folded for those that the exporter folded."""
    # Exporters keep equal weights once, under one of their names.
    kept = {i.name: i for i in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "Identity" and n.input[0] in kept]:
        own = model.graph.initializer.add()
        own.CopyFrom(kept[node.input[0]])
        own.name = node.output[0]
        model.graph.node.remove(node)
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    values = {name: named[name].reshape(shape) for name, shape in shapes.items() if name in named}
    folded = [node for node in model.graph.node if node.op_type == "Conv" and node.input[1] not in values]
    # By the module's name where the node has it, otherwise in the order in which the program asked.
    pairs = [(f"{path}.conv.weight", f"{path}.bn") for path in (n.name[1:-10].replace("/", ".") for n in folded)]
    if not all(kernel in named for kernel, _ in pairs):
        norms = [n.removesuffix(".running_mean") for n in named if n.endswith(".running_mean") and n not in shapes]
        kernels = [n for n in named if n.endswith(".weight") and n.removesuffix("weight") + "running_mean" not in named]
        kernels = [name for name in kernels if name not in shapes]
        if not len(kernels) == len(norms) == len(folded):
            raise ValueError(f"{len(folded)} folded convolutions, {len(kernels)} kernels, {len(norms)} normalizations")
        pairs = list(zip(kernels, norms))
    for node, (kernel, norm) in zip(folded, pairs):
        scale = named[norm + ".weight"] / np.sqrt(named[norm + ".running_var"] + epsilon)
        shape = shapes[node.input[1]]
        values[node.input[1]] = named[kernel].reshape(shape) * scale.reshape(-1, 1, 1, 1)
        values[node.input[2]] = named[norm + ".bias"] - named[norm + ".running_mean"] * scale
    for initializer in model.graph.initializer:
        if initializer.name in values:
            array = values[initializer.name].astype(np.float32)
            initializer.CopyFrom(numpy_helper.from_array(array, initializer.name))
    return model


def first_outputs(path, weights, count):
    """The first elements of the model's output for an input of ones."""
    model = fill(onnx.load(path), read_weights(weights), EPSILON.get(path.stem, 1e-5))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    shape = [d if isinstance(d, int) else 1 for d in given.shape]
    values = np.ones(shape, np.float32) * np.array(INPUTS.get(path.stem, [1]), np.float32).reshape(1, -1, 1, 1)
    return session.run(None, {given.name: values})[0].ravel()[:count].tolist()
