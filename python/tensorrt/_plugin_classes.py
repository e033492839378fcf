"""What plugins written in Python derive from. An object of a class here becomes a plugin where C++ needs one."""

import abc

from . import tensorrt as _core


class IVersionedInterface(abc.ABC):  # noqa: B024
    """What every interface of TensorRT derives from."""


def _required(name):
    def method(self, *args):
        raise NotImplementedError(f"{type(self).__name__} has no {name}()")

    method.__name__ = name
    return method


class IPluginV2DynamicExt:
    """A plugin of the second generation over tensors of dynamic shapes."""

    FORMAT_COMBINATION_LIMIT = 100

    plugin_type = None
    plugin_version = None
    plugin_namespace = ""
    num_outputs = 0

    get_output_datatype = _required("get_output_datatype")
    get_output_dimensions = _required("get_output_dimensions")
    supports_format_combination = _required("supports_format_combination")
    configure_plugin = _required("configure_plugin")
    enqueue = _required("enqueue")
    clone = _required("clone")
    serialize = _required("serialize")

    def initialize(self):
        return 0

    def terminate(self):
        pass

    def destroy(self):
        pass

    def get_workspace_size(self, input_desc, output_desc):
        return 0

    def get_serialization_size(self):
        return None  # as many bytes as serialize() gives

    @property
    def serialization_size(self):
        size = self.get_serialization_size()
        return len(self.serialize()) if size is None else size


class IPluginCapability(IVersionedInterface):
    """A part of a plugin of the third generation."""


class IPluginV3(IVersionedInterface):
    """A plugin of the third generation: an object that gives its parts, often itself."""

    get_capability_interface = _required("get_capability_interface")
    clone = _required("clone")

    def destroy(self):
        pass


IPluginV3.register(_core._PluginV3)


class IPluginV3OneCore(IPluginCapability):
    """The name of a plugin of the third generation."""

    plugin_name = None
    plugin_version = None
    plugin_namespace = ""


class IPluginV3OneBuild(IPluginCapability):
    """What a plugin of the third generation tells while an engine is built."""

    DEFAULT_FORMAT_COMBINATION_LIMIT = 100

    num_outputs = 0
    format_combination_limit = DEFAULT_FORMAT_COMBINATION_LIMIT
    metadata_string = None
    timing_cache_id = None

    get_output_data_types = _required("get_output_data_types")
    get_output_shapes = _required("get_output_shapes")
    supports_format_combination = _required("supports_format_combination")

    def configure_plugin(self, inputs, outputs):
        pass

    def get_workspace_size(self, inputs, outputs):
        return 0

    def get_valid_tactics(self):
        return []

    def get_aliased_input(self, output_index):
        return -1


class IPluginV3OneBuildV2(IPluginV3OneBuild):
    """IPluginV3OneBuild with outputs that share memory with an input."""


class IPluginV3OneRuntime(IPluginCapability):
    """What a plugin of the third generation does while an engine runs."""

    enqueue = _required("enqueue")

    def on_shape_change(self, inputs, outputs):
        pass

    def set_tactic(self, tactic):
        pass

    def attach_to_context(self, resource_context):
        return self.clone()

    def get_fields_to_serialize(self):
        from ._values import PluginFieldCollection

        return PluginFieldCollection()


class IPluginResource(IVersionedInterface):
    """Something that plugins share under a key of the registry, which keeps a clone of it."""

    release = _required("release")
    clone = _required("clone")


IPluginResource.register(_core._PluginResource)
