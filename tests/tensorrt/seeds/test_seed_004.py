"""Document 004: a PyTorch model converted by torch2trt, saved, loaded and compared."""

import re

import pytest


@pytest.fixture(scope="module")
def folder(documents, torch_place, stand_in, tmp_path_factory):
    """The document's programs, with weights made here."""
    document = documents(4)
    folder = tmp_path_factory.mktemp("seed004")
    stand_in("resnet_004.py", folder)
    before = (folder / "resnet_004.py").read_text()
    (folder / "resnet.py").write_text(before + "\n\n" + document.program("resnet.py"))
    for name in ("main_getTRT.py", "main_run.py"):
        (folder / name).write_text(document.program(name))
    code = "import torch; from resnet import resnet18; torch.manual_seed(1); "
    torch_place.python(folder, "-c", code + "torch.save(resnet18().state_dict(), 'resnet18-5c106cde.pth')")
    return folder


def test_convert_save_load_compare(folder, torch_place):
    assert "Time [sec.]" in torch_place.python(folder, "main_getTRT.py")
    assert (folder / "resnet18_224x224-trt.pth").stat().st_size > 1 << 20
    printed = torch_place.python(folder, "main_run.py", "--n_times", 10)
    assert float(re.search(r"^Error: (\S+)$", printed, re.MULTILINE)[1]) < 1e-3, printed
