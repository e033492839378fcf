"""Polygraphy over the module tensorrt, in two generations: engines agree with ONNX Runtime."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from tensorrt_testing import model  # skips where the module is not built

pytest.importorskip("polygraphy")
CUDART = pathlib.Path(__file__).resolve().parents[2] / "build" / "lib" / "cudart"
COMMAND = shutil.which("polygraphy", path=f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
pytestmark = pytest.mark.skipif(not (CUDART.exists() and COMMAND), reason="needs the CUDA runtime over host memory")


@pytest.mark.parametrize("generation", ["8", "10"])
def test_polygraphy_runs_inspects_and_converts(generation, tmp_path):
    (tmp_path / "m.onnx").write_bytes(model(4))

    def polygraphy(*arguments):
        # Its own modules look for a library of this name in these folders.
        environment = {**os.environ, "LD_LIBRARY_PATH": str(CUDART), "VIVACE_TENSORRT_VERSION": generation}
        done = subprocess.run(
            [sys.executable, COMMAND, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "PASSED" in polygraphy("run", "m.onnx", "--trt", "--onnxrt", "--rtol", "1e-5")
    told = polygraphy("inspect", "model", "m.onnx", "--display-as=trt", "--show", "layers")
    assert "[Op: LayerType.MATRIX_MULTIPLY]" in told and "Network Output" in told
    polygraphy("convert", "m.onnx", "-o", "m.plan")
    assert "float32, shape=(4, 3)" in polygraphy("inspect", "model", "m.plan").replace("dtype=", "")
