"""Which generation of TensorRT the module speaks as: VIVACE_TENSORRT_VERSION, 7 to 11, and 8 where nothing is said.

Up to 9 the names of all generations are there. From 10 on those are gone that TensorRT has dropped by then, since programs
look whether a name exists to learn how they have to go on. Numbers of enumerators are those of 8 always.
"""

import enum
import os

VERSIONS = {7: "7.2.3", 8: "8.6.1", 9: "9.3.0", 10: "10.16.0", 11: "11.1.0"}
VARIABLE = "VIVACE_TENSORRT_VERSION"

# What a generation no longer has; "" is the module itself. Those up to 9 have everything.
GONE = {
    10: {
        "": "IFullyConnectedLayer IRNNv2Layer RNNDirection RNNGateType RNNInputMode RNNOperation ResizeMode SliceMode",
        "Builder": "average_find_iterations build_cuda_engine build_engine debug_sync fp16_mode int8_calibrator int8_mode"
        " max_batch_size max_workspace_size min_find_iterations refittable strict_type_constraints",
        "BuilderFlag": "ENABLE_TACTIC_HEURISTIC STRICT_TYPES",
        "EngineCapability": "DEFAULT SAFE_DLA SAFE_GPU",
        "IAlgorithmIOInfo": "tensor_format",
        "IBuilderConfig": "max_workspace_size min_timing_iterations",
        "IConvolutionLayer": "dilation kernel_size padding stride",
        "ICudaEngine": "__len__ binding_is_input get_binding_bytes_per_component get_binding_components_per_element"
        " get_binding_dtype get_binding_format get_binding_format_desc get_binding_index get_binding_name"
        " get_binding_shape get_binding_vectorized_dim get_location get_profile_shape get_profile_shape_input"
        " is_execution_binding is_shape_binding max_batch_size num_bindings",
        "IDeconvolutionLayer": "kernel_size padding stride",
        "IExecutionContext": "all_binding_shapes_specified execute execute_async execute_async_v2 get_binding_shape"
        " get_shape get_strides set_binding_shape set_shape_input",
        "INetworkDefinition": "add_convolution add_deconvolution add_fully_connected add_padding add_pooling"
        " add_rnn_v2 has_explicit_precision",
        "IResizeLayer": "align_corners",
        "IPaddingLayer": "post_padding pre_padding",
        "IPoolingLayer": "padding stride window_size",
        "LayerType": "FULLY_CONNECTED RNN_V2",
        "NetworkDefinitionCreationFlag": "EXPLICIT_PRECISION",
        "PaddingMode": "CAFFE_ROUND_DOWN CAFFE_ROUND_UP",
        "PreviewFeature": "DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805 FASTER_DYNAMIC_SHAPES_0805",
        "ProfilingVerbosity": "DEFAULT VERBOSE",
        "SampleMode": "DEFAULT",
    },
    11: {
        "": "CalibrationAlgoType IAlgorithm IAlgorithmContext IAlgorithmIOInfo IAlgorithmSelector IAlgorithmVariant"
        " IInt8Calibrator IInt8EntropyCalibrator IInt8EntropyCalibrator2 IInt8LegacyCalibrator IInt8MinMaxCalibrator"
        " IStreamReader QuantizationFlag",
        "Builder": "platform_has_fast_fp16 platform_has_fast_int8 platform_has_tf32",
        "BuilderFlag": "BF16 FP16 FP4 FP8 INT4 INT8 OBEY_PRECISION_CONSTRAINTS PREFER_PRECISION_CONSTRAINTS"
        " REJECT_EMPTY_ALGORITHMS WEIGHTLESS",
        "IBuilderConfig": "algorithm_selector clear_quantization_flag get_calibration_profile get_quantization_flag"
        " int8_calibrator quantization_flags set_calibration_profile set_quantization_flag",
        "ICudaEngine": "create_execution_context_without_device_memory device_memory_size"
        " get_device_memory_size_for_profile has_implicit_batch_dimension minimum_weight_streaming_budget"
        " weight_streaming_budget",
        "IExecutionContext": "all_shape_inputs_specified",
        "ILayer": "output_type_is_set precision precision_is_set reset_output_type reset_precision set_output_type",
        "INormalizationLayer": "compute_precision",
        "IPluginRegistry": "get_plugin_creator plugin_creator_list",
        "ITensor": "dynamic_range reset_dynamic_range set_dynamic_range",
        "NetworkDefinitionCreationFlag": "EXPLICIT_BATCH",
        "OnnxParser": "parse_with_weight_descriptors supports_model",
        "PreviewFeature": "MULTIDEVICE_RUNTIME_10_16 PROFILE_SHARING_0806",
        "Refitter": "get_dynamic_range get_tensors_with_dynamic_range set_dynamic_range",
        "TacticSource": "CUBLAS CUBLAS_LT CUDNN",
    },
}


def chosen():
    """(the generation, its version) that the environment asks for"""
    said = os.environ.get(VARIABLE, "").strip() or "8"
    generation = said.split(".")[0]
    if not generation.isdigit() or int(generation) not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        raise ImportError(f"{VARIABLE} is '{said}'; the generations of TensorRT's interface here are {known}")
    return int(generation), VERSIONS[int(generation)]


def _remove(owner, name):
    if isinstance(owner, dict):
        owner.pop(name, None)
    elif isinstance(owner, type) and issubclass(owner, enum.Enum):
        owner._member_map_.pop(name, None)
        if name in owner._member_names_:
            owner._member_names_.remove(name)
        if name in vars(owner):
            type.__delattr__(owner, name)
    elif name in vars(owner):
        delattr(owner, name)


def apply(package, core, generation):
    """Makes the module, of which `package` is the dictionary, what it is in a generation."""
    core._speak_as(generation)
    classes_of = dict(vars(core))  # some go before their members are asked for
    explicit = 1 << int(core.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    set_output_type, wide = core.ILayer.set_output_type, core.DataType.INT64
    for since, classes in GONE.items():
        for owner, names in classes.items() if generation >= since else ():
            for name in names.split():
                for holder in (package, core) if not owner else (classes_of[owner],):
                    _remove(holder, name)
    if generation >= 10:
        create = core.Builder.create_network

        def create_network(self, flags=0):
            """A network; the batch is a dimension like others in every network."""
            return create(self, flags | explicit)

        core.Builder.create_network = create_network
        shape = core.INetworkDefinition.add_shape

        def add_shape(self, input):
            """Sizes are of 64 bits from this generation on."""
            layer = shape(self, input)
            if layer is not None:
                set_output_type(layer, 0, wide)
            return layer

        core.INetworkDefinition.add_shape = add_shape
