"""ONNX models through a client's trtexec, compared with onnxruntime."""

import json
import os
import subprocess

import numpy as np
import onnx
import onnxruntime

SIZES = {"batch": 2, "N": 2}  # of dimensions that a model leaves open; others
OTHER_SIZE = 16
TOLERANCE = 1e-3
TYPES = {
    onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.INT64: np.int64, onnx.TensorProto.INT32: np.int32,
    onnx.TensorProto.BOOL: np.bool_,
}  # fmt: skip


def inputs_of(model):
    """Random values for the inputs that no weights are for, and whether a shape is open."""
    random = np.random.default_rng(0)
    weights = {initializer.name for initializer in model.graph.initializer}
    made, is_open = {}, False
    for value in model.graph.input:
        if value.name in weights:
            continue
        shape = []
        for dim in value.type.tensor_type.shape.dim:
            known = dim.HasField("dim_value")
            is_open = is_open or not known
            shape.append(dim.dim_value if known else SIZES.get(dim.dim_param, OTHER_SIZE))
        dtype = TYPES[value.type.tensor_type.elem_type]
        whole = np.issubdtype(dtype, np.integer)
        made[value.name] = random.integers(0, 50, shape).astype(dtype) if whole else random.random(shape).astype(dtype)
    return made, is_open


def compare(client, folders, model_path, out):
    """The largest error relative to the largest element, or why there is none."""
    model = onnx.load(model_path)
    inputs, is_open = inputs_of(model)
    arguments = [f"--onnx={model_path}", "--iterations=1", "--duration=0", "--warmUp=0"]
    files = []
    for index, (name, array) in enumerate(inputs.items()):
        # Up to generation 9 there is no int64: the parser makes such inputs int32.
        file = out / f"input{index}.bin"
        (array.astype(np.int32) if array.dtype == np.int64 and client.major < 10 else array).tofile(file)
        files.append(f"'{name}':{file}")
    arguments += [f"--loadInputs={','.join(files)}", f"--exportOutput={out / 'output.json'}"]
    if is_open:
        shapes = ",".join(f"'{name}':{'x'.join(map(str, array.shape))}" for name, array in inputs.items())
        arguments += [f"--{kind}Shapes={shapes}" for kind in ("min", "opt", "max")]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}
    done = subprocess.run([client.output, *arguments], capture_output=True, text=True, env=environment)
    text = done.stdout + done.stderr
    if done.returncode or "&&&& PASSED" not in text:
        wrong = [line for line in text.splitlines() if "[E]" in line or "error" in line.lower()]
        return None, (wrong or text.splitlines()[-2:])[:3]
    session = onnxruntime.InferenceSession(str(model_path), providers=["CPUExecutionProvider"])
    expected = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs)))
    worst = 0.0
    for output in json.loads((out / "output.json").read_text()):
        wanted = expected.pop(output["name"])
        got = np.array(output["values"], np.float64)
        if got.size != wanted.size:
            return None, [f"{output['name']} has {got.size} elements, not {wanted.size}"]
        worst = max(worst, float(np.abs(got - wanted.ravel()).max() / max(np.abs(wanted).max(), 1e-6)))
    return worst, [f"no output {name}" for name in expected]


def compare_all(client, folders, models, out):
    good = True
    for path in models:
        worst, notes = compare(client, folders, path, out)
        equal = worst is not None and worst < TOLERANCE and not notes
        print(f"{client.name}: {path.stem:24} {'equal' if equal else 'NOT EQUAL'}, error {worst}", flush=True)
        for note in notes:
            print(f"    {note[:220]}")
        good = good and equal
    return good
