"""Plugins written in Python, and libraries of them on the command line."""

import gc
import os
import pathlib
import runpy
import subprocess
import sys
import threading

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
import vivace

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VIVACE_BUILD", ROOT / "build"))
LIBRARY = BUILD / "lib" / "libexample_plugin.so"
TOOL = pathlib.Path(os.environ.get("VIVACE_TOOL", BUILD / "bin" / "vivace"))


@pytest.fixture
def registered():
    """register(cls, **options): a plugin of domain com.test for one test."""
    names = []

    def register(cls, name, version=1, **options):
        vivace.plugin("com.test", name, version, **options)(cls)
        names.append((name, version))
        return cls

    yield register
    for name, version in names:
        vivace.remove_plugin("com.test", name, version)


class Scale:
    def __init__(self, node):
        self.factor = node.fields.get("factor", 2.0)

    def infer(self, inputs):
        return inputs[0]

    def run(self, inputs, outputs):
        np.multiply(inputs[0], self.factor, out=outputs[0])


def model_of(op, x_type=onnx.TensorProto.FLOAT, y_type=onnx.TensorProto.FLOAT, outputs=("y",), **attributes):
    node = onnx.helper.make_node(op, ["x"], list(outputs), name="plugged", domain="com.test", **attributes)
    x = onnx.helper.make_tensor_value_info("x", x_type, ["n", 3])
    ys = [onnx.helper.make_tensor_value_info(name, y_type, None) for name in outputs]
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("com.test", 1)]
    return onnx.helper.make_model(
        onnx.helper.make_graph([node], "plugged", [x], ys), opset_imports=opsets, ir_version=10
    )


def build(model, **options):
    return vivace.build(model, effort=0, threads=2, shapes={"x": ((0, 3), (2, 3), (8, 3))}, **options)


def test_runs_a_node_of_a_model_and_of_a_plan(registered):
    registered(Scale, "Scale")
    engine = build(model_of("Scale", factor=3.0))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(engine.run([x])[0], 3 * x)
    assert engine.outputs[0].shape == ("n", 3)
    again = vivace.load(engine.to_bytes())
    np.testing.assert_array_equal(again.run([x[:1]])[0], 3 * x[:1])
    assert again.profile([x])[0].op == "com.test.Scale"
    assert {
        "name": "Scale",
        "domain": "com.test",
        "version": 1,
        "runs_on": ["cpu"],
        "library": "",
    } in vivace.list_plugins()
    assert any(row["name"] == "com.test.Scale" for row in vivace.operators())


def test_comes_before_a_function_of_the_model(registered):
    model = model_of("Scale")
    body = [onnx.helper.make_node("Neg", ["a"], ["b"])]
    function = onnx.helper.make_function("com.test", "Scale", ["a"], ["b"], body, [onnx.helper.make_opsetid("", 21)])
    model.functions.append(function)
    x = np.ones((1, 3), np.float32)
    assert build(model).run([x])[0][0, 0] == -1
    registered(Scale, "Scale")
    assert build(model).run([x])[0][0, 0] == 2


def test_fields_of_all_kinds(registered):
    seen = []

    class Fields(Scale):
        def __init__(self, node):
            seen.append(node)

    registered(Fields, "Fields")
    table = np.arange(4, dtype=np.int16).reshape(2, 2)
    fields = {"i": 5, "f": 0.5, "s": "text", "ints": [1, 2], "floats": [0.25], "strings": ["a", "b"]}
    build(model_of("Fields", table=onnx.numpy_helper.from_array(table), **fields))
    assert {k: v for k, v in seen[0].fields.items() if k != "table"} == fields
    np.testing.assert_array_equal(seen[0].fields["table"], table)
    assert (seen[0].name, seen[0].input_count, seen[0].output_count) == ("plugged", 1, 1)


def test_infers_with_and_without_known_shapes(registered):
    seen = []

    class Pairs(Scale):
        def infer(self, inputs):
            seen.append(inputs[0].shape)
            rows = inputs[0].shape[0]
            return [("int32", (2 * rows if isinstance(rows, int) else None, inputs[0].shape[1]))]

        def run(self, inputs, outputs):
            return [np.repeat(inputs[0], 2, axis=0).astype(np.int32)]

    registered(Pairs, "Pairs")
    engine = build(model_of("Pairs", y_type=onnx.TensorProto.INT32))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(engine.run([x])[0], np.repeat(x, 2, axis=0))
    assert ("n", 3) in seen and (2, 3) in seen


def test_outputs_that_depend_on_the_data_and_strings(registered):
    class Above(Scale):
        def infer(self, inputs):
            return [("float32", None), ("string", None)]

        def run(self, inputs, outputs):
            kept = inputs[0][inputs[0] > 2]
            return kept, np.array([f"<{v:.0f}>" for v in kept], object)

    registered(Above, "Above")
    model = model_of("Above", outputs=("y", "texts"))
    model.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.STRING
    kept, texts = build(model).run([np.arange(6, dtype=np.float32).reshape(2, 3)])
    assert kept.tolist() == [3, 4, 5] and texts.tolist() == ["<3>", "<4>", "<5>"]


@pytest.mark.parametrize("name", ["bfloat16", "int4", "float8_e4m3fn"])
def test_types_that_numpy_lacks(registered, name):
    dtype = np.dtype(getattr(pytest.importorskip("ml_dtypes"), name))

    class Back(Scale):
        def run(self, inputs, outputs):
            assert inputs[0].dtype == dtype and outputs[0].dtype == dtype
            outputs[0][...] = inputs[0][:, ::-1]

    registered(Back, "Back")
    number = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    x = np.array([[1, 2, 3], [-4, 5, -6]]).astype(dtype)
    y = build(model_of("Back", number, number)).run([x])[0]
    np.testing.assert_array_equal(y.astype(np.float32), x[:, ::-1].astype(np.float32))


def test_what_python_raises_reaches_the_caller(registered):
    class Fails(Scale):
        def infer(self, inputs):
            if self.factor == 1:
                raise ValueError("infer says no")
            return [inputs[0]] * 2 if self.factor == 2 else inputs[0]

        def run(self, inputs, outputs):
            if self.factor == 3:
                raise KeyError("gone")
            return np.zeros((9, 9), np.float32)

    registered(Fails, "Fails")
    x = np.ones((2, 3), np.float32)
    with pytest.raises(vivace.Error, match="'plugged'.*ValueError: infer says no"):
        build(model_of("Fails", factor=1.0))
    with pytest.raises(vivace.Error, match="tells of 2 outputs, the node has 1"):
        build(model_of("Fails", factor=2.0))
    with pytest.raises(vivace.Error, match="KeyError: 'gone'"):
        build(model_of("Fails", factor=3.0)).run([x])
    with pytest.raises(vivace.Error, match="shape 9x9, but said"):
        build(model_of("Fails", factor=4.0)).run([x])
    with pytest.raises(TypeError, match="lacks infer"):
        vivace.plugin("com.test")(object)
    with pytest.raises(vivace.Error, match="registered already"):
        vivace.plugin("com.test", "Fails")(Fails)


def test_several_threads_at_once(registered):
    registered(Scale, "Scale")
    engine, wrong = build(model_of("Scale")), []

    def work(first):
        x = np.full((1 + first % 4, 3), first, np.float32)
        for _ in range(30):
            if not (engine.run([x])[0] == 2 * x).all():
                wrong.append(first)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_objects_go_with_their_engines(registered):
    alive = []

    class Counted(Scale):
        def __init__(self, node):
            super().__init__(node)
            alive.append(self)

        def __del__(self):
            gone.append(1)

    gone = []
    registered(Counted, "Counted")
    engine = build(model_of("Counted"))
    made = len(alive)
    alive.clear()
    gc.collect()
    assert len(gone) == made - 1
    del engine
    gc.collect()
    assert len(gone) == made


def test_what_is_missing_is_said(registered):
    with pytest.raises(vivace.Error, match=r"com\.test\.Nobody.*a plugin may define others.*load_plugins"):
        build(model_of("Nobody"))
    vivace.plugin("com.test", "Short", 4)(Scale)
    plan = build(model_of("Short")).to_bytes()
    vivace.remove_plugin("com.test", "Short", 4)
    with pytest.raises(
        vivace.Error, match="'plugged'.*plugin 'Short', version 4, domain 'com.test', is not registered"
    ):
        vivace.load(plan)
    with pytest.raises(vivace.Error, match="cannot be loaded"):
        vivace.load(plan, plugins=["/nowhere/libnone.so"])


# In a process of its own: the null device is one for a whole program.
ON_GPU = """
import ctypes, numpy as np, vivace
@vivace.plugin("com.test", "OnGpu")
class OnGpu:
    def __init__(self, node): pass
    def infer(self, inputs): return inputs[0]
    def supports(self, on_gpu, inputs, outputs): return on_gpu and inputs[0].dtype == np.float32
    def enqueue(self, inputs, outputs, stream):
        seen.append((stream, inputs[0].__cuda_array_interface__))
        view = lambda t: np.frombuffer((ctypes.c_float * 6).from_address(t.__cuda_array_interface__["data"][0]), np.float32)
        view(outputs[0])[:] = view(inputs[0]) + 1
seen = []
net = vivace.Network()
net.output(net.add("com.test.OnGpu", [net.input("x", "float32", (2, 3))]), "y")
engine = vivace.build(net, device="cuda:0", effort=0)
x = engine._core.allocate(True, 1, [2, 3])
np.frombuffer((ctypes.c_float * 6).from_address(x.address), np.float32)[:] = range(6)
class Array:
    __cuda_array_interface__ = {"shape": (2, 3), "typestr": "<f4", "data": (x.address, False), "version": 3}
y = engine.run([Array()], stream=16)[0]
engine.wait(16)
assert np.frombuffer((ctypes.c_float * 6).from_address(y.__cuda_array_interface__["data"][0]), np.float32).tolist() == [1, 2, 3, 4, 5, 6]
assert len(seen) == 1 and seen[0][0] == 16 and seen[0][1]["shape"] == (2, 3) and seen[0][1]["typestr"] == "<f4"
"""


def test_on_a_stream_of_a_gpu():
    done = subprocess.run(
        [sys.executable, "-c", ON_GPU], env={**os.environ, "VIVACE_CUDA": "null"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_example_in_python():
    runpy.run_path(str(ROOT / "examples" / "plugin" / "histogram.py"), run_name="__main__")
    vivace.remove_plugin("com.example", "Histogram", 1)


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """A model that needs the example's library."""
    if not LIBRARY.exists() or not TOOL.exists():
        pytest.skip("the command line or the example's library is not built")
    node = onnx.helper.make_node("FarthestPoints", ["x"], ["y"], name="plugged", domain="com.example", samples=3)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 9, 3])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT64, [2, 3])
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("com.example", 1)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "points", [x], [y]), opset_imports=opsets, ir_version=10
    )
    path = tmp_path_factory.mktemp("plugin") / "points.onnx"
    onnx.save(model, path)
    return path


def command(*arguments, code=0):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr if code else done.stdout


def test_command_line(points):
    plan = points.with_suffix(".plan")
    assert "--plugins" in command("build", points, "-o", plan, code=2)
    command("build", points, "-o", plan, "--effort", 0, "--plugins", LIBRARY)
    assert "y: i64 2x3" in command("run", plan, "--plugins", LIBRARY)
    command("run", points, "--effort", 0, "--plugins", LIBRARY)
    assert "FarthestPoints" in command("bench", plan, "--runs", 3, "--warm-up", 0, "--profile", "--plugins", LIBRARY)
    command("compare", points, "--against", "reference", "--plugins", LIBRARY)
    assert "com.example.FarthestPoints" in command("inspect", plan, "--plugins", LIBRARY)
    assert "com.example.FarthestPoints" in command("list-operators", "--plugins", LIBRARY)
    assert "libexample_plugin.so" in command("list-plugins", "--plugins", LIBRARY)
    said = command("run", plan, code=2)
    for part in ("'FarthestPoints', version 1, domain 'com.example'", "which was called 'libexample_plugin.so'"):
        assert part in said
    assert "cannot be loaded" in command("run", plan, "--plugins", "nowhere.so", code=3)


def test_library_from_python(points):
    engine = vivace.build(points, effort=0, plugins=[LIBRARY])
    again = vivace.load(engine.to_bytes(), plugins=[LIBRARY])
    assert again.run([np.zeros((2, 9, 3), np.float32)])[0].tolist() == [[0, 0, 0], [0, 0, 0]]
