"""The documents, the libraries and the models, or why a test cannot have them.

The documents are not part of this project: the tests are skipped where their folder is absent. By default small models
of the documents' 31 are used; VIVACE_SEEDS=all runs all of them, which takes long.
"""

import shutil
import subprocess
import sys

import pytest
from documents import open_document
from place import BUILD, HAS_PYTHON, LIB, SHARED, STAND_INS, Place, TorchPlace


@pytest.fixture(scope="session")
def place():
    if not (LIB / "libnvinfer.so").exists() or not (LIB / "cudart" / "libcudart.so").exists():
        pytest.skip(f"{LIB} has no libnvinfer.so and cudart/libcudart.so; build them first")
    return Place()


@pytest.fixture(scope="session")
def torch_place(place):
    made = TorchPlace()
    if made.missing:
        pytest.skip(made.missing)
    return made


@pytest.fixture(scope="session")
def documents():
    """The document of a number."""
    if not (SHARED / "seeds").is_dir():
        pytest.skip(f"{SHARED / 'seeds'} with the documents is absent")

    def opened(number):
        document = open_document(SHARED / "seeds", number)
        if document is None:
            pytest.skip(f"{SHARED / 'seeds'} has no document {number:03}")
        return document

    return opened


@pytest.fixture(scope="session")
def needs_python():
    if not HAS_PYTHON:
        pytest.skip("there is no Python module tensorrt here; install its wheel")


@pytest.fixture(scope="session")
def model_file(documents):
    """Makes a model of the documents; kept in the build folder."""
    maker = SHARED / "models" / "make_model.py"
    if not maker.exists():
        pytest.skip(f"{maker} is absent")
    folder = BUILD / "seed-models"
    folder.mkdir(exist_ok=True)

    def make(name):
        path = folder / f"{name}.onnx"
        if not path.exists():
            part = path.with_suffix(".part")
            subprocess.run([sys.executable, str(maker), name, str(part)], check=True, stdout=subprocess.DEVNULL)
            part.rename(path)
        return path

    return make


@pytest.fixture(scope="session")
def stand_in():
    """Copies a stand-in for what a document uses and does not print."""
    return lambda name, folder: shutil.copy(STAND_INS / name, folder)
