"""An ONNX model as a torch module, for torch.compile: operators that networks exported from PyTorch consist of, in f32.

Shapes are fixed: what follows from them and from constants is computed while the module is made, once. An operator that
is not in TABLE is a KeyError, and so a result of the measurement like any other failure.
"""

import math
import pathlib
from collections.abc import Callable

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def numbers(value) -> list:
    return value.tolist() if isinstance(value, torch.Tensor) else list(value)


def halves(pads: list[int] | None, rank: int) -> tuple[list[int], list[int]]:
    """(what torch's own padding does alike on both sides, the rest as F.pad wants it)."""
    pads = pads or [0] * 2 * rank
    if pads[:rank] == pads[rank:]:
        return pads[:rank], []
    return [0] * rank, [pad for axis in reversed(range(rank)) for pad in (pads[axis], pads[axis + rank])]


def conv(a, x, w, b=None):
    rank = x.dim() - 2
    pads, rest = halves(a.get("pads"), rank)
    x = F.pad(x, rest) if rest else x
    function = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return function(x, w, b, a.get("strides", 1), pads, a.get("dilations", 1), a.get("group", 1))


def conv_transpose(a, x, w, b=None):
    pads, rest = halves(a.get("pads"), x.dim() - 2)
    if rest:
        raise ValueError("a transposed convolution padded otherwise at its ends")
    return F.conv_transpose2d(x, w, b, a.get("strides", 1), pads, a.get("output_padding", 0), a.get("group", 1),
                              a.get("dilations", 1))  # fmt: skip


def max_pool(a, x):
    pads, rest = halves(a.get("pads"), x.dim() - 2)
    x = F.pad(x, rest, value=-math.inf) if rest else x
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides", 1), pads, a.get("dilations", 1), bool(a.get("ceil_mode")))


def average_pool(a, x):
    pads, rest = halves(a.get("pads"), x.dim() - 2)
    if rest:
        raise ValueError("an average padded otherwise at its ends")
    return F.avg_pool2d(x, a["kernel_shape"], a.get("strides", 1), pads, bool(a.get("ceil_mode")),
                        bool(a.get("count_include_pad")))  # fmt: skip


def gemm(a, x, w, c=None):
    x, w = (x.T if a.get("transA") else x), (w.T if a.get("transB") else w)
    y = a.get("alpha", 1.0) * (x @ w) if a.get("alpha", 1.0) != 1 else x @ w
    return y if c is None else y + a.get("beta", 1.0) * c


def reshape(a, x, shape):
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(numbers(shape))])


def slices(a, x, starts, ends, axes=None, steps=None):
    starts, ends = numbers(starts), numbers(ends)
    axes = numbers(axes) if axes is not None else range(len(starts))
    where = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts, ends, numbers(steps) if steps is not None else [1] * len(starts)):
        where[axis] = slice(start, end, step)
    return x[tuple(where)]


def split(a, x, sizes=None):
    axis = a.get("axis", 0)
    return torch.split(x, numbers(sizes) if sizes is not None else x.shape[axis] // a["outputs"], axis)


def squeeze(a, x, axes):
    return x.squeeze(tuple(numbers(axes)))


def unsqueeze(a, x, axes):
    for axis in sorted(numbers(axes)):
        x = x.unsqueeze(axis)
    return x


def gather(a, x, index):
    axis = a.get("axis", 0)
    picked = torch.index_select(x, axis, torch.where(index < 0, index + x.shape[axis], index).reshape(-1))
    return picked.reshape([*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])


def resize(a, x, roi=None, scales=None, sizes=None):
    modes = {b"linear": "bilinear", b"nearest": "nearest"}
    if a.get("coordinate_transformation_mode") not in (b"half_pixel", b"asymmetric"):
        raise ValueError("a Resize of another kind")
    to = numbers(sizes)[2:] if sizes is not None else [int(s * n) for s, n in zip(numbers(scales), x.shape)][2:]
    return F.interpolate(x, size=to, mode=modes[a["mode"]])


def lstm(a, x, w, r, b=None, lengths=None, h=None, c=None):
    """One direction. ONNX has the gates as input, output, forget, cell; torch as input, forget, cell, output."""
    order = [0, 2, 3, 1]
    sort = lambda gates: torch.cat([gates.chunk(4)[index] for index in order])
    parts = b[0].chunk(2) if b is not None else [torch.zeros(4 * a["hidden_size"])] * 2
    zeros = torch.zeros(1, x.shape[1], a["hidden_size"])
    weights = [sort(w[0]), sort(r[0]), sort(parts[0]), sort(parts[1])]
    state = (h if h is not None else zeros, c if c is not None else zeros)
    y, h, c = torch.lstm(x, state, weights, True, 1, 0.0, False, False, False)
    return y.unsqueeze(1), h, c


def constant_of_shape(a, shape):
    return torch.from_numpy(np.full(numbers(shape), numpy_helper.to_array(a["value"])[0] if "value" in a else np.float32(0)))


TABLE: dict[str, Callable] = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": average_pool,
    "BatchNormalization": lambda a, x, scale, b, mean, var: F.batch_norm(x, mean, var, scale, b, eps=a.get("epsilon", 1e-5)),
    "Cast": lambda a, x: x.to(torch.from_numpy(np.empty(0, onnx.helper.tensor_dtype_to_np_dtype(a["to"]))).dtype),
    "Clip": lambda a, x, low=None, high=None: torch.clamp(x, low, high),
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Constant": lambda a: torch.from_numpy(numpy_helper.to_array(a["value"]).copy()),
    "ConstantOfShape": constant_of_shape,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Div": lambda a, x, y: x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc"),
    "Equal": lambda a, x, y: x == y,
    "Erf": lambda a, x: torch.erf(x),
    "Expand": lambda a, x, shape: x * torch.ones(numbers(shape), dtype=x.dtype),
    "Flatten": lambda a, x: x.reshape(math.prod(x.shape[: a.get("axis", 1)]), -1),
    "Gather": gather,
    "Gemm": gemm,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: torch.clamp(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0, 1),
    "HardSwish": lambda a, x: F.hardswish(x),
    "Identity": lambda a, x: x,
    "InstanceNormalization": lambda a, x, scale, b: F.instance_norm(x, None, None, scale, b, eps=a.get("epsilon", 1e-5)),
    "LSTM": lstm,
    "LayerNormalization": lambda a, x, scale, b=None: F.layer_norm(
        x, x.shape[a.get("axis", -1) :], scale, b, a.get("epsilon", 1e-5)
    ),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "MatMul": lambda a, x, y: x @ y,
    "MaxPool": max_pool,
    "Mod": lambda a, x, y: torch.remainder(x, y),
    "Mul": lambda a, x, y: x * y,
    "Pow": lambda a, x, y: torch.pow(x, y),
    "Range": lambda a, start, limit, step: torch.arange(start.item(), limit.item(), step.item(), dtype=start.dtype),
    "ReduceMean": lambda a, x: x.mean(a.get("axes"), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda a, x: F.relu(x),
    "Reshape": reshape,
    "Resize": resize,
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0) : a.get("end")], dtype=torch.int64),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Slice": slices,
    "Softmax": lambda a, x: F.softmax(x, a.get("axis", -1)),
    "Split": split,
    "Sqrt": lambda a, x: torch.sqrt(x),
    "Squeeze": squeeze,
    "Sub": lambda a, x, y: x - y,
    "Tanh": lambda a, x: torch.tanh(x),
    "Transpose": lambda a, x: x.permute(a.get("perm") or tuple(reversed(range(x.dim())))),
    "Trilu": lambda a, x, k=None: (torch.triu if a.get("upper", 1) else torch.tril)(x, int(k) if k is not None else 0),
    "Unsqueeze": unsqueeze,
    "Where": lambda a, condition, x, y: torch.where(condition, x, y),
}
# Take shapes, axes, bounds and the like as numbers.
BY_NUMBERS = {"Clip", "ConstantOfShape", "Expand", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Unsqueeze"}


class Module(torch.nn.Module):
    def __init__(self, graph: onnx.GraphProto, inputs: list[torch.Tensor]):
        super().__init__()
        self.steps: list[tuple[Callable, dict, list, list[str]]] = []
        known = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
        self.inputs = [value.name for value in graph.input if value.name not in known]
        self.results = [value.name for value in graph.output]
        values = dict(zip(self.inputs, inputs, strict=True))
        self.places: dict[str, str] = {}  # of constants, by value
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            attributes["outputs"] = len(node.output)
            takes = [known.get(name, values.get(name)) for name in node.input]
            made = TABLE[node.op_type](attributes, *takes)
            made = dict(zip(node.output, made if isinstance(made, tuple | list) else [made]))
            if node.op_type == "Shape" or all(name in known for name in node.input if name):
                known |= made
                continue
            values |= made
            given = [self.argument(name, known, node.op_type in BY_NUMBERS) for name in node.input]
            self.steps.append((TABLE[node.op_type], attributes, given, list(made)))

    def argument(self, name: str, known: dict[str, torch.Tensor], as_numbers: bool):
        """What a step is given: the name of a value, or [numbers], or None."""
        if name not in known:
            return name or None
        value = known[name]
        if as_numbers:
            return value.tolist()
        if name not in self.places:
            self.places[name] = f"constant{len(self.places)}"
            self.register_buffer(self.places[name], value)
        return name

    def forward(self, *inputs):
        values = dict(zip(self.inputs, inputs))
        for name, place in self.places.items():
            values[name] = getattr(self, place)
        for function, attributes, given, names in self.steps:
            made = function(attributes, *[values[g] if isinstance(g, str) else g for g in given])
            for name, value in zip(names, made if isinstance(made, tuple | list) else [made]):
                values[name] = value
        return tuple(values[name] for name in self.results)


def open_compiled(path: str | pathlib.Path, threads: int, arrays: list[np.ndarray]) -> Callable:
    """torch.compile with frozen weights, its other settings as they come."""
    import torch._inductor.config

    torch.set_num_threads(threads)
    torch._inductor.config.freezing = True
    inputs = [torch.from_numpy(array) for array in arrays]
    with torch.no_grad():
        module = Module(onnx.load(str(path)).graph, inputs).eval()
        # Guards would look at all of Module's lists before each run.
        options = {"guard_filter_fn": torch.compiler.skip_all_guards_unsafe}
        compiled = torch.compile(module, fullgraph=True, options=options)
        compiled(*inputs)

    def run(arrays):
        with torch.no_grad():
            return [output.numpy() for output in compiled(*map(torch.from_numpy, arrays))]

    return run
