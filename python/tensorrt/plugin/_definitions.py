"""The decorators, and tensorrt.plugin.op, where the plugins are found."""

import inspect
import types
import typing

import tensorrt as trt

from ._attributes import Attribute
from ._shapes import KernelLaunchParams, SymExprs
from ._template import Creator, Plugin
from ._tensors import Tensor, TensorDesc

_RESERVED_NAMESPACES = ("", "trt", "tensorrt", "std")
_RESERVED_ATTRIBUTES = ("outputs", "stream", "tactic")
_definitions = {}


class _Namespace(types.ModuleType):
    """Attributes are defined as plugins are registered."""

    def __getattr__(self, name):
        raise AttributeError(f"{self.__name__} has no '{name}'; is it registered?")


op = _Namespace("tensorrt.plugin.op")


def _is_desc(annotation, of=TensorDesc):
    return isinstance(annotation, type) and issubclass(annotation, of)


class PluginDef:
    """A registered plugin. Called with tensors and attributes it gives what INetworkDefinition.add_plugin takes."""

    def __init__(self, plugin_id, register_func):
        self.plugin_id, self.register_func = plugin_id, register_func
        self.impl_func = self.aot_impl_func = self.autotune_func = None
        self.impl_attr_names = self.autotune_attr_names = self.aot_impl_attr_names = []
        self.expects_tactic = False
        self.creator = None
        self.tensor_names, self.attributes = [], {}
        signature = inspect.signature(register_func, eval_str=True)
        for name, parameter in signature.parameters.items():
            self._take(name, parameter)
        if not self.tensor_names:
            raise ValueError(f"'{plugin_id}' takes no TensorDesc; its tensors come before its attributes")
        self.num_outputs = self._count_outputs(signature.return_annotation)

    def _take(self, name, parameter):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(f"Argument '{name}' must be one that can be given by name")
        if parameter.annotation is parameter.empty:
            raise ValueError(f"Argument '{name}' has no annotation; TensorDesc or the type of an attribute is needed")
        if parameter.default is not parameter.empty:
            raise ValueError(f"Argument '{name}' has a default value, which plugins cannot have")
        if _is_desc(parameter.annotation):
            if self.attributes:
                raise ValueError(f"Tensor '{name}' comes after an attribute; tensors come first")
            self.tensor_names.append(name)
        elif name in _RESERVED_ATTRIBUTES:
            raise ValueError(f"An attribute cannot be named '{name}'")
        else:
            self.attributes[name] = Attribute(name, parameter.annotation)

    @staticmethod
    def _count_outputs(annotation):
        outputs = typing.get_args(annotation) if typing.get_origin(annotation) is tuple else (annotation,)
        if not outputs or not all(_is_desc(output) for output in outputs):
            raise ValueError(f"A plugin's description returns TensorDesc or a tuple of them, not {annotation}")
        return len(outputs)

    def check(self, function, after, of):
        """The attributes that a function takes: tensors (`of` a class), some attributes in their order, then `after`.

        Annotations may be missing; those given must be right."""
        signature = inspect.signature(function, eval_str=True)
        names = list(signature.parameters)
        attributes = [name for name in self.attributes if name in names]
        expected = [*self.tensor_names, *attributes, *after]
        if names != expected:
            raise ValueError(f"{function.__name__}({', '.join(names)}) should take ({', '.join(expected)})")
        for name, parameter in signature.parameters.items():
            wanted = {**dict.fromkeys(self.tensor_names, of), "stream": int, "tactic": int}.get(name)
            wanted = self.attributes[name].annotation if name in self.attributes else wanted
            given = parameter.annotation
            if given is parameter.empty:
                continue
            if name == "outputs":
                if typing.get_origin(given) is not tuple or not all(_is_desc(a, of) for a in typing.get_args(given)):
                    raise ValueError(f"'outputs' is a tuple of {of.__name__}, not {given}")
            elif given != wanted:
                raise ValueError(f"'{name}' is {wanted}, not {given}")
        return attributes, signature.return_annotation

    def check_runnable(self):
        if self.impl_func is not None:
            return
        if self.aot_impl_func is not None:
            raise ValueError(
                f"Plugin '{self.plugin_id}' is implemented ahead of time only, by a kernel compiled for GPUs, which "
                "this machine's processor cannot run; implement it with tensorrt.plugin.impl as well"
            )
        raise ValueError(f"Plugin '{self.plugin_id}' is not implemented; use tensorrt.plugin.impl")

    def make_known(self):
        """Registers the creator, once."""
        if self.creator is None:
            creator = Creator(self)
            if not trt.get_plugin_registry().register_creator(creator, creator.plugin_namespace):
                raise ValueError(f"The registry has a plugin '{self.plugin_id}' already")
            self.creator = creator

    def __call__(self, *args, **kwargs):
        for tensor in args:
            if not isinstance(tensor, trt.ITensor):
                raise ValueError(f"Inputs are trt.ITensor, not {type(tensor)}")
        if len(args) != len(self.tensor_names) or list(kwargs) != list(self.attributes):
            expected = ", ".join([*self.tensor_names, *(f"{name}=" for name in self.attributes)])
            raise ValueError(f"'{self.plugin_id}' takes ({expected}), attributes by name and in this order")
        values = {name: self.attributes[name].check(value) for name, value in kwargs.items()}
        self.check_runnable()
        self.make_known()
        ranks = [len(tensor.shape) for tensor in args]

        def create(request=None):
            return list(args), [], Plugin(self, values, ranks)

        return create


def _find(plugin_id):
    if plugin_id not in _definitions:
        raise ValueError(f"Plugin '{plugin_id}' is not registered; use tensorrt.plugin.register first")
    return _definitions[plugin_id]


def register(plugin_id, lazy_register=False):
    """Decorates the function that describes a plugin's outputs: (TensorDesc..., attributes...) -> TensorDesc or tuple.

    @param plugin_id "namespace::name"
    @param lazy_register the registry hears of the plugin only when tensorrt.plugin.op.namespace.name is called
    """
    parts = plugin_id.split("::")
    if len(parts) != 2 or not parts[1] or "." in plugin_id or parts[0] in _RESERVED_NAMESPACES:
        raise ValueError(f"'{plugin_id}' is no name of a plugin: 'namespace::name', without dots")

    def decorate(register_func):
        if plugin_id in _definitions:
            raise ValueError(f"Plugin '{plugin_id}' is registered already")
        definition = PluginDef(plugin_id, register_func)
        if not lazy_register:
            definition.make_known()
        _definitions[plugin_id] = definition
        space, name = parts
        if space not in vars(op):
            setattr(op, space, _Namespace(f"{op.__name__}.{space}"))
        setattr(vars(op)[space], name, definition)
        return register_func

    return decorate


def impl(plugin_id):
    """Decorates the function that computes a plugin: (Tensor..., attributes..., outputs, stream[, tactic]) -> None.

    It may take some of the plugin's attributes only.
    """

    def decorate(impl_func):
        definition = _find(plugin_id)
        tactic = "tactic" in inspect.signature(impl_func).parameters
        after = ["outputs", "stream"] + (["tactic"] if tactic else [])
        names, returned = definition.check(impl_func, after, Tensor)
        if returned not in (inspect.Signature.empty, None):
            raise ValueError(f"An implementation returns nothing, not {returned}")
        definition.impl_func, definition.impl_attr_names, definition.expects_tactic = impl_func, names, tactic
        return impl_func

    return decorate


def aot_impl(plugin_id):
    """Decorates the function that compiles a plugin's kernel: (TensorDesc..., attributes..., outputs, tactic) -> its
    name, its code, KernelLaunchParams and SymExprs.

    Accepted: such kernels are for GPUs. On this machine's processor plugins run by tensorrt.plugin.impl.
    """

    def decorate(aot_impl_func):
        definition = _find(plugin_id)
        names, returned = definition.check(aot_impl_func, ["outputs", "tactic"], TensorDesc)
        parts = typing.get_args(returned)
        texts = [set(typing.get_args(part) or (part,)) <= {str, bytes} for part in parts[:2]]
        right = (
            len(parts) == 4 and all(texts) and _is_desc(parts[2], KernelLaunchParams) and _is_desc(parts[3], SymExprs)
        )
        if not right:
            raise ValueError(
                "The annotation of what is returned must be tuple[str | bytes, str | bytes, KernelLaunchParams, "
                f"SymExprs], not {returned}"
            )
        definition.aot_impl_func, definition.aot_impl_attr_names = aot_impl_func, names
        return aot_impl_func

    return decorate


def autotune(plugin_id):
    """Decorates the function that tells types, layouts and tactics: (TensorDesc..., attributes..., outputs) -> a list of
    AutoTuneCombination. The first tactic of those that fit is the one used."""

    def decorate(autotune_func):
        definition = _find(plugin_id)
        names, _ = definition.check(autotune_func, ["outputs"], TensorDesc)
        definition.autotune_func, definition.autotune_attr_names = autotune_func, names
        return autotune_func

    return decorate
