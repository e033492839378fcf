"""The models that programs of this folder measure: by name those of `../shared/models`, or any ONNX files."""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import sys
import tempfile
from collections.abc import Iterator

from commands import run

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The image classifiers of the seeds, by family.
FAMILIES = {
    "AlexNet": ["alexnet"],
    "DenseNet": ["densenet121", "densenet161", "densenet169", "densenet201"],
    "MNASNet": ["mnasnet0_5", "mnasnet1_0"],
    "MobileNet": ["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"],
    "ResNet": ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"],
    "ResNeXt": ["resnext50_32x4d", "resnext101_32x8d"],
    "ShuffleNet": ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0"],
    "SqueezeNet": ["squeezenet1_0", "squeezenet1_1"],
    "VGG": [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")],
    "Wide ResNet": ["wide_resnet50_2", "wide_resnet101_2"],
}
CLASSIFIERS = [name for names in FAMILIES.values() for name in names]
# Other kinds of networks: transformers, detectors' and generators' parts, a recurrent one.
BESIDE = ["vit_b_16", "bert_base_128", "convnext_tiny", "efficientnet_b0", "inception_v3", "deeplabv3_resnet50",
          "unet_small", "lstm_lm_dynamic"]  # fmt: skip
DYNAMIC = ["gpt_small_dynamic", "resnet18_dynamic"]
SETS = {"classifiers": CLASSIFIERS, "beside": BESIDE, "all": CLASSIFIERS + BESIDE + DYNAMIC}
LENGTH = 64  # of a dimension that a model leaves open, but for the first, the batch


def family_of(name: str) -> str:
    """The family of a classifier; any other model is its own."""
    return next((family for family, names in FAMILIES.items() if name in names), name)


def add_options(parser: argparse.ArgumentParser, default: str = "classifiers", files: str = "files") -> None:
    """`files`: "--files" where a program has other arguments without a name."""
    parser.add_argument(files, nargs="*", type=pathlib.Path, default=[], metavar="FILE",
                        help="ONNX files, in place of --only")  # fmt: skip
    parser.add_argument("--models", type=pathlib.Path, default=ROOT.parent / "shared" / "models", metavar="FOLDER",
                        help="where make_model.py and the topologies are (default: %(default)s)")  # fmt: skip
    parser.add_argument("--only", nargs="+", metavar="MODEL", default=[default],
                        help=f"models, families ({', '.join(FAMILIES)}) or sets: classifiers, the 31 of the seeds; "
                             "beside, eight networks of other kinds; all, which is these and two with open batches "
                             "(default: %(default)s)")  # fmt: skip


def names_of(words: list[str]) -> list[str]:
    """Models of words of --only, each once; ValueError where one is no model, family or set."""
    known = {name: [name] for name in SETS["all"]} | FAMILIES | SETS
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(f"there is no model, family or set '{unknown[0]}'")
    return list(dict.fromkeys(name for word in words for name in known[word]))


@dataclasses.dataclass
class Model:
    name: str
    path: pathlib.Path | None = None  # None: make_model.py makes it

    @contextlib.contextmanager
    def file(self, folder: pathlib.Path, python: pathlib.Path | str, batch: int = 1) -> Iterator[pathlib.Path]:
        """The ONNX file, made where it has to be, and then deleted. ValueError: it cannot be made at this batch."""
        if self.path:
            yield self.path
            return
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, f"{self.name}.onnx")
            run(python, folder / "make_model.py", self.name, path, f"--batch={batch}")
            yield path


def chosen(arguments: argparse.Namespace) -> list[Model]:
    """What add_options's options ask for. Ends the program where that is not there."""
    if arguments.files:
        return [Model(path.stem, path) for path in arguments.files]
    if not (arguments.models / "make_model.py").exists():
        print(f"{sys.argv[0]}: skipped: {arguments.models / 'make_model.py'} is not there; --models FOLDER says where "
              "the topologies are")  # fmt: skip
        sys.exit(0)
    try:
        return [Model(name) for name in names_of(arguments.only)]
    except ValueError as error:
        sys.exit(f"{sys.argv[0]}: {error}")


def input_shapes(path: pathlib.Path | str, batch: int) -> dict[str, tuple[str, tuple[int, ...], bool]]:
    """{input: (NumPy's type, shape, whether the model leaves dimensions open)}; open ones are `batch` where they come
    first, else LENGTH."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    found = {}
    for value in graph.input:
        if value.name in constants:
            continue
        tensor = value.type.tensor_type
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        shape = tuple(size if size is not None else batch if axis == 0 else LENGTH for axis, size in enumerate(sizes))
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        found[value.name] = (dtype.name, shape, None in sizes)
    return found


def shape_options(path: pathlib.Path | str, batch: int = 1, python: pathlib.Path | str = sys.executable) -> list[str]:
    """Options of the command line for the inputs that leave dimensions open, as a Python that has onnx finds them."""
    return run(python, __file__, path, batch).split()


def add_tool_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vivace", type=pathlib.Path, default=ROOT / "build" / "bin" / "vivace", metavar="TOOL",
                        help="(default: %(default)s)")  # fmt: skip
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all results there")


def save(path: pathlib.Path | None, results: object) -> None:
    """As JSON, where a file was asked for."""
    if path:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name, (_, shape, is_open) in input_shapes(sys.argv[1], int(sys.argv[2])).items():
        if is_open:
            print(f"--shape={name}={'x'.join(map(str, shape))}")
