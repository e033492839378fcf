"""The module tensorrt: layers for selection, normalization, attention and recurrence, by the keywords they are known by."""

import numpy as np
import pytest
from tensorrt_layers_test import outputs_of, run
from tensorrt_testing import EXPLICIT, Log, build_network, execute, trt

X = np.array([[[[3, 1, 2], [6, 5, 4]]]], np.float32)


@pytest.fixture
def log():
    return Log()


def constant(network, values, kind=np.float32):
    array = np.array(values, kind)
    return network.add_constant(array.shape, array).get_output(0)


def kinds_of(network):
    """The types of the network's layers but constants."""
    return {layer.type for layer in network} - {trt.LayerType.CONSTANT}


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_choosing_elements(log):
    def define(network, x):
        best = network.add_topk(input=x, op=trt.TopKOperation.MAX, k=2, axes=1 << 3)
        least = network.add_topk(x, trt.TopKOperation.MAX, 1, 1 << 2)
        least.op, least.k, least.axes = trt.TopKOperation.MIN, 1, 1 << 3
        assert (least.op, least.k, least.axes, least.indices_type) == (trt.TopKOperation.MIN, 1, 8, trt.int32)
        rows = network.add_gather(input=x, indices=constant(network, [1, 0, 1], np.int32), axis=2)
        rows.axis = 3
        assert (rows.axis, rows.mode, rows.num_elementwise_dims) == (3, trt.GatherMode.DEFAULT, 0)
        points = network.add_gather_v2(x, constant(network, [[0, 0, 1, 2]], np.int32), mode=trt.GatherMode.ND)
        each = network.add_gather_v2(x, constant(network, [[[[2, 2, 0]]]], np.int32), trt.GatherMode.ELEMENT)
        each.axis = 3
        spread = network.add_scatter(
            x, constant(network, [[[[1]]]], np.int32), constant(network, [[[[9]]]]), trt.ScatterMode.ELEMENT
        )
        spread.axis = 3
        put = network.add_scatter(
            data=x,
            indices=constant(network, [[0, 0, 1]], np.int32),
            updates=constant(network, [[7, 7, 7]]),
            mode=trt.ScatterMode.ND,
        )
        assert (spread.mode, spread.axis, put.mode) == (trt.ScatterMode.ELEMENT, 3, trt.ScatterMode.ND)
        hot = network.add_one_hot(
            indices=constant(network, [2, 0], np.int32), values=constant(network, [0, 5]), depth=constant(network, 3, np.int32), axis=1
        )  # fmt: skip
        hot.axis = 0
        chosen = network.add_select(
            condition=network.add_elementwise(x, constant(network, [[[[3]]]]), trt.ElementWiseOperation.GREATER).get_output(0),
            then_input=x, else_input=constant(network, [[[[0]]]])
        )  # fmt: skip
        assert kinds_of(network) == {
            trt.LayerType.TOPK,
            trt.LayerType.GATHER,
            trt.LayerType.SCATTER,
            trt.LayerType.ONE_HOT,
            trt.LayerType.ELEMENTWISE,
            trt.LayerType.SELECT,
        }
        return [best.get_output(0), best.get_output(1), least.get_output(0)] + outputs_of(
            [rows, points, each, spread, put, hot, chosen]
        )

    best, places, least, rows, points, each, spread, put, hot, chosen = run(log, define, X)
    assert best.ravel().tolist() == [3, 2, 6, 5] and places.ravel().tolist() == [0, 2, 0, 1]
    assert least.ravel().tolist() == [1, 4] and rows.ravel().tolist() == [1, 3, 1, 5, 6, 5]
    assert points.tolist() == [4] and each.ravel().tolist() == [2, 2, 3]
    assert spread.ravel().tolist() == [3, 9, 2, 6, 5, 4] and put.ravel().tolist() == [3, 1, 2, 7, 7, 7]
    assert hot.tolist() == [[0, 5], [0, 0], [5, 0]] and chosen.ravel().tolist() == [0, 0, 0, 6, 5, 4]


def test_making_and_ordering_elements(log):
    def define(network, x):
        steps = network.add_fill(shape=(4,), op=trt.FillOperation.LINSPACE, output_type=trt.float32)
        steps.alpha, steps.beta = 1.0, 0.5
        assert (steps.operation, steps.alpha, steps.beta, steps.shape) == (trt.FillOperation.LINSPACE, 1.0, 0.5, (4,))
        assert not steps.is_alpha_beta_int64()
        noise = network.add_fill((500,), trt.FillOperation.RANDOM_UNIFORM)
        noise.alpha, noise.beta = 2.0, 3.0
        running = network.add_cumulative(
            x, axis=constant(network, 3, np.int32), op=trt.CumulativeOperation.SUM, exclusive=False, reverse=False
        )
        running.reverse = True
        assert (running.op, running.exclusive, running.reverse) == (trt.CumulativeOperation.SUM, False, True)
        flat = network.add_squeeze(x, constant(network, [0, 1], np.int32))
        back = network.add_reverse_sequence(input=flat.get_output(0), sequence_lens=constant(network, [2, 3], np.int32))
        back.batch_axis, back.sequence_axis = 0, 1
        assert (back.batch_axis, back.sequence_axis) == (0, 1)
        clamped = network.add_slice(x, (0, 0, 0, 1), (1, 1, 1, 4), (1, 1, 1, 1))
        clamped.mode = trt.SampleMode.CLAMP
        mirrored = network.add_slice(x, (0, 0, 0, 1), (1, 1, 1, 4), (1, 1, 1, 1))
        mirrored.mode = trt.SampleMode.REFLECT
        filled = network.add_slice(x, (0, 0, 0, 1), (1, 1, 1, 4), (1, 1, 1, 1))
        filled.mode = trt.SampleMode.FILL
        deep = network.add_unsqueeze(flat.get_output(0), axes=constant(network, [2], np.int32))
        assert kinds_of(network) == {
            trt.LayerType.FILL,
            trt.LayerType.CUMULATIVE,
            trt.LayerType.REVERSE_SEQUENCE,
            trt.LayerType.SLICE,
            trt.LayerType.SQUEEZE,
            trt.LayerType.UNSQUEEZE,
        }
        return outputs_of([steps, noise, running, back, clamped, mirrored, filled, flat, deep])

    steps, noise, running, back, clamped, mirrored, filled, flat, deep = run(log, define, X)
    assert steps.tolist() == [1, 1.5, 2, 2.5] and 2 <= noise.min() < 2.1 and 2.9 < noise.max() <= 3
    assert running.ravel().tolist() == [6, 3, 2, 15, 9, 4] and back.tolist() == [[1, 3, 2], [4, 5, 6]]
    assert clamped.ravel().tolist() == [1, 2, 2, 2] and mirrored.ravel().tolist() == [1, 2, 1, 3]
    assert filled.ravel().tolist() == [1, 2, 0, 0] and flat.shape == (2, 3) and deep.shape == (2, 3, 1)


def test_normalizations(log):
    x = np.random.default_rng(0).standard_normal((1, 4, 2, 3)).astype(np.float32)

    def define(network, x):
        one, zero = constant(network, np.ones((1, 4, 1, 1))), constant(network, np.zeros((1, 4, 1, 1)))
        instance = network.add_normalization(input=x, scale=one, bias=zero, axesMask=1 << 2 | 1 << 3)
        instance.epsilon = 0.5
        assert (instance.axes, instance.epsilon, instance.num_groups) == (12, 0.5, 1) and not instance.is_v2
        lrn = network.add_lrn(input=x, window=3, alpha=0.1, beta=0.75, k=2.0)
        lrn.window_size, lrn.alpha, lrn.beta, lrn.k = 3, 0.3, 0.5, 1.0
        assert (lrn.window_size, lrn.alpha, lrn.beta, lrn.k) == (3, np.float32(0.3), 0.5, 1.0)
        slope = network.add_parametric_relu(input=x, slopes=constant(network, np.full((1, 4, 1, 1), 0.5)))
        assert kinds_of(network) == {trt.LayerType.NORMALIZATION, trt.LayerType.LRN, trt.LayerType.PARAMETRIC_RELU}
        return outputs_of([instance, lrn, slope])

    instance, lrn, slope = run(log, define, x)
    centred = x - x.mean((2, 3), keepdims=True)
    np.testing.assert_allclose(instance, centred / np.sqrt((centred**2).mean((2, 3), keepdims=True) + 0.5), rtol=1e-4, atol=1e-5)  # fmt: skip
    squares = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    np.testing.assert_allclose(lrn, x / np.sqrt(1 + 0.1 * (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:])), rtol=1e-4)  # fmt: skip
    np.testing.assert_allclose(slope, np.where(x > 0, x, x / 2), rtol=1e-6)


def test_attention(log):
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal((1, 2, 3, 4)).astype(np.float32) for _ in range(3))

    def define(network, q, k, v):
        plain = network.add_attention(
            query=q, key=k, value=v, norm_op=trt.AttentionNormalizationOp.SOFTMAX, causal=False
        )
        plain.name, plain.decomposable = "plain", True
        assert (plain.name, plain.decomposable, plain.causal) == ("plain", True, False)
        assert (plain.norm_op, plain.num_outputs) == (trt.AttentionNormalizationOp.SOFTMAX, 1)
        assert plain.get_input(0).name == q.name and plain.mask is None
        causal = network.add_attention_v2(
            q, k, v, norm_op=trt.AttentionNormalizationOp.SOFTMAX, causal_kind=trt.CausalMaskKind.NONE
        )
        causal.causal_kind = trt.CausalMaskKind.UPPER_LEFT
        assert causal.causal_kind == trt.CausalMaskKind.UPPER_LEFT
        raw = network.add_attention(q, k, v, trt.AttentionNormalizationOp.NONE, False)
        assert kinds_of(network) == {trt.LayerType.ATTENTION_INPUT, trt.LayerType.ATTENTION_OUTPUT}
        return outputs_of([plain, causal, raw])

    plain, causal, raw = run(log, define, q, k, v)
    scores = q @ k.swapaxes(2, 3)
    np.testing.assert_allclose(plain, softmax(scores) @ v, rtol=1e-4, atol=1e-5)
    hidden = np.where(np.tril(np.ones((3, 3))) > 0, scores, -np.inf)
    np.testing.assert_allclose(causal, softmax(hidden) @ v, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(raw, scores @ v, rtol=1e-4, atol=1e-5)


def test_positions_and_caches(log):
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)

    def define(network, x):
        angles = np.array([[[0.0, 0.0], [np.pi / 2, np.pi]]])
        turned = network.add_rotary_embedding(
            input=x,
            cos_cache=constant(network, np.cos(angles)),
            sin_cache=constant(network, np.sin(angles)),
            interleaved=False,
            rotary_embedding_dim=0,
        )
        assert not turned.interleaved
        cache = network.add_kv_cache_update(
            cache=constant(network, np.zeros((1, 1, 4, 4))),
            update=x,
            write_indices=constant(network, [1], np.int32),
            cache_mode=trt.KVCacheMode.LINEAR,
        )
        assert cache.cache_mode == trt.KVCacheMode.LINEAR
        alone = network.add_dist_collective(
            input=x, dist_collective_op=trt.CollectiveOperation.ALL_REDUCE, reduce_op=trt.ReduceOperation.SUM, root=-1, groups=[]
        )  # fmt: skip
        assert kinds_of(network) == {
            trt.LayerType.ROTARY_EMBEDDING,
            trt.LayerType.KV_CACHE_UPDATE,
            trt.LayerType.DIST_COLLECTIVE,
        }
        return outputs_of([turned, cache, alone])

    turned, cache, alone = run(log, define, x)
    np.testing.assert_allclose(turned.ravel(), [0, 1, 2, 3, -6, -5, 4, -7], atol=1e-5)
    np.testing.assert_array_equal(cache[0, 0], [[0] * 4, [0, 1, 2, 3], [4, 5, 6, 7], [0] * 4])
    np.testing.assert_array_equal(alone, x)


def test_results_whose_size_depends_on_data(log):
    class Outputs(trt.IOutputAllocator):
        def __init__(self):
            super().__init__()
            self.arrays, self.shapes = {}, {}

        def reallocate_output(self, tensor_name, memory, size, alignment):
            self.arrays[tensor_name] = np.zeros(size, np.uint8)
            return self.arrays[tensor_name].ctypes.data

        def notify_shape(self, tensor_name, shape):
            self.shapes[tensor_name] = tuple(shape)

    def define(network, x):
        places = network.add_non_zero(input=x).get_output(0)
        places.name = "places"
        boxes = constant(network, [[[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]]])
        scores = constant(network, [[[0.9], [0.8], [0.7]]])
        suppression = network.add_nms(
            boxes=boxes, scores=scores, max_output_boxes_per_class=constant(network, 3, np.int32)
        )
        suppression.bounding_box_format = trt.BoundingBoxFormat.CORNER_PAIRS
        suppression.topk_box_limit = 10
        assert suppression.bounding_box_format == trt.BoundingBoxFormat.CORNER_PAIRS
        assert suppression.topk_box_limit == 10
        suppression.set_input(3, constant(network, 0.5))
        kept = suppression.get_output(0)
        kept.name = "kept"
        assert kinds_of(network) == {trt.LayerType.NON_ZERO, trt.LayerType.NMS}
        return places, kept

    engine = build_network(log, define, (2, 3))
    context, outputs = engine.create_execution_context(), Outputs()
    x = np.array([[0, 1, 0], [2, 0, 3]], np.float32)
    context.set_tensor_address("x0", x.ctypes.data)
    for name in ("places", "kept"):
        assert context.set_output_allocator(name, outputs)
    assert context.execute_async_v3(0), log.errors()

    def result(name):
        kind = trt.nptype(engine.get_tensor_dtype(name))
        count = trt.volume(outputs.shapes[name])
        return outputs.arrays[name].view(kind)[:count].reshape(outputs.shapes[name]).tolist()

    assert result("places") == [[0, 1, 1], [1, 0, 2]] and result("kept") == [[0, 0, 0], [0, 0, 2]]


def test_recurrent_layers_of_seven(log):
    """One step of a layer of tanh cells: h = tanh(W x + b)."""
    w, b = np.array([[0.5, 1], [1, -1]], np.float32), np.array([0.25, 0], np.float32)
    network = trt.Builder(log).create_network(EXPLICIT)
    x = network.add_input("x", trt.float32, (1, 1, 2))
    layer = network.add_rnn_v2(input=x, layer_count=1, hidden_size=2, max_seq_length=1, op=trt.RNNOperation.TANH)
    assert isinstance(layer, trt.IRNNv2Layer)
    assert (layer.num_layers, layer.hidden_size, layer.max_seq_length, layer.data_length) == (1, 2, 1, 2)
    layer.direction, layer.input_mode = trt.RNNDirection.UNIDIRECTION, trt.RNNInputMode.LINEAR
    assert (layer.direction, layer.input_mode, layer.op) == (
        trt.RNNDirection.UNIDIRECTION,
        trt.RNNInputMode.LINEAR,
        trt.RNNOperation.TANH,
    )
    gate = trt.RNNGateType.INPUT
    layer.set_weights_for_gate(layer_index=0, gate=gate, is_w=True, weights=w)
    layer.set_weights_for_gate(0, gate, False, np.zeros((2, 2), np.float32))
    layer.set_bias_for_gate(layer_index=0, gate=gate, is_w=True, bias=b)
    layer.set_bias_for_gate(0, gate, False, np.zeros(2, np.float32))
    np.testing.assert_array_equal(layer.get_weights_for_gate(0, gate, True), w.ravel())
    np.testing.assert_array_equal(layer.get_bias_for_gate(0, gate, True), b)
    assert kinds_of(network) == {trt.LayerType.RNN_V2}
    network.mark_output(layer.get_output(0))
    builder = network.builder
    engine = builder.build_engine(network, builder.create_builder_config())
    assert engine is not None, log.errors()
    given = np.array([[[1, 2]]], np.float32)
    (y,) = execute(engine.create_execution_context(), given)
    np.testing.assert_allclose(y.ravel(), np.tanh(w @ [1, 2] + b), rtol=1e-5)
