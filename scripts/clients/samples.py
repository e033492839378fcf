"""NVIDIA's samples that hold no CUDA kernels: compiled as they are, run on data of the right form with random weights.

A sample's own judgement of the digit it reads is one of trained weights; what is tried here is that it gets there.
"""

import os
import re
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What each is run with; None: its data cannot be made up.
SAMPLES = {
    "sampleOnnxMNIST": [], "sampleDynamicReshape": [], "sampleIOFormats": [], "sampleNamedDimensions": [],
    "sampleProgressMonitor": [], "sampleAlgorithmSelector": [],
    "sampleOnnxMnistCoordConvAC": [], "sampleINT8API": None, "sampleCharRNN": None, "sampleMNISTAPI": None,
    "sampleReformatFreeIO": None, "sampleNMT": None,
    "sampleEditableTimingCache": None,  # reads from the log how TensorRT measures
}  # fmt: skip


def digits_model(coordinates=False):
    """A model of the sizes of MNIST's; with `coordinates`, CoordConvAC before its first convolution."""
    random = np.random.default_rng(0)

    def weights(name, *shape):
        return numpy_helper.from_array((random.standard_normal(shape) / np.prod(shape[1:]) ** 0.5).astype("f"), name)

    nodes, values = [], []
    first, last = ("conv1", "fc2") if coordinates else ("Input3", "Plus214_Output_0")
    channels, given = 1, first
    if coordinates:
        nodes.append(helper.make_node("CoordConvAC", [given], ["coordinates"]))
        channels, given = 3, "coordinates"
    for i, (maps, window) in enumerate(((8, 2), (16, 3))):
        values += [weights(f"w{i}", maps, channels, 5, 5), weights(f"b{i}", maps, 1, 1)]
        nodes += [
            helper.make_node("Conv", [given, f"w{i}"], [f"c{i}"], kernel_shape=[5, 5], auto_pad="SAME_UPPER"),
            helper.make_node("Add", [f"c{i}", f"b{i}"], [f"a{i}"]),
            helper.make_node("Relu", [f"a{i}"], [f"r{i}"]),
            helper.make_node("MaxPool", [f"r{i}"], [f"p{i}"], kernel_shape=[window] * 2, strides=[window] * 2),
        ]
        channels, given = maps, f"p{i}"
    values += [weights("w", 256, 10), weights("b", 1, 10), numpy_helper.from_array(np.array([1, 256]), "row")]
    nodes += [
        helper.make_node("Reshape", [given, "row"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], [last]),
    ]
    graph = helper.make_graph(
        nodes, "digits", [helper.make_tensor_value_info(first, TensorProto.FLOAT, [1, 1, 28, 28])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 10])], values,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)


def concatenation_model():
    """Two inputs whose rows have names, one after the other."""
    graph = helper.make_graph(
        [helper.make_node("Concat", ["input0", "input1"], ["output"], axis=0)], "concat",
        [helper.make_tensor_value_info(f"input{i}", TensorProto.FLOAT, ["n_rows", 8]) for i in range(2)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n_rows_2", 8])],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)


def make_data(folder):
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(digits_model(), folder / "mnist.onnx")
    onnx.save(digits_model(True), folder / "mnist_with_coordconv.onnx")
    onnx.save(concatenation_model(), folder / "concat_layer.onnx")
    random = np.random.default_rng(1)
    for digit in range(10):
        pixels = random.integers(0, 256, 28 * 28, np.uint8)
        (folder / f"{digit}.pgm").write_bytes(b"P5\n28 28\n255\n" + pixels.tobytes())


def try_samples(args, root, release, common_objects):
    """Whether all samples of the checkout compile and link, and those with data run to their end."""
    folder = args.tensorrt / "samples"
    folder = folder / "opensource" if (folder / "opensource").is_dir() else folder
    data, out = args.out / "data", args.out / "samples"
    out.mkdir(parents=True, exist_ok=True)
    make_data(data)
    archive = out / "libcommon.a"
    archive.unlink(missing_ok=True)
    subprocess.run(["ar", "rcs", str(archive), *map(str, common_objects)], check=True)
    libraries = args.build / "lib"
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{libraries}:{libraries / 'cudart'}"}
    samples, good = args.tensorrt / "samples", True
    places = [
        samples / "common",
        samples,
        args.tensorrt / "shared",
        args.tensorrt / "shared" / "utils",
        samples / "utils",
    ]
    for name, arguments in SAMPLES.items():
        sources = sorted((folder / name).glob("*.cpp"))
        if not sources:
            continue
        program = out / name
        command = [
            os.environ.get("CXX", "g++"), f"-std=c++{14 if release < 9 else 20}", "-O1", "-w",
            f"-DVIVACE_TENSORRT_MAJOR={release}", *[f"-I{place}" for place in places],
            f"-I{root / 'include' / 'tensorrt'}", f"-I{root / 'include' / 'cuda'}", *map(str, sources), str(archive),
            f"-L{libraries}", f"{libraries}/libnvinfer.so.{10 if release >= 10 else 8}",
            f"{libraries}/libnvonnxparser.so.{10 if release >= 10 else 8}",
            f"{libraries}/libnvinfer_plugin.so.{10 if release >= 10 else 8}", *(["-lnvparsers"] if release < 9 else []),
            "-l:cudart/libcudart.so", "-ldl",
            "-lpthread", "-o", str(program),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line][:4]
        told = "builds" if done.returncode == 0 else "DOES NOT BUILD"
        good = good and done.returncode == 0
        if done.returncode == 0 and arguments is not None:
            try:
                done = subprocess.run([str(program), f"--datadir={data}/", *arguments], capture_output=True, text=True,
                                      errors="replace", env=environment, cwd=out, timeout=args.seconds)  # fmt: skip
                text = done.stdout + done.stderr
            except subprocess.TimeoutExpired:
                text = f"[E] longer than {args.seconds} s"
            errors = [line for line in text.splitlines() if re.search(r"\[E\]|ssert|rror:|terminate", line)][:4]
            # With random weights a sample reads its input to the end and then finds the wrong digit.
            passed, inferred = "&&&& PASSED" in text, "Output:" in text or "0:" in text
            told += ", passes" if passed else ", runs; its digit is another" if inferred and not errors else ", FAILS"
            good = good and (passed or (inferred and not errors))
            if not passed and not errors:
                errors = text.splitlines()[-3:]
        print(f"{name:28} {told}", flush=True)
        for line in errors:
            print(f"    {line[:200]}")
    return good
