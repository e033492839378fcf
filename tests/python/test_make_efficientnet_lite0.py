"""The demo's reader of PyTorch's first file format, and the network it makes."""

import os
import pathlib
import pickle
import sys

import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import make_efficientnet_lite0 as maker


def torch_file(tensors_pickle, storages=()):
    """Bytes of a file that holds these tensors; storages are (key, array)."""
    parts = [pickle.dumps(value, 2) for value in (maker.TORCH_MAGIC, maker.TORCH_PROTOCOL, {"little_endian": True})]
    parts += [tensors_pickle, pickle.dumps([key for key, _ in storages], 2)]
    for _, array in storages:
        parts += [array.size.to_bytes(8, "little"), array.tobytes()]
    return b"".join(parts)


def tensors_pickle(entries):
    """A dict of tensors pickled as PyTorch does; entries are (name, storage type, key, offset, shape, strides)."""

    def text(value):
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def integers(values):
        return b"(" + b"".join(b"J" + value.to_bytes(4, "little", signed=True) for value in values) + b"t"

    items = b""
    for name, kind, key, offset, shape, strides in entries:
        saved_id = (
            b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + b"J\6\0\0\0Nt" + b"Q"
        )
        arguments = saved_id + b"J" + offset.to_bytes(4, "little") + integers(shape) + integers(strides)
        items += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"\x89N" + b"tR"
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def test_reads_tensors_that_share_a_storage(tmp_path):
    stored = np.arange(6, dtype="<f4")
    entries = [
        ("whole", "FloatStorage", "7", 0, (2, 3), (3, 1)),
        ("turned", "FloatStorage", "7", 0, (3, 2), (1, 3)),
        ("tail", "FloatStorage", "7", 4, (2,), (1,)),
        ("count", "LongStorage", "9", 0, (), ()),
    ]
    path = tmp_path / "weights.pth"
    path.write_bytes(torch_file(tensors_pickle(entries), [("7", stored), ("9", np.array([5], "<i8"))]))
    weights = maker.read_torch_weights(path)
    assert list(weights) == ["whole", "turned", "tail", "count"]
    np.testing.assert_array_equal(weights["whole"], stored.reshape(2, 3))
    np.testing.assert_array_equal(weights["turned"], stored.reshape(2, 3).T)
    np.testing.assert_array_equal(weights["tail"], [4, 5])
    assert weights["count"] == 5 and weights["count"].dtype == np.int64


def test_refuses_tensors_beyond_their_storage(tmp_path):
    path = tmp_path / "weights.pth"
    entries = [("x", "FloatStorage", "7", 2, (2, 3), (3, 1))]
    path.write_bytes(torch_file(tensors_pickle(entries), [("7", np.zeros(6, "<f4"))]))
    with pytest.raises(ValueError, match="reaches past"):
        maker.read_torch_weights(path)


def test_runs_no_code_of_a_file(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, ("touch attacked",)

    path = tmp_path / "weights.pth"
    path.write_bytes(torch_file(pickle.dumps({"x": Attack()}, 2)))
    with pytest.raises(pickle.UnpicklingError, match="no place"):
        maker.read_torch_weights(path)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1, 112)),
        (112, 3, 1, (1, 1, 112)),
        (56, 5, 2, (1, 2, 28)),
        (7, 5, 1, (2, 2, 7)),
        (5, 1, 3, (0, 0, 2)),
    ],
)
def test_same_padding(size, kernel, stride, expected):
    assert maker.same_padding(size, kernel, stride) == expected


def test_demo_model_knows_its_photos():
    onnxruntime = pytest.importorskip("onnxruntime")
    import demo_data

    session = onnxruntime.InferenceSession(demo_data.make_model(demo_data.CACHE / "efficientnet_lite0.onnx"))
    expected = {"coffee": {"espresso": 0.940}, "chelsea": {"Egyptian cat": 0.385, "tiger cat": 0.332, "tabby": 0.163}}
    for name, path in demo_data.photos():
        (probabilities,) = session.run(["probabilities"], {"image": demo_data.preprocess(path)})
        top = demo_data.top_classes(probabilities, len(expected[name]))
        assert [label for label, _ in top] == list(expected[name])
        assert dict(top) == pytest.approx(expected[name], abs=1e-3)
