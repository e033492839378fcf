"""Runs the documents' programs, with our headers and libraries where they have NVIDIA's."""

import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("VIVACE_SHARED", ROOT.parent / "shared"))
BUILD = pathlib.Path(os.environ.get("VIVACE_BUILD", ROOT / "build"))
LIB = BUILD / "lib"
STAND_INS = pathlib.Path(__file__).resolve().parent / "seeds" / "stand_ins"
SMALL_MODELS = ["mobilenet_v3_small", "resnet18", "squeezenet1_1"]
ALL_MODELS = os.environ.get("VIVACE_SEEDS") == "all"
TIMEOUT_SECONDS = 6 * 3600 if ALL_MODELS else 1500


class Place:
    """Runs programs, with our headers and libraries where the documents have NVIDIA's."""

    def __init__(self):
        self.build = BUILD
        self.all_models = ALL_MODELS
        self.environment = dict(os.environ)
        folders = [str(LIB), str(LIB / "cudart")]
        self.environment["LD_LIBRARY_PATH"] = os.pathsep.join([*folders, os.environ.get("LD_LIBRARY_PATH", "")])
        self.environment["PATH"] = os.pathsep.join([str(BUILD / "bin"), os.environ["PATH"]])
        path = [ROOT / "python" / "host_pycuda", *TENSORRT_PATH, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        self.environment["PYTHONPATH"] = os.pathsep.join(str(folder) for folder in path if str(folder))

    def run(self, folder, *command, status=0, environment=None):
        """What the command prints; it must end with `status`."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        said = f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == status, said
        return done.stdout

    def python(self, folder, *arguments, **options):
        return self.run(folder, sys.executable, *arguments, **options)

    def shell(self, folder, script):
        """Runs a script with the folders of CUDA replaced by ours, and `python3` by this Python."""
        include, cudart = ROOT / "include", LIB / "cudart"
        script = script.replace("-I /usr/local/cuda/include", f"-I {include / 'tensorrt'} -I {include / 'cuda'}")
        script = script.replace("-L /usr/local/cuda/lib64", f"-L {LIB} -L {cudart}")
        script = script.replace("python3 ", f"{sys.executable} ")
        return self.run(folder, "bash", "-e", "-c", script)

    def compile(self, folder, source, program, *libraries):
        """Compiles as the documents do: with plain g++."""
        libraries = " ".join(f"-l{name}" for name in libraries)
        folders = "-I /usr/local/cuda/include", "-L /usr/local/cuda/lib64"
        self.shell(folder, f"g++ -o {program} {folders[0]} {source} {folders[1]} {libraries}")

    def vivace_run(self, model, array, folder, *options):
        """The first output of a model or a plan of one input, from the command line."""
        array.tofile(folder / "vivace_input.raw")
        output = folder / "vivace_outputs.npz"
        command = [BUILD / "bin" / "vivace", "run", model, "-i", "vivace_input.raw", "-o", output, "-q", *options]
        if pathlib.Path(model).suffix == ".onnx":
            command += ["--effort", "0"]
        self.run(folder, *command)
        with np.load(output) as outputs:
            return outputs[outputs.files[0]]


def find_tensorrt(python=sys.executable):
    """The folders that make `import tensorrt` find ours: none where it is installed, else those of the build."""
    folders = [BUILD / "python"]
    for path in ([], folders):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
        code = "import tensorrt; tensorrt.Builder"
        if subprocess.run([python, "-c", code], env=environment, capture_output=True, cwd="/").returncode == 0:
            return path
    return None


TENSORRT_PATH = find_tensorrt() or []
HAS_PYTHON = find_tensorrt() is not None


class TorchPlace(Place):
    """Runs programs that use PyTorch: with the Python that has it, which need not be the tests' own."""

    interpreters = (str(ROOT / ".venv-torch" / "bin" / "python"), sys.executable)

    def __init__(self):
        super().__init__()
        needs = "cv2", "matplotlib", "torch", "torchvision", "tqdm"
        self.interpreter = self.missing = None
        for python in filter(os.path.exists, self.interpreters):
            found = subprocess.run([python, "-c", f"import {', '.join(needs)}"], capture_output=True, cwd="/")
            if found.returncode == 0:
                self.interpreter = python
                break
        else:
            self.missing = f"no Python here has {', '.join(needs)}; scripts/setup --tests gets them where it can"
            return
        path = find_tensorrt(self.interpreter)
        if path is None:
            self.missing = f"{self.interpreter} has no module tensorrt; install its wheel"
            return
        # Where nothing is installed the build has torch2trt too; the tests of torch2trt have what stands in for .cuda().
        modules = BUILD / "python" / "vivace" / "compat" / "modules"
        path = [*path, *([modules] if path else []), ROOT / "python" / "host_pycuda", ROOT / "tests" / "torch"]
        self.environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
        self.environment["MPLBACKEND"] = "Agg"

    def python(self, folder, *arguments, **options):
        return self.run(folder, self.interpreter, *arguments, **options)
