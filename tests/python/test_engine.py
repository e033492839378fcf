import concurrent.futures
import pathlib

import numpy as np
import pytest
import vivace


def test_runs_on_a_list_and_by_name(engine, rows):
    x, y = rows
    np.testing.assert_array_equal(engine.run([x])[0], y)
    np.testing.assert_array_equal(engine.run({"x": x}, outputs=["y"])[0], y)
    np.testing.assert_array_equal(engine.run([x.tolist()])[0], y)


def test_says_what_it_takes(engine):
    (x,) = engine.inputs
    assert (x.name, x.dtype, x.shape) == ("x", np.float32, ("batch", 2))
    assert (x.min, x.opt, x.max) == ((1, 2), (3, 2), (16, 2))
    assert [output.name for output in engine.outputs] == ["y"]
    assert engine.threads == 1 and engine.notice == ""
    assert engine.memory["weight_bytes"] > 0


def test_inputs_that_are_not_contiguous_are_copied(engine, rows):
    x, y = rows
    np.testing.assert_array_equal(engine.run([np.asfortranarray(x)])[0], y)
    np.testing.assert_array_equal(engine.run([np.repeat(x, 2, axis=0)[::2]])[0], y)
    np.testing.assert_array_equal(engine.run([x.astype(">f4")])[0], y)


def test_read_only_arrays_dlpack_and_buffers_are_taken(engine, rows):
    x, y = rows
    x.flags.writeable = False
    np.testing.assert_array_equal(engine.run([x])[0], y)

    class OnlyDlpack:
        def __dlpack__(self, **kwargs):
            return rows[0].copy().__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return (1, 0)

    np.testing.assert_array_equal(engine.run([OnlyDlpack()])[0], y)
    np.testing.assert_array_equal(engine.run([memoryview(rows[0])])[0], y)


def test_outputs_outlive_everything(network, rows):
    output = vivace.build(network, effort=0, threads=1).run([rows[0]])[0]
    network = None
    np.testing.assert_array_equal(output, rows[1])
    output[0, 0] = 7  # it is the caller's own


def test_errors_have_a_status_and_name_what_is_wrong(engine, rows):
    with pytest.raises(vivace.Error, match="17x2") as caught:
        engine.run([np.zeros((17, 2), np.float32)])
    assert caught.value.status == "shape mismatch"
    with pytest.raises(vivace.Error, match="f32, not f64"):
        engine.run([rows[0].astype(np.float64)])
    with pytest.raises(vivace.Error, match="1 inputs"):
        engine.run([])
    with pytest.raises(KeyError, match="no input 'z'"):
        engine.run({"z": rows[0]})
    with pytest.raises(KeyError, match="'x' is missing"):
        engine.run({})
    with pytest.raises(KeyError, match="no output 'z'"):
        engine.run([rows[0]], outputs=["z"])
    with pytest.raises(TypeError):
        engine.run([np.zeros((1, 2), "datetime64[s]")])
    with pytest.raises(vivace.Error):
        vivace.load("/nowhere/x.plan")


def test_plans_are_saved_and_loaded(network, engine, rows, tmp_path):
    path = tmp_path / "small.plan"
    engine.save(path)
    np.testing.assert_array_equal(vivace.load(path).run([rows[0]])[0], rows[1])
    assert path.read_bytes() == engine.to_bytes()
    np.testing.assert_array_equal(vivace.load(engine.to_bytes(), threads=2).run([rows[0]])[0], rows[1])
    other = tmp_path / "other.plan"
    vivace.build(network, other, effort=0)
    assert vivace.load(str(other)).run([rows[0]])[0].shape == (3, 2)
    with pytest.raises(vivace.Error, match="damaged"):
        vivace.load(engine.to_bytes()[:-1])


def test_reports_profiles_inspects(engine, rows):
    assert engine.report["layers"]
    assert "<html" in engine.report_as("html").lower()
    layers = engine.profile([rows[0]], runs=3)
    assert layers and all(layer.seconds >= 0 and layer.tactic for layer in layers)
    assert [layer["op"] for layer in engine.inspect()["layers"]]
    assert "digraph" in engine.inspect("dot")


def test_progress_is_called_and_can_cancel_and_raise(network):
    phases = []
    vivace.build(network, effort=0, progress=lambda phase, fraction: phases.append((phase, fraction)))
    assert phases and all(0 <= fraction <= 1 for _, fraction in phases)
    with pytest.raises(vivace.Error) as caught:
        vivace.build(network, effort=0, progress=lambda phase, fraction: False)
    assert caught.value.status == "cancelled"

    def fail(phase, fraction):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        vivace.build(network, effort=0, progress=fail)


def test_timing_cache_makes_equal_plans(network, tmp_path):
    cache = tmp_path / "times"
    vivace.build(network, effort=2, threads=1, timing_cache=cache)
    plans = [vivace.build(network, effort=2, threads=1, timing_cache=cache).to_bytes() for _ in range(2)]
    assert cache.exists() and plans[0] == plans[1]


def test_threads_share_an_engine(engine):
    def run(count):
        x = np.ones((count, 2), np.float32)
        return (engine.run([x])[0][:, 0] == 2).all()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, [1 + i % 16 for i in range(400)]))


def test_a_plan_for_a_gpu_runs_where_there_is_none(network, rows):
    with pytest.raises(vivace.Error, match="cuda:0"):
        vivace.build(network, device="gpu")
    try:
        built = vivace.build(network, device="sm_90", threads=1)
    except vivace.Error as error:
        assert "nvrtc" in str(error)  # there is no compiler here
        return
    engine = vivace.load(built.to_bytes(), device="cpu")
    assert "cuda sm_90" in engine.notice
    np.testing.assert_allclose(engine.run([rows[0]])[0], rows[1], rtol=1e-6)


def test_lists_and_types():
    assert any(op["name"] == "Conv" for op in vivace.operators())
    assert vivace.tactics() and vivace.devices()
    assert (pathlib.Path(vivace.__file__).parent / "py.typed").exists()


def test_the_logger_gets_messages(network, tmp_path):
    said = []
    vivace.set_logger(lambda severity, message: said.append((severity, message)), "verbose")
    try:
        vivace.build(network, effort=2, timing_cache=tmp_path / "missing" / "times")
    finally:
        vivace.set_logger(None)
    assert ("warning" in {severity for severity, _ in said}) and any("times" in message for _, message in said)


def built(text):
    return vivace.build(vivace.Network.from_text(text), effort=0, threads=1)


def test_sequences_are_lists():
    engine = built(
        "graph (%s: seq(f32[?]), %x: f32[2]) { %y = SequenceInsert(%s, %x) %n = SequenceLength(%s) return %y, %n }"
    )
    assert [(info.kind, info.shape) for info in engine.inputs] == [("sequence", None), ("tensor", (2,))]
    assert engine.inputs[0].element.dtype == np.float32 and engine.inputs[0].element.shape == (None,)
    one, two = np.array([1], np.float32), np.array([2, 3], np.float32)
    made, count = engine.run([[one], two])
    assert isinstance(made, list) and count == 1
    np.testing.assert_array_equal(made[0], one)
    np.testing.assert_array_equal(made[1], two)
    assert [x.tolist() for x in engine.run({"s": [], "x": two})[0]] == [[2, 3]]
    del engine, one
    assert made[0].tolist() == [1]  # what was given was copied
    with pytest.raises(TypeError, match="'s' is a sequence"):
        built("graph (%s: seq(f32[?])) { return %s }").run([two])
    with pytest.raises(vivace.Error, match="an element of input 's'"):
        built("graph (%s: seq(f32[?])) { return %s }").run([[two.astype(np.int64)]])


def test_optionals_are_none_or_what_they_hold():
    engine = built("graph (%o: optional(seq(i64[]))) { %h = OptionalHasElement(%o) return %h, %o }")
    assert engine.inputs[0].kind == "optional" and engine.inputs[0].element.kind == "sequence"
    has, back = engine.run([None])
    assert not has and back is None
    has, back = engine.run([[np.int64(4), np.int64(5)]])
    assert has and [int(x) for x in back] == [4, 5]
    assert built("graph (%o: optional(f32[2])) { return %o }").run([[1, 2]])[0].tolist() == [1, 2]


def test_maps_are_dicts():
    engine = built("graph (%m: map(string, f32[])) { return %m }")
    assert engine.inputs[0].kind == "map" and engine.inputs[0].key is not None
    assert engine.run([{"a": 1.5, "b": -2}]) == [{"a": 1.5, "b": -2.0}]
    with pytest.raises(TypeError, match="'m' is a map"):
        engine.run([[1]])
