import numpy as np
import onnx
import onnx.parser
import pytest
import vivace


def test_control_flow():
    def branch(factor):
        body = vivace.Network("body")
        x = body.input("inner", "float32", (2,))
        body.output(body.add("Mul", [x, body.constant(np.float32(factor))]), "out")
        return body

    net = vivace.Network("if")
    condition, x = net.input("condition", "bool", ()), net.input("x", "float32", (2,))
    net.output(net.add("If", [condition, x], then_branch=branch(2), else_branch=branch(3), captures=1), "y")
    engine = vivace.build(net, effort=0)
    for yes, factor in ((True, 2), (False, 3)):
        np.testing.assert_array_equal(engine.run([yes, [1, 10]])[0], np.float32([1, 10]) * factor)


def test_attributes_of_all_kinds():
    net = vivace.Network("attributes")
    x = net.input("x", "float32", (1, 2, 4, 4))
    w = net.constant(np.ones((2, 1, 3, 3), np.float32))
    y = net.add("Conv", [x, w, None], name="conv", group=2, pads=[1, 1, 1, 1], strides=(2, 2), auto_pad="NOTSET")
    parts = net.add("Split", [net.add("LeakyRelu", [y], alpha=0.5)], outputs=2, axis=1, num_outputs=2)
    c = net.add("Constant", [], value=np.array([3], np.float32))
    net.output(net.add("Mul", [parts[1], c]), "z")
    data = -np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    expected = net.run_reference([data])[0]
    assert expected.shape == (1, 1, 2, 2) and (expected < 0).all()
    np.testing.assert_allclose(vivace.build(net, effort=0).run([data])[0], expected, rtol=1e-5)


def test_mistakes_are_named(network):
    with pytest.raises(vivace.Error, match="Softmax"):
        network.add("Sofmax", [network.find("x")])
    with pytest.raises(vivace.Error, match="there already"):
        network.input("x", "float32", (1,))
    assert network.find("nothing") is None
    assert "MatMul" in network.describe() and "graph" in network.describe("graph")
    again = vivace.Network.from_text(network.describe("graph"))
    np.testing.assert_array_equal(again.run_reference([[[1, 2]]])[0], [[3, 1]])


def test_onnx_models_in_every_form(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17]> g (float[n, 3] x) => (float[n, 3] y) { y = Softmax(x) }'
    )
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    x = np.float32([[1, 2, 3]])
    want = np.exp(x) / np.exp(x).sum()
    for form in (model, model.SerializeToString(), path, str(path)):
        engine = vivace.build(form, effort=0, shapes={"x": (1, 3)})
        np.testing.assert_allclose(engine.run([x])[0], want, rtol=1e-5)
    with pytest.raises(vivace.Error, match=r"model\.onnx"):
        (tmp_path / "model.onnx").write_bytes(b"\x0a\xff")
        vivace.build(path)


def test_backend(monkeypatch):
    from vivace import backend

    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")
    node = onnx.helper.make_node("Add", ["a", "b"], ["c"])
    a = np.float32([1, 2])
    np.testing.assert_array_equal(backend.run_node(node, [a, a])[0], a + a)
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Neg(x) }'
    )
    rep = backend.prepare(model, "CPU")
    assert (rep.run([a])[0] == -a).all() and (rep.run(a).y == -a).all()
    assert backend.is_compatible(model)
    monkeypatch.setenv("VIVACE_BACKEND_OPTIONS", '{"disable_passes": ["all"], "through_plan": true}')
    rep = backend.prepare(model, "CPU")
    assert (rep.run([a])[0] == -a).all() and rep.engine.report["nodes_before"] == rep.engine.report["nodes_after"]
