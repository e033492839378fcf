"""Programs of wang-xinyu/tensorrtx that need no kernel of CUDA: compiled as they are, run with random weights.

A program's weights are found by compiling it a second time with record_weights.h before its sources, which makes the
file of weights that the program then reads. Where an ONNX model of the same network is at hand, onnxruntime with the
same weights gives what a program should print.
"""

import dataclasses
import os
import pathlib
import random
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = (
    "alexnet crnn csrnet dbnet densenet detr efficient_ad efficientnet ghostnet googlenet hrnet ibnnet inception lenet "
    "lprnet mlp mnasnet mobilenet psenet refinedet repvgg resnet senet shufflenetv2 squeezenet superpoint tsm ufld unet "
    "vgg vit"
).split()
OPENCV = "core imgproc imgcodecs dnn highgui calib3d features2d videoio".split()
# What programs are asked to build and to run with, where it is not -s and -d; `images` is a folder with one image.
ARGUMENTS = {
    "csrnet": (["-s", "model.wts"], ["-d", "images/"]),
    "dbnet": (["-s"], ["-d", "images/"]),
    "detr": (["-s", "model.wts", "model.engine"], ["-d", "model.engine", "images/"]),
    "efficientAD_det": (["-s", "model.wts", "model.engine"], ["-d", "model.engine", "images/"]),
    "efficientnet": (["-s", "model.wts", "model.engine", "b0"], ["-d", "model.engine", "b0"]),
    "hrnet-image-classification": (["-s"], ["-d", "images/"]),
    "hrnet-semantic-segmentation-hrnet": (["-s", "model.wts", "model.engine", "18"], ["-d", "model.engine", "images/"]),
    "hrnet_ocr": (["-s", "model.wts", "model.engine", "18"], ["-d", "model.engine", "images/"]),
    "mobilenet_v3": (["-s", "small"], ["-d", "small"]),
    "repvgg": (["-s", "RepVGG-A0"], ["-d", "RepVGG-A0"]),
    "supernet": (["-s", "model.wts"], None),
    "lane_det": (["-s"], ["-d", "images/"]),
    "unet": (["-s"], ["-d", "demo.png"]),
}
WEIGHTS = {
    "ibnnet": "../resnet50-ibna.wts",
    "ghostnetv2": "../ghostnetv2.weights",
    "mobilenet_v3": "../mbv3_small.wts",
    "repvgg": "../RepVGG-A0.wts",
}
# Headers that a source uses and does not include, which older ones of others brought along.
HEADERS = {
    "ibnnet": ["string"],
    "psenet": ["string"],
    "crnn": ["fstream", "opencv2/imgproc/types_c.h"],
    "dbnet": ["opencv2/imgproc/types_c.h"],
}
# Programs whose sources need more than TensorRT, CUDA's runtime and OpenCV.
NEEDS = {"refinedet": "libtorch", "ghostnetv1": "printTensorShape, which it calls and nobody declares"}
# Counts that a program itself asks for before a layer uses the weights.
COUNTS = {
    "crnn": {
        f"rnn.{i}.rnn.{kind}_l0{way}": 4 * 256 * ({"weight_ih": (512, 256)[i], "weight_hh": 256}.get(kind, 1))
        for i in (0, 1)
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for way in ("", "_reverse")
    },
    "efficientAD_det": {
        **{f"mean_std.{kind}": 384 for kind in ("mean", "std")},
        **{f"quantiles.{end}_{kind}": 1 for end in ("qa", "qb") for kind in ("st", "ae")},
    },
}
# ONNX models of the same networks.
SAME_AS = {
    "resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50", "resnext50_32x4d": "resnext50_32x4d",
    "wideresnet50": "wide_resnet50_2", "vgg11": "vgg11", "mobilenet_v2": "mobilenet_v2", "densenet121": "densenet121",
    "inception_v3": "inception_v3",
}  # fmt: skip
TOLERANCE = 2e-3
MAIN = r"(?m)^(int|auto) main\("


@dataclasses.dataclass
class Program:
    name: str
    folder: pathlib.Path
    sources: list
    standard: str
    major: int
    weights: str


def programs_of(root):
    found = []
    for folder in FOLDERS:
        mains = [
            p
            for p in sorted((root / folder).rglob("*.c*"))
            if p.suffix in (".cc", ".cpp") and re.search(MAIN, text_of(p))
        ]
        for main in mains:
            build = main.parent / "CMakeLists.txt"
            build = build if build.exists() else root / folder / "CMakeLists.txt"
            alone = sum(p.is_relative_to(build.parent) for p in mains) > 1
            # A program's folders of its own count; a library within, with its own CMakeLists.txt, too.
            others = [] if alone else [p for p in sorted(build.parent.rglob("*.c*")) if p.suffix in (".cc", ".cpp")]
            name = main.stem
            if name in ("main", "hrnet"):
                name = "-".join(main.relative_to(root).with_suffix("").parts[-2:])
            name = name.removesuffix("-main").replace("classification-hrnet", "classification")
            standard = re.findall(r"CMAKE_CXX_STANDARD (\d+)", text_of(build)) or ["11"]
            logging = [text_of(p) for p in build.parent.rglob("logging.h")]
            major = 8 if any("noexcept" in text.lower() for text in logging) else 7
            texts = [text_of(p) for p in [main, *others, *build.parent.rglob("*.h*")]]
            named = [w for text in texts for w in re.findall(r'"([^"\n]*[^"\n.][^"\n]*\.wts)"', text)]
            weights = WEIGHTS.get(name) or (named[0].replace("\\\\", "\\") if named else "model.wts")
            if "model.wts" in ARGUMENTS.get(name, [[]])[0]:
                weights = "model.wts"
            found.append(Program(name, build.parent, sorted({main, *others}), standard[0], major, weights))
    return found


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def compile_program(program, target, root, libraries, *before):
    command = [
        os.environ.get("CXX", "g++"), "-O1", "-w", f"-DVIVACE_TENSORRT_MAJOR={program.major}", *before,
        *[f"-include{header}" for header in HEADERS.get(program.name, [])],
        f"-I{program.folder}", *[f"-I{p}" for p in program.folder.iterdir() if p.is_dir()],
        f"-I{root / 'include' / 'tensorrt'}", f"-I{root / 'include' / 'cuda'}", "-I/usr/include/opencv4",
        *map(str, program.sources), "-o", str(target), "-Wl,--no-as-needed", f"-L{libraries}", f"-L{libraries / 'cudart'}", "-lnvinfer",
        "-lnvinfer_plugin", "-l:libcudart.so", *[f"-lopencv_{part}" for part in OPENCV], "-lpthread", "-ldl",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line]
    return done.returncode == 0, errors[:4]


def make_image(path, width, height):
    """A picture as PPM, which readers know by its content."""
    source = random.Random(width)
    rows = bytes(
        (x * y + 40 * c + source.randrange(30)) % 256 for y in range(height) for x in range(width) for c in range(3)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + rows)


def lines_of(text):
    """What a program printed, less what differs from run to run."""
    return [
        line
        for line in text.splitlines()
        if not re.search(r"\d\s?(ms|us|fps)\b|\d\d:\d\d:\d\d|time|cost|thread_id", line, re.I)
    ]


def numbers_of(text):
    return [float(x) for x in re.findall(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf)(?=[,\s]|$)", text)]


class Trial:
    """One program's way from its sources to its output."""

    def __init__(self, program, args, root):
        self.program, self.args, self.root = program, args, root
        self.libraries = args.build / "lib"
        self.place = args.out / "tensorrtx" / program.name / "build"
        self.result = {"name": program.name, "major": program.major}
        self.notes = []

    def call(self, program, arguments, **more):
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "LD_LIBRARY_PATH": f"{self.libraries}:{self.libraries / 'cudart'}",
            **more,
        }
        try:
            done = subprocess.run([str(program), *arguments], cwd=self.place, env=environment, capture_output=True,
                                  text=True, errors="replace", timeout=self.args.seconds)  # fmt: skip
        except subprocess.TimeoutExpired:
            return None, f"longer than {self.args.seconds} s"
        return done.returncode, done.stdout + done.stderr

    def step(self, name, good, text):
        self.result[name] = bool(good)
        if not good:
            wanted = [
                line for line in text.splitlines() if re.search(r"\[E\]|error|assert|fail|terminate|longer", line, re.I)
            ]
            self.notes = (wanted or text.splitlines()[-3:] or ["no output"])[:3]
        return good

    def run(self):
        program = self.program
        if program.name in NEEDS:
            self.notes = [f"needs {NEEDS[program.name]}"]
            return self.result
        shutil.rmtree(self.place.parent, ignore_errors=True)
        self.place.mkdir(parents=True)
        for name, size in (("demo.png", (320, 240)), ("images/one.jpg", (640, 640)), ("test.jpg", (640, 640)), ("../assets/cats.jpg", (256, 256)),
                           ("../assets/car_plate.jpg", (94, 24)), ("../assets/6.pgm", (28, 28))):  # fmt: skip
            make_image(self.place / name, *size)
        for labels in (self.args.tensorrtx / "assets").glob("*.txt"):
            shutil.copy(labels, self.place.parent / "assets")
        good, errors = compile_program(
            program, self.place / "program", self.root, self.libraries, f"-std=c++{program.standard}"
        )
        if not self.step("builds", good, "\n".join(errors)):
            return self.result
        if not self.record():
            return self.result
        building, running = ARGUMENTS.get(program.name, (["-s"], ["-d"]))
        before = set(self.place.parent.rglob("*"))
        code, text = self.call("./program", building)
        made = [p for p in set(self.place.parent.rglob("*")) - before if p.stat().st_size > 0]
        if not self.step("engine", code in (0, 1) and made, text) or not running:
            return self.clean()
        code, text = self.call("./program", running)
        if not self.step("runs", code == 0 and not re.search(r"\bnan\b|\[E\]", text), text):
            return self.clean()
        for made in set((self.place / "images").iterdir()) - {self.place / "images" / "one.jpg"}:
            made.unlink()  # a result would be an input the next time
        code, again = self.call("./program", running)
        self.step("repeats", lines_of(text) == lines_of(again), text)
        self.compare(text)
        return self.clean()

    def record(self):
        """Whether the file of weights is made."""
        program = self.program
        good, errors = compile_program(program, self.place / "recorder", self.root, self.libraries, "-std=c++17",
                                       "-include", str(HERE / "record_weights.h"), "-rdynamic")  # fmt: skip
        if not self.step("weights", good, "\n".join(errors)):
            return False
        self.weights = self.place / program.weights
        self.weights.parent.mkdir(parents=True, exist_ok=True)
        self.weights.write_text("1\nnothing 1 3f800000\n")
        counts = " ".join(f"{name} {count}" for name, count in COUNTS.get(program.name, {}).items())
        code, text = self.call("./recorder", ARGUMENTS.get(program.name, (["-s"],))[0],
                               RECORDED_WEIGHTS=str(self.place / "recorded"), RECORDED_COUNTS=counts)  # fmt: skip
        if not self.step("weights", (self.place / "recorded").exists(), f"{text}\nexit code {code}"):
            return False
        (self.place / "recorded").replace(self.weights)
        return True

    def compare(self, text):
        model = self.args.models and self.args.models / f"{SAME_AS.get(self.program.name)}.onnx"
        if not model or not model.exists():
            return
        from reference import first_outputs

        lines = [numbers_of(line) for line in lines_of(text) if line.count(",") >= 9]
        printed = lines[0][:9] if lines else []
        try:
            expected = first_outputs(model, self.weights, 10)
        except ValueError as error:
            self.notes = [f"not compared: {error}"]
            return
        scale = max(abs(x) for x in expected)
        # Some programs print the first element in a line of its own.
        worst = min(max((abs(x - y) / scale for x, y in zip(printed, expected[start:])), default=1) for start in (0, 1))
        told = f"error {worst:.3g}: printed {printed}, expected {expected}"
        self.step("equal", len(printed) == 9 and worst < TOLERANCE, told)

    def clean(self):
        """Files of weights and engines are large."""
        if not self.args.keep:
            for path in self.place.parent.rglob("*"):
                if path.is_file() and path.stat().st_size > 1 << 20:
                    path.unlink()
        return self.result


COLUMNS = ("builds", "weights", "engine", "runs", "repeats", "equal")


def try_programs(args, root):
    """Whether every program gets as far as it can."""
    print(f"{'program':34} TRT  " + "  ".join(f"{column:7}" for column in COLUMNS))
    good = True
    for program in programs_of(args.tensorrtx):
        if args.only and program.name not in args.only:
            continue
        trial = Trial(program, args, root)
        result = trial.run()
        cells = [{True: "yes", False: "NO"}.get(result.get(column), "-") for column in COLUMNS]
        print(f"{program.name:34} {program.major:3}  " + "  ".join(f"{cell:7}" for cell in cells), flush=True)
        for note in trial.notes:
            print(f"    {note[:220]}", flush=True)
        good = good and False not in result.values()
    return good
