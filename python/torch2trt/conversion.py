"""Converters that a program registers for functions and methods of its own, and the layers that they make."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

import tensorrt as trt

from .flattener import Flattener

Converter = Callable[["ConversionContext"], None]


class Registered(NamedTuple):
    converter: Converter
    is_real: bool
    owner: Any  # the module or class that has the method
    attribute: str
    method_impl: Callable[..., Any]


# By the method's full name, or the method.
CONVERTERS: dict[Any, Registered] = {}


def _find(method: Any) -> tuple[Any, str]:
    """What has the method, and under which name."""
    if not isinstance(method, str):
        module, path = importlib.import_module(method.__module__), method.__qualname__.split(".")
    else:
        parts = method.split(".")
        for count in range(len(parts) - 1, 0, -1):
            try:
                module, path = importlib.import_module(".".join(parts[:count])), parts[count:]
                break
            except ImportError:
                continue
        else:
            raise ImportError(f"'{method}' is in no module that can be imported")
    for name in path[:-1]:
        module = getattr(module, name)
    return module, path[-1]


def tensorrt_converter(
    method: Any, is_real: bool = True, enabled: bool = True, imports: Sequence[str] = ()
) -> Callable[[Converter], Converter]:
    """Registers the decorated function as the one that makes layers of calls of `method`.

    method: the full name of a function or method ('torch.nn.ReLU.forward'), or itself. One that does not exist is left
    alone, so that converters for other versions of a package do no harm.
    is_real: False for a method whose calls are left as they are

    The converter is called after the method. Of the context it reads method_args, method_kwargs and method_return, and
    network, to which it adds layers; the layers' inputs are the `_trt` of tensors among the arguments, and it gives each
    tensor of the result its `_trt`.
    """

    def register(converter: Converter) -> Converter:
        if enabled:
            try:
                owner, attribute = _find(method)
                implementation = getattr(owner, attribute)
            except (ImportError, AttributeError):
                return converter
            CONVERTERS[method] = Registered(converter, is_real, owner, attribute, implementation)
        return converter

    return register


class ConversionContext:
    """What a converter sees of a conversion."""

    def __init__(
        self,
        network: trt.INetworkDefinition,
        torch2trt_kwargs: dict[str, Any] | None = None,
        builder_config: trt.IBuilderConfig | None = None,
        logger: trt.ILogger | None = None,
    ) -> None:
        self.network = network
        self.torch2trt_kwargs = torch2trt_kwargs or {}
        self.builder_config = builder_config
        self.logger = logger
        self.method_args: tuple[Any, ...] = ()
        self.method_kwargs: dict[str, Any] = {}
        self.method_return: Any = None
        self.method_str = ""


class Call(NamedTuple):
    """A call of a method that has a converter."""

    name: Any
    registered: Registered
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def convert(self, context: ConversionContext) -> Any:
        """Runs the method and its converter; gives the method's result, whose tensors have their `_trt`."""
        context.method_str = str(self.name)
        context.method_args, context.method_kwargs = self.args, self.kwargs
        context.method_return = self.registered.method_impl(*self.args, **self.kwargs)
        self.registered.converter(context)
        result = context.method_return
        for tensor in tensors_of(result):
            if not hasattr(tensor, "_trt"):
                raise RuntimeError(
                    f"The converter of '{context.method_str}' made no layer for its result; it sets "
                    "ctx.method_return._trt to a layer's output"
                )
        return result


class Reached(BaseException):
    """Ends a run of the module at a call that is not converted yet. No Exception, so that no module catches it."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call


@contextlib.contextmanager
def results_instead_of_calls(results: Sequence[Any]) -> Iterator[None]:
    """While it is entered, the first calls of methods with converters give these results; the next one is Reached."""
    given = iter(results)

    def replacement(name: Any, registered: Registered) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            for result in given:
                return result
            raise Reached(Call(name, registered, args, kwargs))

        return call

    replaced = [(name, row, vars(row.owner).get(row.attribute)) for name, row in CONVERTERS.items() if row.is_real]
    try:
        for name, row, before in replaced:
            made = replacement(name, row)
            setattr(row.owner, row.attribute, staticmethod(made) if isinstance(before, staticmethod) else made)
        yield
    finally:
        for _, row, before in replaced:
            if before is None:  # inherited
                delattr(row.owner, row.attribute)
            else:
                setattr(row.owner, row.attribute, before)


def tensors_of(value: Any) -> list[torch.Tensor]:
    return Flattener.from_value(value).flatten(value)


def get_arg(ctx: ConversionContext, name: str, pos: int, default: Any) -> Any:
    """An argument of the call that was given by name or by position."""
    if name in ctx.method_kwargs:
        return ctx.method_kwargs[name]
    return ctx.method_args[pos] if pos < len(ctx.method_args) else default


def torch_dim_resolve_negative(dim: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return tuple(d + ndim if d < 0 else d for d in (dim if isinstance(dim, tuple) else (dim,)))


def torch_dim_to_trt_axes(dim: int | tuple[int, ...]) -> int:
    """The bit mask of axes that layers take."""
    return sum(1 << d for d in set(dim if isinstance(dim, tuple) else (dim,)))


def check_torch_dtype(*values: Any) -> torch.dtype:
    """The one type of the tensors among the values."""
    types = {value.dtype for value in values if isinstance(value, torch.Tensor)}
    if len(types) != 1:
        raise TypeError(f"Tensors of one type are needed, not of {sorted(map(str, types)) or 'none'}")
    return types.pop()


def _constant(network: trt.INetworkDefinition, value: Any, shape: Sequence[int], dtype: torch.dtype) -> trt.ITensor:
    tensor = value if isinstance(value, torch.Tensor) else torch.full(tuple(shape), value, dtype=dtype)
    array = np.ascontiguousarray(tensor.detach().cpu().numpy()).reshape(tuple(shape))
    return network.add_constant(tuple(shape), array).get_output(0)


def add_trt_constant(network: trt.INetworkDefinition, tensor: torch.Tensor) -> trt.ITensor:
    return _constant(network, tensor, tensor.shape, tensor.dtype)


def add_missing_trt_tensors(network: trt.INetworkDefinition, tensors: Sequence[Any]) -> list[trt.ITensor]:
    """The layers' tensors of the values; numbers, and tensors that no layer made, become constants.

    Constants have no leading dimensions of size 1; broadcast_trt_tensors() adds what is needed.
    """
    dtype = check_torch_dtype(*tensors)
    made = []
    for value in tensors:
        if isinstance(value, torch.Tensor):
            shape = list(value.shape)
            while shape and shape[0] == 1:
                del shape[0]
            made.append(value._trt if hasattr(value, "_trt") else _constant(network, value, shape, dtype))
        else:
            made.append(_constant(network, value, (1,), dtype))
    return made


def broadcast_trt_tensors(
    network: trt.INetworkDefinition, trt_tensors: Sequence[trt.ITensor], broadcast_ndim: int
) -> list[trt.ITensor]:
    """The tensors with so many dimensions, new ones in front."""
    made = []
    for tensor in trt_tensors:
        missing = broadcast_ndim - len(tensor.shape)
        if missing > 0:
            layer = network.add_shuffle(tensor)
            if -1 in tuple(tensor.shape):
                layer.set_input(1, _padded_shape(network, tensor, missing))
            else:
                layer.reshape_dims = (1,) * missing + tuple(tensor.shape)
            tensor = layer.get_output(0)
        made.append(tensor)
    return made


def _padded_shape(network: trt.INetworkDefinition, tensor: trt.ITensor, missing: int) -> trt.ITensor:
    shape = network.add_shape(tensor).get_output(0)
    ones = network.add_constant((missing,), np.ones(missing, trt.nptype(shape.dtype))).get_output(0)
    return network.add_concatenation([ones, shape]).get_output(0)


def trt_(network: trt.INetworkDefinition, *tensors: Any) -> Any:
    """add_missing_trt_tensors() of all, made to have as many dimensions as the one with most; one alone in no tuple."""
    dtype = check_torch_dtype(*tensors)
    made = []
    for value in tensors:
        shape = value.shape if isinstance(value, torch.Tensor) else (1,)
        made.append(value._trt if hasattr(value, "_trt") else _constant(network, value, shape, dtype))
    made = broadcast_trt_tensors(network, made, max(len(tensor.shape) for tensor in made))
    return made[0] if len(made) == 1 else tuple(made)


def set_layer_precision(ctx: ConversionContext, layer: trt.ILayer) -> None:
    """Asks for the type that the conversion was allowed to compute in."""
    for mode, dtype in (("int8_mode", trt.int8), ("fp16_mode", trt.float16)):
        if ctx.torch2trt_kwargs.get(mode):
            layer.precision = dtype
            layer.set_output_type(0, dtype)
            return
