"""Runs on a GPU's memory and streams: gpu_cases.py with the null device."""

import os
import pathlib
import subprocess
import sys


def test_runs_on_the_null_device():
    cases = pathlib.Path(__file__).with_name("gpu_cases.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cases]
    done = subprocess.run(command, env=os.environ | {"VIVACE_CUDA": "null"}, capture_output=True, text=True)
    assert done.returncode == 0 and " passed" in done.stdout and "skipped" not in done.stdout, done.stdout + done.stderr
