"""The module tensorrt: what each layer, and each of its settings, computes."""

import numpy as np
import pytest
from tensorrt_testing import EXPLICIT, Log, build_network, execute, trt

RNG = np.random.default_rng(3)
POSITIVE = RNG.uniform(0.1, 0.9, (2, 3)).astype(np.float32)
BOTH = RNG.uniform(-2, 2, (2, 3)).astype(np.float32)


@pytest.fixture
def log():
    return Log()


def run(log, define, *inputs):
    """What the outputs of `define(network, *tensors)` are for the inputs."""
    engine = build_network(log, define, *(x.shape for x in inputs))
    return execute(engine.create_execution_context(), *inputs)


def outputs_of(layers):
    return [layer.get_output(0) for layer in layers]


UNARY = {
    trt.UnaryOperation.ABS: np.abs,
    trt.UnaryOperation.ACOS: np.arccos,
    trt.UnaryOperation.ACOSH: lambda x: np.arccosh(x + 1),
    trt.UnaryOperation.ASIN: np.arcsin,
    trt.UnaryOperation.ASINH: np.arcsinh,
    trt.UnaryOperation.ATAN: np.arctan,
    trt.UnaryOperation.ATANH: np.arctanh,
    trt.UnaryOperation.CEIL: np.ceil,
    trt.UnaryOperation.COS: np.cos,
    trt.UnaryOperation.COSH: np.cosh,
    trt.UnaryOperation.ERF: lambda x: 2 / np.sqrt(np.pi) * (x - x**3 / 3 + x**5 / 10 - x**7 / 42 + x**9 / 216),
    trt.UnaryOperation.EXP: np.exp,
    trt.UnaryOperation.FLOOR: np.floor,
    trt.UnaryOperation.LOG: np.log,
    trt.UnaryOperation.NEG: np.negative,
    trt.UnaryOperation.RECIP: np.reciprocal,
    trt.UnaryOperation.ROUND: np.round,
    trt.UnaryOperation.SIGN: np.sign,
    trt.UnaryOperation.SIN: np.sin,
    trt.UnaryOperation.SINH: np.sinh,
    trt.UnaryOperation.SQRT: np.sqrt,
    trt.UnaryOperation.TAN: np.tan,
}


def test_unary_operations(log):
    def define(network, x, above_one):
        layers = [network.add_unary(above_one if op == trt.UnaryOperation.ACOSH else x, op) for op in UNARY]
        assert [layer.op for layer in layers] == list(UNARY)
        layers[0].op = trt.UnaryOperation.ABS
        return outputs_of(layers)

    for op, y in zip(UNARY, run(log, define, POSITIVE, POSITIVE + 1), strict=True):
        np.testing.assert_allclose(y, UNARY[op](POSITIVE), rtol=2e-3, atol=1e-5, err_msg=str(op))


ELEMENTWISE = {
    trt.ElementWiseOperation.SUM: np.add,
    trt.ElementWiseOperation.PROD: np.multiply,
    trt.ElementWiseOperation.MAX: np.maximum,
    trt.ElementWiseOperation.MIN: np.minimum,
    trt.ElementWiseOperation.SUB: np.subtract,
    trt.ElementWiseOperation.DIV: np.divide,
    trt.ElementWiseOperation.POW: lambda a, b: np.abs(a) ** b,
    trt.ElementWiseOperation.FLOOR_DIV: np.floor_divide,
    trt.ElementWiseOperation.EQUAL: np.equal,
    trt.ElementWiseOperation.GREATER: np.greater,
    trt.ElementWiseOperation.LESS: np.less,
}


def test_elementwise_operations(log):
    a, b = np.array([[1.5, -2, 3]], np.float32), np.array([[1.5, 0.5, -1]], np.float32)

    def define(network, x, y):
        magnitude = network.add_unary(x, trt.UnaryOperation.ABS).get_output(0)
        layers = [
            network.add_elementwise(magnitude if op == trt.ElementWiseOperation.POW else x, y, op) for op in ELEMENTWISE
        ]
        return outputs_of(layers)

    for op, y in zip(ELEMENTWISE, run(log, define, a, b), strict=True):
        np.testing.assert_allclose(y, ELEMENTWISE[op](a, b), rtol=1e-5, err_msg=str(op))
        compares = op in (
            trt.ElementWiseOperation.EQUAL,
            trt.ElementWiseOperation.GREATER,
            trt.ElementWiseOperation.LESS,
        )
        assert y.dtype == (np.bool_ if compares else np.float32)


def test_logic(log):
    def define(network, x, y):
        positive = [network.add_elementwise(t, zero(network), trt.ElementWiseOperation.GREATER) for t in (x, y)]
        p, q = outputs_of(positive)
        assert p.dtype == trt.bool == trt.DataType.BOOL
        return [network.add_unary(p, trt.UnaryOperation.NOT).get_output(0)] + outputs_of(
            network.add_elementwise(p, q, op)
            for op in (trt.ElementWiseOperation.AND, trt.ElementWiseOperation.OR, trt.ElementWiseOperation.XOR)
        )

    def zero(network):
        return network.add_constant((1, 1), np.zeros((1, 1), np.float32)).get_output(0)

    a, b = np.array([[1, 1, -1, -1]], np.float32), np.array([[1, -1, 1, -1]], np.float32)
    p, q = a > 0, b > 0
    for y, expected in zip(run(log, define, a, b), (~p, p & q, p | q, p ^ q), strict=True):
        np.testing.assert_array_equal(y, expected)


def selu(x, alpha=1.6732632, scale=1.0507009):
    return scale * np.where(x > 0, x, alpha * np.expm1(x))


ACTIVATIONS = {
    trt.ActivationType.RELU: (0, 0, lambda x: np.maximum(x, 0)),
    trt.ActivationType.SIGMOID: (0, 0, lambda x: 1 / (1 + np.exp(-x))),
    trt.ActivationType.TANH: (0, 0, np.tanh),
    trt.ActivationType.LEAKY_RELU: (0.25, 0, lambda x: np.where(x > 0, x, 0.25 * x)),
    trt.ActivationType.ELU: (0.5, 0, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    trt.ActivationType.SELU: (1.6732632, 1.0507009, selu),
    trt.ActivationType.SOFTSIGN: (0, 0, lambda x: x / (1 + np.abs(x))),
    trt.ActivationType.SOFTPLUS: (2, 0.5, lambda x: 2 * np.log1p(np.exp(0.5 * x))),
    trt.ActivationType.CLIP: (-0.5, 0.75, lambda x: np.clip(x, -0.5, 0.75)),
    trt.ActivationType.HARD_SIGMOID: (0.25, 0.5, lambda x: np.clip(0.25 * x + 0.5, 0, 1)),
    trt.ActivationType.SCALED_TANH: (2, 0.5, lambda x: 2 * np.tanh(0.5 * x)),
    trt.ActivationType.THRESHOLDED_RELU: (1, 0, lambda x: np.where(x > 1, x, 0)),
}


def test_activations(log):
    def define(network, x):
        made = []
        for kind, (alpha, beta, _) in ACTIVATIONS.items():
            layer = network.add_activation(x, kind)
            layer.alpha, layer.beta = alpha, beta
            assert (layer.type, layer.alpha, layer.beta) == (kind, np.float32(alpha), np.float32(beta))
            made.append(layer)
        return outputs_of(made)

    for (kind, (_, _, f)), y in zip(ACTIVATIONS.items(), run(log, define, BOTH), strict=True):
        np.testing.assert_allclose(y, f(BOTH), rtol=1e-4, atol=1e-5, err_msg=str(kind))


REDUCTIONS = {
    trt.ReduceOperation.SUM: np.sum,
    trt.ReduceOperation.PROD: np.prod,
    trt.ReduceOperation.MAX: np.max,
    trt.ReduceOperation.MIN: np.min,
    trt.ReduceOperation.AVG: np.mean,
}


def test_reductions(log):
    def define(network, x):
        layers = [network.add_reduce(x, op, axes=1, keep_dims=False) for op in REDUCTIONS]
        for layer in layers:
            layer.axes = 1 << 1
        assert {(layer.axes, layer.keep_dims) for layer in layers} == {(2, False)}
        return outputs_of(layers)

    for (op, f), y in zip(REDUCTIONS.items(), run(log, define, BOTH), strict=True):
        np.testing.assert_allclose(y, f(BOTH, axis=1), rtol=1e-5, err_msg=str(op))


def test_convolution_settings(log):
    """A 1 x 1 kernel of twos in two groups, padded and strided; a dilated one; the rounding of padded sizes."""
    x = np.arange(2 * 5 * 5, dtype=np.float32).reshape(1, 2, 5, 5)
    twos = np.full((2, 1, 1, 1), 2, np.float32)
    corners = np.zeros((1, 2, 2, 2), np.float32)
    corners[0, 0] = 1

    def define(network, x):
        grouped = network.add_convolution(x, 2, trt.DimsHW(1, 1), twos, None)
        grouped.num_groups = 2
        grouped.stride = (2, 2)
        grouped.padding = (1, 1)
        grouped.dilation = (1, 1)
        assert (grouped.num_groups, grouped.padding_nd, grouped.stride_nd) == (2, (1, 1), (2, 2))
        dilated = network.add_convolution_nd(x, 1, (2, 2), corners, trt.Weights())
        dilated.dilation_nd = (3, 3)
        rounded = network.add_convolution_nd(x, 1, (2, 2), corners)
        rounded.stride_nd = (2, 2)
        rounded.pre_padding, rounded.post_padding = (0, 0), (0, 0)
        rounded.padding_mode = trt.PaddingMode.EXPLICIT_ROUND_UP
        assert rounded.padding_mode == trt.PaddingMode.EXPLICIT_ROUND_UP and rounded.post_padding == (0, 0)
        lopsided = network.add_convolution_nd(x, 1, (2, 2), corners)
        lopsided.pre_padding, lopsided.post_padding = (1, 0), (0, 1)
        return outputs_of([grouped, dilated, rounded, lopsided])

    grouped, dilated, rounded, lopsided = run(log, define, x)
    np.testing.assert_array_equal(grouped, 2 * np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))[:, :, ::2, ::2])
    c = x[0, 0]
    np.testing.assert_array_equal(dilated[0, 0], c[:2, :2] + c[3:, :2] + c[:2, 3:] + c[3:, 3:])
    assert rounded.shape == (1, 1, 3, 3) and rounded[0, 0, 2, 2] == c[4, 4]
    p = np.pad(c, ((1, 0), (0, 1)))
    np.testing.assert_array_equal(lopsided[0, 0], p[:-1, :-1] + p[1:, :-1] + p[:-1, 1:] + p[1:, 1:])


def test_deconvolution_and_full_connection(log):
    x = np.array([[[[1, 2]]]], np.float32)
    kernel = np.array([10, 1], np.float32).reshape(1, 1, 1, 2)
    weights = np.array([[1, 2], [3, 4], [5, 6]], np.float32)

    def define(network, x):
        wide = network.add_deconvolution(x, 1, trt.DimsHW(1, 2), kernel, None)
        wide.stride = (1, 2)
        same = network.add_deconvolution_nd(input=x, num_output_maps=1, kernel_shape=(1, 2), kernel=kernel)
        same.padding_nd = (0, 0)
        assert isinstance(same, trt.IDeconvolutionLayer) and same.num_output_maps == 1
        full = network.add_fully_connected(x, 3, weights, np.ones(3, np.float32))
        full.bias = np.zeros(3, np.float32)
        assert {layer.type for layer in network} == {trt.LayerType.DECONVOLUTION, trt.LayerType.FULLY_CONNECTED}
        return outputs_of([wide, same, full])

    wide, same, full = run(log, define, x)
    assert wide.ravel().tolist() == [10, 1, 20, 2] and same.ravel().tolist() == [10, 21, 2]
    assert full.ravel().tolist() == [5, 11, 17]


def test_pooling_and_scaling(log):
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)

    def define(network, x):
        inner = network.add_pooling_nd(x, trt.PoolingType.AVERAGE, (2, 2))
        inner.stride_nd, inner.padding_nd = (2, 2), (1, 1)
        inner.average_count_excludes_padding = True
        whole = network.add_pooling(x, trt.PoolingType.AVERAGE, (2, 2))
        whole.stride, whole.padding = (2, 2), (1, 1)
        whole.average_count_excludes_padding = False
        one, two = np.array([1], np.float32), np.array([3, 5], np.float32)
        uniform = network.add_scale(x, trt.ScaleMode.UNIFORM, one, two[:1], one * 2)
        channel = network.add_scale_nd(x, trt.ScaleMode.UNIFORM, None, two, None, channel_axis=1)
        channel.mode = trt.ScaleMode.CHANNEL
        assert channel.mode == trt.ScaleMode.CHANNEL and channel.channel_axis == 1
        assert {layer.type for layer in network} == {trt.LayerType.POOLING, trt.LayerType.SCALE}
        return outputs_of([inner, whole, uniform, channel])

    inner, whole, uniform, channel = run(log, define, x)
    np.testing.assert_array_equal(inner, x)
    np.testing.assert_array_equal(whole, x / 4)
    np.testing.assert_array_equal(uniform, (3 * x + 1) ** 2)
    np.testing.assert_array_equal(channel, x * np.array([3, 5]).reshape(1, 2, 1, 1))


def test_resizing(log):
    x = np.array([[[[0, 4]]]], np.float32)

    def define(network, x):
        made = []
        for mode, transformation in (
            (trt.ResizeMode.NEAREST, trt.ResizeCoordinateTransformation.ASYMMETRIC),
            (trt.InterpolationMode.LINEAR, trt.ResizeCoordinateTransformation.HALF_PIXEL),
            (trt.ResizeMode.LINEAR, trt.ResizeCoordinateTransformation.ALIGN_CORNERS),
            (trt.ResizeMode.CUBIC, trt.ResizeCoordinateTransformation.HALF_PIXEL),
        ):
            layer = network.add_resize(x)
            layer.resize_mode = mode
            layer.coordinate_transformation = transformation
            layer.scales = (1, 1, 1, 2)
            assert (layer.resize_mode, layer.coordinate_transformation) == (mode, transformation)
            assert layer.scales == [1, 1, 1, 2]
            made.append(layer)
        layer = network.add_resize(x)
        layer.resize_mode = trt.InterpolationMode.LINEAR
        layer.shape = (1, 1, 1, 5)
        layer.align_corners = True
        assert layer.align_corners and layer.shape == (1, 1, 1, 5)
        cubic = network.add_resize(x)
        cubic.resize_mode, cubic.shape = trt.InterpolationMode.CUBIC, (1, 1, 1, 2)
        nearest = network.add_resize(x)
        nearest.resize_mode, nearest.shape = trt.InterpolationMode.NEAREST, (1, 1, 1, 1)
        assert {layer.type for layer in network} == {trt.LayerType.RESIZE}
        return outputs_of([*made, layer, cubic, nearest])

    nearest, half, aligned, cubic, five, same, one = (y.ravel() for y in run(log, define, x))
    assert nearest.tolist() == [0, 0, 4, 4] and half.tolist() == [0, 1, 3, 4]
    np.testing.assert_allclose(aligned, [0, 4 / 3, 8 / 3, 4], rtol=1e-6)
    assert cubic[0] < 0 < cubic[1] < 2 < cubic[2] < 4 < cubic[3]
    assert five.tolist() == [0, 1, 2, 3, 4] and same.tolist() == [0, 4] and one.tolist() == [0]


def test_moving_data(log):
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)

    def define(network, x):
        joined = network.add_concatenation([x, x])
        joined.axis = 1
        assert joined.axis == 1
        wrapped = network.add_slice(x, start=(0, 1, 2), shape=(1, 2, 2), stride=(1, 1, 1))
        wrapped.mode = trt.SliceMode.WRAP
        wrapped.shape = (1, 3, 4)
        assert wrapped.mode == trt.SampleMode.WRAP and wrapped.shape == (1, 3, 4) and wrapped.start == (0, 1, 2)
        whole = network.add_cast(x, trt.int32)
        assert whole.to_type == trt.DataType.INT32
        half = network.add_cast(x, trt.float16)
        half.to_type = trt.int8
        same = network.add_identity(x)
        square = network.add_einsum([x, x], "bij,bkj->bik")
        assert square.equation == "bij,bkj->bik"
        turned = network.add_shuffle(x)
        turned.first_transpose = trt.Permutation([0, 2, 1])
        turned.reshape_dims = (0, -1)
        turned.zero_is_placeholder = True
        assert {layer.type for layer in network} == {
            trt.LayerType.CONCATENATION,
            trt.LayerType.SLICE,
            trt.LayerType.CAST,
            trt.LayerType.IDENTITY,
            trt.LayerType.EINSUM,
            trt.LayerType.SHUFFLE,
        }
        return outputs_of([joined, wrapped, whole, half, same, square, turned])

    joined, wrapped, whole, small, same, square, turned = run(log, define, x)
    np.testing.assert_array_equal(joined, np.concatenate([x, x], 1))
    np.testing.assert_array_equal(wrapped, x[:, [1, 0, 1]][:, :, [2, 0, 1, 2]])
    assert whole.dtype == np.int32 and small.dtype == np.int8 and (whole == x).all() and (small == x).all()
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(square, x @ x.transpose(0, 2, 1))
    np.testing.assert_array_equal(turned, x.transpose(0, 2, 1).reshape(1, 6))


def test_padding_matrices_and_softmax(log):
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)

    def define(network, x):
        padded = network.add_padding(x, (1, 0), (0, 2))
        assert padded.pre_padding_nd == (1, 0) and tuple(padded.post_padding) == (0, 2)
        other = network.add_padding_nd(input=x, pre_padding=(0, 1), post_padding=(0, 0))
        product = network.add_matrix_multiply(x, trt.MatrixOperation.NONE, x, trt.MatrixOperation.NONE)
        product.op1 = trt.MatrixOperation.TRANSPOSE
        assert (product.op0, product.op1) == (trt.MatrixOperation.NONE, trt.MatrixOperation.TRANSPOSE)
        soft = network.add_softmax(x)
        soft.axes = 1 << 2
        assert {layer.type for layer in network} == {
            trt.LayerType.PADDING,
            trt.LayerType.MATRIX_MULTIPLY,
            trt.LayerType.SOFTMAX,
        }
        return outputs_of([padded, other, product, soft])

    padded, other, product, soft = run(log, define, x)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2))))
    np.testing.assert_array_equal(other, np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 0))))
    np.testing.assert_array_equal(product, x @ x.swapaxes(2, 3))
    np.testing.assert_allclose(soft, np.exp(x) / np.exp(x).sum(2, keepdims=True), rtol=1e-5)


def test_quantization(log):
    x = np.array([[-3, 0.6, 1, 200]], np.float32)

    def define(network, x):
        scale = network.add_constant((), np.array(0.5, np.float32)).get_output(0)
        quantized = network.add_quantize(x, scale, trt.int8)
        back = network.add_dequantize(input=quantized.get_output(0), scale=scale, output_type=trt.float32)
        kinds = [layer.type for layer in network]
        assert kinds == [trt.LayerType.CONSTANT, trt.LayerType.QUANTIZE, trt.LayerType.DEQUANTIZE]
        assert quantized.get_output(0).dtype == trt.DataType.INT8
        return back.get_output(0)

    assert run(log, define, x)[0].tolist() == [[-3, 0.5, 1, 63.5]]


def test_loops_and_conditionals(log):
    x = np.array([1, 2], np.float32)

    def define(network, x):
        three = network.add_constant((), np.array(3, np.int32)).get_output(0)
        loop = network.add_loop()
        loop.name = "thrice"
        assert isinstance(loop, trt.ILoop) and loop.name == "thrice"
        limit = loop.add_trip_limit(three, trt.TripLimit.COUNT)
        state = loop.add_recurrence(x)
        twice = network.add_elementwise(state.get_output(0), state.get_output(0), trt.ElementWiseOperation.SUM)
        state.set_input(1, twice.get_output(0))
        last = loop.add_loop_output(state.get_output(0), trt.LoopOutput.LAST_VALUE)
        all_of_them = loop.add_loop_output(twice.get_output(0), trt.LoopOutput.CONCATENATE, 0)
        all_of_them.set_input(1, three)
        assert limit.kind == trt.TripLimit.COUNT and last.kind == trt.LoopOutput.LAST_VALUE

        total = network.add_reduce(x, trt.ReduceOperation.SUM, 1, False).get_output(0)
        zero = network.add_constant((), np.array(0, np.float32)).get_output(0)
        positive = network.add_elementwise(total, zero, trt.ElementWiseOperation.GREATER).get_output(0)
        conditional = network.add_if_conditional()
        conditional.set_condition(positive)
        inside = conditional.add_input(x).get_output(0)
        minus = network.add_unary(inside, trt.UnaryOperation.NEG).get_output(0)
        double = network.add_elementwise(inside, inside, trt.ElementWiseOperation.SUM).get_output(0)
        assert {layer.type for layer in network} == {
            trt.LayerType.CONSTANT,
            trt.LayerType.TRIP_LIMIT,
            trt.LayerType.RECURRENCE,
            trt.LayerType.LOOP_OUTPUT,
            trt.LayerType.ELEMENTWISE,
            trt.LayerType.REDUCE,
            trt.LayerType.CONDITION,
            trt.LayerType.CONDITIONAL_INPUT,
            trt.LayerType.UNARY,
        }
        return outputs_of([last, all_of_them, conditional.add_output(double, minus)])

    last, steps, chosen = run(log, define, x)
    assert last.tolist() == [8, 16] and steps.tolist() == [[2, 4], [4, 8], [8, 16]] and chosen.tolist() == [2, 4]
    assert run(log, define, -x)[2].tolist() == [1, 2]


def test_what_layers_and_tensors_tell(log):
    network = trt.Builder(log).create_network(EXPLICIT)
    x, y = (network.add_input(name, trt.float32, (2, 2)) for name in "xy")
    layer = network.add_elementwise(x, x, trt.ElementWiseOperation.SUB)
    assert (layer.num_inputs, layer.num_outputs, layer.get_input(1).name) == (2, 1, "x")
    layer.set_input(1, y)
    assert layer.get_input(1).name == "y" and layer.get_input(2) is None
    assert not layer.precision_is_set
    layer.precision = trt.float16
    assert layer.precision_is_set and layer.precision == trt.DataType.HALF
    layer.reset_precision()
    assert not layer.precision_is_set
    layer.set_output_type(0, trt.float16)
    assert layer.output_type_is_set(0) and layer.get_output_type(0) == trt.float16
    layer.reset_output_type(0)
    assert not layer.output_type_is_set(0)
    layer.metadata = "from a test"
    assert layer.metadata == "from a test"

    made = layer.get_output(0)
    assert not made.is_network_output
    network.mark_output(made)
    assert made.is_network_output and network.num_outputs == 1
    network.unmark_output(made)
    assert not made.is_network_output and network.num_outputs == 0
    shape = network.add_shape(made)
    assert shape.type == trt.LayerType.SHAPE and made.is_execution_tensor and not made.is_shape_tensor
    network.mark_output_for_shapes(shape.get_output(0))
    assert shape.get_output(0).is_shape_tensor
    x.allowed_formats = 1 << int(trt.TensorFormat.HWC)
    assert x.allowed_formats == 1 << int(trt.TensorFormat.HWC)
    x.allowed_formats = 1 << int(trt.TensorFormat.LINEAR)
    assert y.location == trt.TensorLocation.DEVICE
    y.dynamic_range = (-2, 3)
    assert y.dynamic_range == (-2, 3)
    y.reset_dynamic_range()
    assert y.dynamic_range is None
    y.dtype = trt.int32
    assert y.dtype == trt.DataType.INT32
    y.set_dimension_name(0, "rows")
    assert y.get_dimension_name(0) == "rows"
    assert not network.has_explicit_precision
    assert network.get_flag(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    assert not network.get_flag(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def test_strongly_typed_networks(log):
    strong = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = trt.Builder(log).create_network(EXPLICIT | strong)
    assert network.get_flag(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def test_classes_of_layers_fit_their_types(log):
    """What programs that walk over a network assume: every kind of layer has a class that shows its settings."""
    interfaces = {
        name for name, value in vars(trt).items() if isinstance(value, type) and issubclass(value, trt.ILayer)
    }
    for kind in trt.LayerType.__members__:
        words = kind.replace("_V2", "V2").replace("_V3", "V3").split("_")
        wanted = "I" + "".join(words) + "LAYER"
        exceptions = {"ICONDITIONALINPUTLAYER": "IIFCONDITIONALINPUTLAYER", "IPLUGINLAYER": "IPLUGINV2LAYER",
                      "ICONDITIONALOUTPUTLAYER": "IIFCONDITIONALOUTPUTLAYER"}  # fmt: skip
        assert exceptions.get(wanted, wanted) in {name.upper() for name in interfaces}, kind
