"""Vivace's C interface as far as bench/peers_cuda.py wants it, where no wheel is installed."""

import ctypes
import pathlib

F32 = 1  # of vivace_dtype
SIZE, POINTER, TEXT = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p


class TensorInfo(ctypes.Structure):
    """vivace_tensor_info."""

    _fields_ = [
        ("name", TEXT), ("dtype", ctypes.c_int), ("rank", ctypes.c_int32), ("dims", ctypes.POINTER(ctypes.c_int64)),
        ("symbols", POINTER), ("min", POINTER), ("opt", POINTER), ("max", POINTER),
    ]  # fmt: skip


class EngineOptions(ctypes.Structure):
    """vivace_engine_options."""

    _fields_ = [
        ("size", SIZE), ("threads", ctypes.c_int32), ("strict", ctypes.c_int32), ("memory_limit", ctypes.c_uint64),
        ("device", TEXT),
    ]  # fmt: skip


def find_library(tool):
    """libvivace of the command line: in lib beside it, or beside its folder."""
    folders = [pathlib.Path(tool).resolve().parent, pathlib.Path(tool).resolve().parent.parent]
    found = [path for folder in folders for path in sorted(folder.glob("lib/libvivace.so*"))]
    if not found:
        raise FileNotFoundError(f"libvivace.so is not in lib beside {tool}; --library says where it is")
    return found[0]


class Library:
    """The functions, each raising RuntimeError with the library's own sentence where it fails."""

    def __init__(self, path):
        self._library = ctypes.CDLL(str(path))
        self._library.vivace_last_error.restype = TEXT
        self._library.vivace_engine_output.restype = ctypes.POINTER(TensorInfo)

    def call(self, name, *arguments):
        if getattr(self._library, name)(*arguments):
            raise RuntimeError(f"{name}: {self._library.vivace_last_error().decode()}")

    def make(self, name, *arguments):
        """The handle that a function gives through its last parameter."""
        made = POINTER()
        self.call(name, *arguments, ctypes.byref(made))
        return made

    def wrap(self, shape, address):
        """A tensor of f32 on the caller's memory."""
        count = 4
        for size in shape:
            count *= size
        dims = (ctypes.c_int64 * len(shape))(*shape)
        return self.make("vivace_tensor_wrap", F32, len(shape), dims, POINTER(address), SIZE(count))


class Engine:
    """A plan on a GPU, with one input and one output of f32, and a context to run it in."""

    def __init__(self, library, plan, device="cuda"):
        self.library = library
        options = EngineOptions(ctypes.sizeof(EngineOptions), 0, 1, 0, device.encode())
        self._plan = library.make("vivace_plan_load", str(plan).encode())
        self._engine = library.make("vivace_engine_create", self._plan, ctypes.byref(options))
        self._context = library.make("vivace_context_create", self._engine, 0)

    @property
    def output_shape(self):
        info = self.library._library.vivace_engine_output(self._engine, SIZE(0)).contents
        return [info.dims[i] for i in range(info.rank)]

    def bind(self, input_shape, input_address, output_address):
        """A function that queues a run on these addresses of the device on a stream."""
        inputs = (POINTER * 1)(self.library.wrap(input_shape, input_address))
        outputs = (POINTER * 1)(self.library.wrap(self.output_shape, output_address))
        enqueue, one = self.library.call, SIZE(1)

        def run(stream):
            enqueue("vivace_context_enqueue", self._context, inputs, one, outputs, one, POINTER(stream))

        return run
