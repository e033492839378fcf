"""Document 000: ONNX models to plans, inference and benchmarks, in Python and in C++."""

import ctypes
import re

import numpy as np
import pytest
from place import SMALL_MODELS

PROGRAMS = ["trt_onnx_parser", "trt_infer_plan", "trt_bench_plan"]
PIXELS = 3 * 224 * 224
RECORD = re.compile(r"^#(?:\./plan/)?([\w.]+)\.plan;([\d.]+)$", re.MULTILINE)
TOP = re.compile(r"^\s+(?:\[\d\] )?(?:class_)?(\d+) ([\d.]+)%$", re.MULTILINE)


def softmax(scores):
    e = np.exp(scores.astype(np.float64).ravel() - scores.max())
    return e / e.sum()


def check_top5(printed, scores):
    """The five printed lines are the five most likely classes, largest first, to the two printed decimals."""
    percent = 100 * softmax(scores)
    top = [(int(label), float(value)) for label, value in TOP.findall(printed)]
    assert len(top) == 5, printed
    for (label, value), largest in zip(top, np.sort(percent)[::-1]):
        assert value == pytest.approx(percent[label], rel=2e-3, abs=0.011), (label, printed)
        assert value == pytest.approx(largest, rel=2e-3, abs=0.011), (label, printed)
    assert len({label for label, _ in top}) == 5


class Article:
    """The document's programs in a folder of their own, with the models and what they need beside."""

    def __init__(self, document, folder, place, model_file, stand_in):
        self.document, self.folder, self.place, self.model_file = document, folder, place, model_file
        for name in ("onnx", "plan", "data"):
            (folder / name).mkdir()
        for program in PROGRAMS:
            (folder / f"{program}.cpp").write_text(document.program(f"{program}.cpp"))
            (folder / f"{program}.py").write_text(document.program(f"{program}.py"))
        for name in ("common.h", "common.cpp", "merge_perf.py"):
            stand_in(name, folder)
        (folder / "imagenet_classes.txt").write_text("".join(f"class_{i}\n" for i in range(1000)))
        self.husky = np.random.default_rng(1).standard_normal(PIXELS, dtype=np.float32)
        self.husky.tofile(folder / "data" / "husky01.dat")
        printed = re.findall(r"'(\w+)',\n", document.program("trt_onnx_parser_all.py"))
        assert len(printed) == 31
        self.models = printed if place.all_models else SMALL_MODELS
        for name in self.models:
            (folder / "onnx" / f"{name}.onnx").symlink_to(model_file(name))
        self.scores = {}

    def expected(self, model, array, key):
        """What `vivace run` says."""
        if (model, key) not in self.scores:
            self.scores[model, key] = self.place.vivace_run(self.model_file(model), array, self.folder)
        return self.scores[model, key]

    def script(self, name):
        """A script of the document; without the lines of the models that are left out."""
        code = self.document.program(name)
        lines = code.splitlines(keepends=True)
        kept = [line for line in lines if self._model_of(line) in (None, *self.models)]
        assert len(lines) - len(kept) == 31 - len(self.models), name
        return "".join(kept)

    @staticmethod
    def _model_of(line):
        found = re.match(r"\s*'(\w+)',$", line) or re.search(r"\./plan/(\w+)\.plan", line)
        return found and found[1]


@pytest.fixture(scope="module")
def article(documents, place, model_file, stand_in, tmp_path_factory):
    return Article(documents(0), tmp_path_factory.mktemp("seed000"), place, model_file, stand_in)


@pytest.fixture(scope="module")
def built(article):
    """The C++ programs, compiled by the document's scripts, and the plans that the first of them makes."""
    for program in PROGRAMS:
        article.place.shell(article.folder, article.document.program(f"build_{program}.sh"))
    printed = article.place.shell(article.folder, article.script("trt_onnx_parser_all.sh"))
    assert printed.splitlines() == [f"Generate TensorRT plan for ./onnx/{name}.onnx" for name in sorted(article.models)]
    return article


def benchmark_input():
    """What the C++ program makes with std::srand(1234) and std::rand()."""
    libc = ctypes.CDLL(None)
    libc.srand(1234)
    values = np.array([libc.rand() for _ in range(PIXELS)], np.float32)
    return values / np.float32(2**31 - 1)


def test_inference_in_cpp(built):
    for model in built.models:
        plan = f"./plan/{model}.plan"
        printed = built.place.run(built.folder, "./bin/trt_infer_plan", plan, "./data/husky01.dat")
        lines = printed.splitlines()
        assert lines[:2] == [f"Start {plan}", "Bindings: 2"]
        assert re.fullmatch(r'  \[0\] ".+" input \[1 3 224 224\]', lines[2])
        assert re.fullmatch(r'  \[1\] ".+" output \[1 1000\]', lines[3])
        check_top5(printed, built.expected(model, built.husky, "husky"))


def test_benchmark_in_cpp(built):
    printed = built.place.shell(built.folder, built.script("bench_plan_all.sh"))
    (built.folder / "bench_trt.log").write_text(printed)
    assert printed.startswith("#head;TensorRT (C++)\n")
    records = dict(RECORD.findall(printed))
    assert sorted(records) == sorted(built.models)
    assert all(0 < float(value) < 60000 for value in records.values())
    array = benchmark_input()
    parts = printed.split("Start ")[1:]
    for model, part in zip(sorted(built.models), parts, strict=True):
        assert part.startswith(f"./plan/{model}.plan\n")
        check_top5(part, built.expected(model, array, "rand"))


def test_errors_in_cpp(built):
    """A cut-off plan and a missing model end the programs with their own messages."""
    whole = (built.folder / "plan" / f"{built.models[0]}.plan").read_bytes()
    (built.folder / "plan" / "cut.plan").write_bytes(whole[: len(whole) // 2])
    built.place.run(built.folder, "./bin/trt_infer_plan", "./plan/cut.plan", "./data/husky01.dat", status=1)
    built.place.run(built.folder, "./bin/trt_onnx_parser", "./onnx/none.onnx", "./plan/none.plan", status=1)
    assert not (built.folder / "plan" / "none.plan").exists()


def test_plans_in_python(article, needs_python):
    model = article.models[0]
    plan = f"./plan/{model}_py.plan"
    printed = article.place.python(article.folder, "trt_onnx_parser.py", f"./onnx/{model}.onnx", plan)
    assert printed == "DONE\n"
    printed = article.place.python(article.folder, "trt_infer_plan.py", plan, "./data/husky01.dat")
    check_top5(printed, article.expected(model, article.husky, "husky"))


def test_plans_are_the_same_in_both(built, needs_python):
    """A plan of either language's program runs in the other's."""
    model = built.models[0]
    built.place.python(built.folder, "trt_onnx_parser.py", f"./onnx/{model}.onnx", "./plan/from_python.plan")
    printed = built.place.run(built.folder, "./bin/trt_infer_plan", "./plan/from_python.plan", "./data/husky01.dat")
    check_top5(printed, built.expected(model, built.husky, "husky"))
    printed = built.place.python(built.folder, "trt_infer_plan.py", f"./plan/{model}.plan", "./data/husky01.dat")
    check_top5(printed, built.expected(model, built.husky, "husky"))


def test_benchmark_in_python(article, needs_python):
    (article.folder / "trt_onnx_parser_all.py").write_text(article.script("trt_onnx_parser_all.py"))
    printed = article.place.python(article.folder, "trt_onnx_parser_all.py")
    assert printed.splitlines()[-1] == "DONE"
    printed = article.place.shell(article.folder, article.script("bench_plan_all_py.sh"))
    (article.folder / "bench_trt_py.log").write_text(printed)
    records = dict(RECORD.findall(printed))
    assert sorted(records) == sorted(article.models)
    np.random.seed(1234)
    array = np.random.random(PIXELS).astype(np.float32)
    for model, part in zip(sorted(article.models), printed.split("Start ")[1:], strict=True):
        scores = article.expected(model, array, "numpy")
        if scores.max() < 88:  # beyond, the exponential of the document's softmax overflows
            check_top5(part, scores)


def test_the_merged_table(built):
    logs = [name for name in ("bench_trt_py.log", "bench_trt.log") if (built.folder / name).exists()]
    if not logs:
        pytest.skip("no benchmark has run")
    printed = built.place.python(built.folder, "merge_perf.py", *logs)
    lines = [line.split(";") for line in printed.splitlines()]
    assert lines[0] == ["Model", *("TensorRT (Python)" if "py" in log else "TensorRT (C++)" for log in logs)]
    assert [line[0] for line in lines[1:]] == sorted(built.models)
    assert all(float(value) > 0 for line in lines[1:] for value in line[1:])
