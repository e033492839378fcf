"""Document 004: a PyTorch model converted by torch2trt, saved, loaded and compared. Needs torch and torch2trt."""

import importlib.util
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def folder(documents, place, needs_python, stand_in, tmp_path_factory):
    """The document's programs, with weights made here."""
    for module in ("torch", "tqdm"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"the document's programs need {module}, which is not installed")
    done = subprocess.run([sys.executable, "-c", "import torch2trt"], env=place.environment, capture_output=True)
    if done.returncode:
        pytest.skip("the document's programs need torch2trt, which is not there")
    document = documents(4)
    folder = tmp_path_factory.mktemp("seed004")
    stand_in("resnet_004.py", folder)
    before = (folder / "resnet_004.py").read_text()
    (folder / "resnet.py").write_text(before + "\n\n" + document.program("resnet.py"))
    for name in ("main_getTRT.py", "main_run.py"):
        (folder / name).write_text(document.program(name))
    code = "import torch; from resnet import resnet18; torch.manual_seed(1); "
    place.python(folder, "-c", code + "torch.save(resnet18().state_dict(), 'resnet18-5c106cde.pth')")
    return folder


def test_convert_save_load_compare(folder, place):
    assert "Time [sec.]" in place.python(folder, "main_getTRT.py")
    assert (folder / "resnet18_224x224-trt.pth").stat().st_size > 1 << 20
    printed = place.python(folder, "main_run.py", "--n_times", 10)
    assert float(re.search(r"^Error: (\S+)$", printed, re.MULTILINE)[1]) < 1e-3, printed
