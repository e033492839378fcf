"""The virtual environment with the peers, .cache/peers-venv: what is measured against, and what makes models."""

import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".cache" / "peers-venv"
PACKAGES = ["numpy==2.4.6", "onnx==1.22.0", "onnxruntime==1.31.1", "openvino==2026.4.1", "matplotlib==3.11.2",
            "onednn-cpu-gomp==2023.2.0"]  # fmt: skip
TORCH = ["torch==2.15.0"]
ONEDNN = VENV / "lib" / "libdnnl.so.3"


def prepare(torch: bool = False) -> pathlib.Path:
    """The environment's Python, made where it is not there yet; `torch`: with PyTorch, which stays then."""
    python = VENV / "bin" / "python"
    stamp = VENV / "installed"
    wanted = " ".join([sys.version, *PACKAGES])
    done = stamp.read_text().splitlines() if stamp.exists() else [""]
    if done[0] != wanted:
        print(f"installing the peers into {VENV}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        install(python, *PACKAGES)
        done = [wanted]
        stamp.write_text(wanted)
    if torch and " ".join(TORCH) not in done:
        print(f"installing PyTorch into {VENV}", flush=True)
        install(python, *TORCH, *PACKAGES)
        stamp.write_text("\n".join([*done, *TORCH]))
    return python


def install_ours(python: pathlib.Path) -> None:
    """The wheel that scripts/setup made last, where another one is installed."""
    wheels = sorted((ROOT / "build" / "wheel").glob("vivace-*.whl"))
    stamp = VENV / "installed-vivace"
    digest = hashlib.sha256(wheels[-1].read_bytes()).hexdigest() if wheels else ""
    if digest and not (stamp.exists() and stamp.read_text() == digest):
        install(python, "--no-deps", "--force-reinstall", str(wheels[-1]))
        stamp.write_text(digest)


def install(python: pathlib.Path, *words: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words], check=True)


def imports(python: pathlib.Path, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0
