"""torch2trt(): a module through ONNX into an engine."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

import tensorrt as trt

from .conversion import (
    CONVERTERS,
    Call,
    ConversionContext,
    Reached,
    add_missing_trt_tensors,
    add_trt_constant,
    broadcast_trt_tensors,
    check_torch_dtype,
    get_arg,
    results_instead_of_calls,
    set_layer_precision,
    tensorrt_converter,
    tensors_of,
    torch_dim_resolve_negative,
    torch_dim_to_trt_axes,
    trt_,
)
from .dataset import (
    DEFAULT_CALIBRATION_ALGORITHM,
    Dataset,
    DatasetCalibrator,
    FolderDataset,
    ListDataset,
    TensorBatchDataset,
)
from .flattener import Flatten, Flattener, Unflatten, map_leaves
from .module import TRTModule
from .types import torch_device_from_trt, torch_device_to_trt, torch_dtype_from_trt, torch_dtype_to_trt

__all__ = [
    "CONVERTERS", "ConversionContext", "DEFAULT_CALIBRATION_ALGORITHM", "Dataset", "DatasetCalibrator", "Flatten",
    "Flattener", "FolderDataset", "ListDataset", "TRTModule", "TensorBatchDataset", "Unflatten", "add_missing_trt_tensors",
    "add_trt_constant", "broadcast_trt_tensors", "check_torch_dtype", "get_arg", "set_layer_precision",
    "tensorrt_converter", "torch2trt", "torch_device_from_trt", "torch_device_to_trt", "torch_dim_resolve_negative",
    "torch_dim_to_trt_axes", "torch_dtype_from_trt", "torch_dtype_to_trt", "trt_",
]  # fmt: skip

ONNX_OPSET = 17


class _Replay(torch.nn.Module):
    """A run of a module up to the first call with a converter that has no result yet, as a function of flat tensors.

    forward() takes the inputs and the tensors of the results so far, and gives the tensors that the call takes, or the
    module's outputs where no call is left.
    """

    def __init__(self, module: torch.nn.Module, inputs: Any, results: Sequence[Any]) -> None:
        super().__init__()
        self.module = module
        self.weights = {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
        self.inputs, self.inputs_flattener = inputs, Flattener.from_value(inputs)
        self.results = results
        self.reached: Call | None = None
        self.outputs: Any = None
        self.wanted: list[int] | None = None  # which of the tensors are asked for; all where it is None

    def forward(self, *flat: torch.Tensor) -> tuple[torch.Tensor, ...]:
        tensors = iter(flat)

        def refilled(value: Any) -> Any:
            return map_leaves(value, lambda leaf: next(tensors) if isinstance(leaf, torch.Tensor) else leaf)

        inputs, results = refilled(self.inputs), [refilled(result) for result in self.results]
        self.reached = self.outputs = None
        try:
            with results_instead_of_calls(results):
                self.outputs = self.module(*inputs)
            found = tensors_of(self.outputs)
        except Reached as reached:
            self.reached = reached.call
            found = [t for t in tensors_of((reached.call.args, reached.call.kwargs)) if id(t) not in self.weights]
        return tuple(found if self.wanted is None else [found[i] for i in self.wanted])


class _Conversion:
    """Makes a network of a module: what has converters by them, and all between them through ONNX."""

    def __init__(self, context: ConversionContext, module: torch.nn.Module, opset: int) -> None:
        self.context, self.network = context, context.network
        self.module, self.opset = module, opset

    def run(self, inputs: Any, names: Sequence[str], output_names: Sequence[str] | None) -> tuple[Any, list[str]]:
        """The module's outputs and their names. The network has inputs already."""
        results: list[Any] = []
        layers = [self.network.get_input(i) for i in range(len(names))]
        while True:
            replay = _Replay(self.module, inputs, results).eval()
            # Copies, for modules that change tensors in place.
            flat = [tensor.clone() for tensor in tensors_of((inputs, results))]
            with _plain_operators(replay):
                found = replay(*flat)
            call = replay.reached
            if call is None:
                made = list(output_names or [f"output_{i}" for i in range(len(found))])
                self._add(replay, flat, layers, made)
                return replay.outputs, made
            known = {id(tensor): layer for tensor, layer in zip(flat, layers)}
            replay.wanted = [i for i, tensor in enumerate(found) if id(tensor) not in known]
            for index, layer in zip(replay.wanted, self._parts(replay, flat, layers, len(results))):
                known[id(found[index])] = layer
            for tensor in found:
                tensor._trt = known[id(tensor)]
            with torch.no_grad():
                results.append(call.convert(self.context))
            for tensor in tensors_of(results[-1]):
                layers.append(self._named(tensor._trt, layers))
            results[-1] = map_leaves(
                results[-1], lambda leaf: leaf.detach() if isinstance(leaf, torch.Tensor) else leaf
            )

    def _named(self, tensor: trt.ITensor, layers: list[trt.ITensor]) -> trt.ITensor:
        """The tensor under a name of its own, by which what is parsed next finds it."""
        if tensor.name in {layer.name for layer in layers}:
            tensor = self.network.add_identity(tensor).get_output(0)
        tensor.name = f"converted_{len(layers)}"
        return tensor

    def _parts(self, replay: _Replay, flat: list[torch.Tensor], layers: list[trt.ITensor], number: int) -> list[Any]:
        """Adds what the wanted tensors need, and gives their layers' tensors."""
        if not replay.wanted:
            return []
        names = [f"part_{number}_{i}" for i in range(len(replay.wanted))]
        self._add(replay, flat, layers, names)
        outputs = [self.network.get_output(i) for i in range(self.network.num_outputs)]
        for output in outputs:
            self.network.unmark_output(output)
        return sorted(outputs, key=lambda output: names.index(output.name))

    def _add(self, replay: _Replay, flat: list[torch.Tensor], layers: list[trt.ITensor], outputs: list[str]) -> None:
        names = [layer.name for layer in layers]
        axes = {
            layer.name: {axis: f"{layer.name}_{axis}" for axis, size in enumerate(layer.shape) if size < 0}
            for layer in layers
        }
        model = _export(replay, flat, names, outputs, {name: own for name, own in axes.items() if own}, self.opset)
        parser = trt.OnnxParser(self.network, self.context.logger)
        if not parser.parse(model):
            raise RuntimeError("; ".join(str(parser.get_error(i)) for i in range(parser.num_errors)))


@contextlib.contextmanager
def _plain_operators(module: torch.nn.Module) -> Iterator[None]:
    """PyTorch's own layers of attention then consist of operators that its exporter knows: as if they were trained."""
    frozen = [weight for weight in module.parameters() if not weight.requires_grad and weight.is_floating_point()]
    try:
        for weight in frozen:
            weight.requires_grad_()
        with torch.enable_grad():
            yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)


def _export(
    module: torch.nn.Module,
    inputs: Sequence[torch.Tensor],
    input_names: list[str],
    output_names: list[str],
    dynamic_axes: dict[str, dict[int, str]],
    opset: int,
) -> bytes:
    file = io.BytesIO()
    options: dict[str, Any] = {
        "input_names": input_names,
        "output_names": output_names,
        "dynamic_axes": dynamic_axes or None,
        "opset_version": opset,
    }
    # The exporter that follows a run of the module needs no other package.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    with warnings.catch_warnings(), _plain_operators(module):
        warnings.simplefilter("ignore")
        torch.onnx.export(module, tuple(inputs), file, **options)
    return file.getvalue()


def _check_outputs(outputs: Any) -> None:
    def check(leaf: Any) -> None:
        if leaf is not None and not isinstance(leaf, torch.Tensor):
            raise TypeError("The module returns something besides tensors; wrap it in one that returns tensors only")

    map_leaves(outputs, check)


class _Ranges:
    """For each input its least, usual and greatest shape."""

    def __init__(
        self, dataset: Dataset, flattener: Flattener, given: Sequence[Any], max_batch_size: int | None
    ) -> None:
        found = (dataset.min_shapes, dataset.median_numel_shapes, dataset.max_shapes)
        chosen = []
        for shapes, usual in zip(given, found):
            listed = usual(flat=True) if shapes is None else _listed(shapes, flattener)
            chosen.append([tuple(shape) for shape in listed])
        self.low, self.best, self.high = chosen
        if max_batch_size is not None:
            least = 1 if given[0] is None else None
            self.low = [(least or shape[0], *shape[1:]) for shape in self.low]
            if given[2] is None:
                self.high = [(max(max_batch_size, shape[0]), *shape[1:]) for shape in self.high]

    def __iter__(self) -> Any:
        return zip(self.low, self.best, self.high)


def _listed(shapes: Any, flattener: Flattener) -> list[Any]:
    """Shapes as a list: given one after the other, or nested as the inputs are."""
    if len(shapes) == flattener.size and all(all(isinstance(d, int) for d in shape) for shape in shapes):
        return list(shapes)
    return flattener.flatten(shapes)


def torch2trt(
    module: torch.nn.Module,
    inputs: Any,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    log_level: trt.Logger.Severity = trt.Logger.ERROR,
    fp16_mode: bool = False,
    max_workspace_size: int = 1 << 25,
    strict_type_constraints: bool = False,
    keep_network: bool = True,
    int8_mode: bool = False,
    int8_calib_dataset: Any = None,
    int8_calib_algorithm: trt.CalibrationAlgoType = DEFAULT_CALIBRATION_ALGORITHM,
    int8_calib_batch_size: int = 1,
    use_onnx: bool = False,
    default_device_type: trt.DeviceType = trt.DeviceType.GPU,
    dla_core: int = 0,
    gpu_fallback: bool = True,
    device_types: dict[torch.nn.Module, trt.DeviceType] | None = None,
    min_shapes: Any = None,
    max_shapes: Any = None,
    opt_shapes: Any = None,
    onnx_opset: int | None = None,
    max_batch_size: int | None = None,
    avg_timing_iterations: int | None = None,
    **kwargs: Any,
) -> TRTModule:
    """A TRTModule that computes what `module` does.

    inputs: the arguments of a call of the module, nested as it wants them; one tensor alone; or a Dataset of arguments,
        whose shapes, from the least to the greatest, the engine takes
    max_batch_size: the first dimension of every input may then be anything from 1 to it
    min_shapes, opt_shapes, max_shapes: of the inputs, where more than the batch varies
    fp16_mode, int8_mode, strict_type_constraints: permissions for the builder to compute in these types
    int8_calib_dataset, int8_calib_algorithm: what int8_mode is calibrated with; the inputs where nothing is said
    default_device_type, dla_core, gpu_fallback: kept in the builder's configuration; an engine on the processor has no
        use for them, nor for device_types and int8_calib_batch_size
    use_onnx: modules go through ONNX in any case, except calls of methods with a converter (tensorrt_converter)
    kwargs: for converters, in ctx.torch2trt_kwargs
    """
    options = {name: value for name, value in locals().items() if name != "kwargs"} | kwargs
    if kwargs and not CONVERTERS:
        warnings.warn(f"torch2trt() has no argument '{min(kwargs)}', and no converter could use it", stacklevel=2)
    if isinstance(inputs, Dataset):
        dataset = inputs
    else:
        dataset = ListDataset([(inputs,) if isinstance(inputs, torch.Tensor) else inputs])
    inputs = dataset[0]
    module = module.eval()
    flattener = dataset.flattener
    ranges = _Ranges(dataset, flattener, (min_shapes, opt_shapes, max_shapes), max_batch_size)
    input_names = list(input_names or [f"input_{i}" for i in range(flattener.size)])

    logger = trt.Logger(log_level)
    builder = trt.Builder(logger)
    config = builder.create_builder_config()
    # Generations of TensorRT have dropped names; what they no longer have goes without saying there, or goes.
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(0 if explicit is None else 1 << int(explicit))
    profile = builder.create_optimization_profile()
    for name, tensor, (low, best, high) in zip(input_names, flattener.flatten(inputs), ranges):
        shape = tuple(least if least == most else -1 for least, most in zip(low, high))
        made = network.add_input(name, torch_dtype_to_trt(tensor.dtype), shape)
        if made is None:
            raise ValueError(f"Input '{name}' cannot be one of the network; the logger has the reason")
        made.location = torch_device_to_trt(tensor.device)
        profile.set_shape(name, low, best, high)
    config.add_optimization_profile(profile)

    context = ConversionContext(network, options, config, logger)
    outputs, output_names = _Conversion(context, module, onnx_opset or ONNX_OPSET).run(
        inputs, input_names, output_names
    )
    _check_outputs(outputs)
    for index, tensor in enumerate(tensors_of(outputs)):
        network.get_output(index).location = torch_device_to_trt(tensor.device)

    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, max_workspace_size)
    config.default_device_type = default_device_type
    config.DLA_core = dla_core
    flags = {
        "FP16": fp16_mode,
        "INT8": int8_mode,
        "STRICT_TYPES": strict_type_constraints,
        "GPU_FALLBACK": gpu_fallback,
    }
    for flag, wanted in flags.items():
        if wanted and hasattr(trt.BuilderFlag, flag):
            config.set_flag(getattr(trt.BuilderFlag, flag))
    if avg_timing_iterations is not None:
        config.avg_timing_iterations = avg_timing_iterations
    if int8_mode and hasattr(config, "int8_calibrator"):
        config.int8_calibrator = DatasetCalibrator(int8_calib_dataset or dataset, int8_calib_algorithm)
        config.set_calibration_profile(profile)
    build = builder.build_engine if hasattr(builder, "build_engine") else builder.build_serialized_network
    engine = build(network, config)
    if engine is None:
        raise RuntimeError("The engine could not be built; the logger has the reason")
    made = TRTModule(engine, input_names, output_names, flattener, Flattener.from_value(outputs))
    if keep_network:
        made.network = network
    return made
