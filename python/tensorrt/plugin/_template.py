"""The plugin and the creator that stand behind decorated functions."""

import tensorrt as trt

from ._shapes import ShapeExpr, ShapeExprs, expressions_of
from ._tensors import Tensor, TensorDesc

_KINDS = (trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuildV2, trt.IPluginV3OneRuntime)


class Plugin(*_KINDS):
    """A plugin that asks the functions of a definition."""

    def __init__(self, definition, attributes, ranks=None):
        for kind in _KINDS:
            kind.__init__(self)
        self.definition, self.attributes, self.ranks = definition, attributes, ranks
        self.plugin_namespace, self.plugin_name = definition.plugin_id.split("::")
        self.plugin_version = "1"
        self.timing_cache_id = ""
        self.num_outputs = definition.num_outputs
        self.tactic = 0
        self._types = self._inputs = self._outputs = self._supported = None
        self._tactics = []

    def clone(self):
        made = Plugin(self.definition, self.attributes)
        made.__dict__.update(self.__dict__)
        return made

    def get_capability_interface(self, type):
        return self

    def _describe(self, inputs):
        made = self.definition.register_func(*inputs, **self.attributes)
        made = made if isinstance(made, tuple) else (made,)
        if len(made) != self.num_outputs:
            raise ValueError(f"'{self.definition.plugin_id}' describes {len(made)} outputs, not {self.num_outputs}")
        for index, desc in enumerate(made):
            if desc.is_size_tensor:
                desc.index = index
        return made

    def get_output_data_types(self, input_types):
        # Nobody tells ranks here. Types do not depend on them, except where a description asks for what is not there.
        self._types = input_types
        ranks = self.ranks or [trt.Dims.MAX_DIMS] * len(input_types)
        fakes = zip(ranks, input_types, strict=True)
        inputs = [TensorDesc(ShapeExprs.fake(rank), dtype)._seal() for rank, dtype in fakes]
        return [desc.dtype for desc in self._describe(inputs)]

    def get_output_shapes(self, inputs, shape_inputs, expr_builder):
        with expressions_of(expr_builder):
            shapes = [ShapeExprs.from_tuple([ShapeExpr(dims[i]) for i in range(len(dims))]) for dims in inputs]
            self._inputs = [TensorDesc(s, t)._seal() for s, t in zip(shapes, self._types, strict=True)]
            self._outputs = self._describe(self._inputs)
            return [trt.DimsExprs([e._expr for e in desc.shape_expr]) for desc in self._outputs]

    def get_aliased_input(self, output_index):
        to = self._outputs[output_index].get_aliased() if self._outputs else None
        return next((i for i, desc in enumerate(self._inputs or []) if desc is to), -1)

    def _given(self, names):
        return [self.attributes[name] for name in names]

    def supports_format_combination(self, pos, in_out, num_inputs):
        if pos == 0 or self._supported is None:
            self._supported = self._combinations(in_out, num_inputs)
        have = [(desc.desc.type, desc.desc.format) for desc in in_out[: pos + 1]]
        return any(have == list(zip(types, layouts))[: pos + 1] for types, layouts, _ in self._supported)

    def _combinations(self, in_out, num_inputs):
        if self.definition.autotune_func is None:
            types = [*self._types, *(desc.dtype for desc in self._outputs)]
            return [(types, [trt.TensorFormat.LINEAR] * len(types), [])]
        known = [*self._inputs, *self._outputs]
        descs = [desc._with_shape(has) for desc, has in zip(known, in_out, strict=True)]
        attributes = self._given(self.definition.autotune_attr_names)
        offered = self.definition.autotune_func(*descs[:num_inputs], *attributes, tuple(descs[num_inputs:]))
        combinations = [c for combination in offered for c in combination._all()]
        for types, _, _ in combinations:
            if len(types) != len(in_out):
                raise ValueError(
                    f"autotune of '{self.definition.plugin_id}' gives {len(types)} types for {len(in_out)} tensors"
                )
        return combinations

    def configure_plugin(self, inputs, outputs):
        have = [(desc.desc.type, desc.desc.format) for desc in [*inputs, *outputs]]
        fitting = [tactics for types, layouts, tactics in self._supported if have == list(zip(types, layouts))]
        self._tactics = [tactic for tactics in fitting for tactic in tactics]

    def get_valid_tactics(self):
        return list(dict.fromkeys(self._tactics))

    def attach_to_context(self, resource_context):
        return self  # shapes are asked of the plugin that runs

    def set_tactic(self, tactic):
        self.tactic = tactic

    def get_fields_to_serialize(self):
        attributes = self.definition.attributes
        return trt.PluginFieldCollection([attributes[name].field(value) for name, value in self.attributes.items()])

    def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
        sources = [Tensor(desc, at, stream) for desc, at in zip(input_desc, inputs, strict=True)]
        results = [Tensor(desc, at, stream) for desc, at in zip(output_desc, outputs, strict=True)]
        for index, result in enumerate(results):
            to = self.get_aliased_input(index)
            if to >= 0:
                result._aliased_to, sources[to]._aliased_to = sources[to], result
        for tensor in [*sources, *results]:
            tensor._seal()
        definition = self.definition
        rest = [tuple(results), stream] + ([self.tactic] if definition.expects_tactic else [])
        definition.impl_func(*sources, *self._given(definition.impl_attr_names), *rest)


class Creator(trt.IPluginCreatorV3One):
    """Makes the plugins of one definition."""

    def __init__(self, definition):
        super().__init__()
        self.definition = definition
        self.plugin_namespace, self.name = definition.plugin_id.split("::")
        self.plugin_version = "1"
        self.field_names = trt.PluginFieldCollection([a.field() for a in definition.attributes.values()])

    def create_plugin(self, name, field_collection, phase):
        definition = self.definition
        definition.check_runnable()
        given = {field.name: field for field in field_collection}
        missing = [name for name in definition.attributes if name not in given]
        if missing:
            raise ValueError(f"Plugin '{definition.plugin_id}' lacks its attribute '{missing[0]}'")
        return Plugin(definition, {name: a.value(given[name]) for name, a in definition.attributes.items()})
