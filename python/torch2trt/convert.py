"""torch2trt(): a module through ONNX into an engine."""

import inspect
import io
import warnings

import torch
from torch.utils import _pytree as pytree

import tensorrt as trt

from .module import TRTModule
from .types import torch_device_from_trt, torch_dtype_from_trt, torch_dtype_to_trt

__all__ = ["torch2trt", "torch_device_from_trt", "torch_dtype_from_trt", "torch_dtype_to_trt"]

# What torch2trt takes and an engine on the processor has no use for.
_WITHOUT_EFFECT = {
    "strict_type_constraints",
    "keep_network",
    "int8_calib_dataset",
    "int8_calib_algorithm",
    "int8_calib_batch_size",
    "use_onnx",
    "default_device_type",
    "dla_core",
    "gpu_fallback",
    "device_types",
    "avg_timing_iterations",
    "use_refit",
}


class _Plain(torch.nn.Module):
    """The module with a flat tuple of tensors as its result, as exporters want it."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *inputs):
        leaves, _ = pytree.tree_flatten(self.module(*inputs))
        return tuple(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))


def _export(module, inputs, input_names, output_names, dynamic_axes, opset):
    file = io.BytesIO()
    options = {
        "input_names": input_names,
        "output_names": output_names,
        "dynamic_axes": dynamic_axes or None,
        "opset_version": opset,
    }
    # The exporter that follows the run of the module needs no other package.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(_Plain(module).eval(), tuple(inputs), file, **options)
    return file.getvalue()


def _ranges(inputs, min_shapes, opt_shapes, max_shapes, max_batch_size):
    """For each input its least, usual and greatest shape."""

    def given(shapes, index):
        return tuple(shapes[index]) if shapes is not None else None

    ranges = []
    for index, value in enumerate(inputs):
        shape = tuple(value.shape)
        low = given(min_shapes, index) or shape
        best = given(opt_shapes, index) or shape
        high = given(max_shapes, index) or shape
        if max_batch_size is not None and shape and max_shapes is None:
            low, high = (1, *low[1:]), (max(max_batch_size, shape[0]), *high[1:])
        ranges.append((low, best, high))
    return ranges


def torch2trt(
    module,
    inputs,
    input_names=None,
    output_names=None,
    log_level=trt.Logger.ERROR,
    fp16_mode=False,
    int8_mode=False,
    max_batch_size=None,
    max_workspace_size=1 << 25,
    min_shapes=None,
    opt_shapes=None,
    max_shapes=None,
    onnx_opset=17,
    **others,
):
    """A TRTModule that computes what `module` does.

    inputs: a list, a tuple or one tensor: examples, whose shapes the engine takes
    max_batch_size: the first dimension of every input may then be anything from 1 to it
    min_shapes, opt_shapes, max_shapes: for each input, where more than the batch varies
    fp16_mode, int8_mode: permissions for the builder to compute in these types
    """
    unknown = sorted(set(others) - _WITHOUT_EFFECT)
    if unknown:
        raise TypeError(f"torch2trt() has no argument '{unknown[0]}'")
    inputs = [inputs] if isinstance(inputs, torch.Tensor) else list(inputs)
    module = module.eval()
    with torch.no_grad():
        leaves, spec = pytree.tree_flatten(module(*inputs))
    outputs = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    if len(outputs) != len(leaves):
        raise TypeError("The module returns something besides tensors; wrap it in one that returns tensors only")
    _, plain_spec = pytree.tree_flatten(outputs[0] if len(outputs) == 1 else tuple(outputs))
    input_names = input_names or [f"input_{i}" for i in range(len(inputs))]
    output_names = output_names or [f"output_{i}" for i in range(len(outputs))]

    ranges = _ranges(inputs, min_shapes, opt_shapes, max_shapes, max_batch_size)
    axes = {}
    for name, (low, _, high) in zip(input_names, ranges):
        varying = {axis: f"{name}_{axis}" for axis in range(len(low)) if low[axis] != high[axis]}
        if varying:
            axes[name] = varying
    model = _export(module, inputs, input_names, output_names, axes, onnx_opset)

    logger = trt.Logger(log_level)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise RuntimeError("; ".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, max_workspace_size)
    if fp16_mode:
        config.set_flag(trt.BuilderFlag.FP16)
    if int8_mode:
        config.set_flag(trt.BuilderFlag.INT8)
    if axes:
        profile = builder.create_optimization_profile()
        for name, shapes in zip(input_names, ranges):
            profile.set_shape(name, *shapes)
        config.add_optimization_profile(profile)
    engine = builder.build_engine(network, config)
    if engine is None:
        raise RuntimeError("The engine could not be built; the logger has the reason")
    return TRTModule(engine, input_names, output_names, None if spec == plain_spec else spec)
