"""Programs written for TensorRT run on Vivace as they are.

    python3 -m vivace.compat program.py arguments...

or, in a program of one's own, before its imports of TensorRT:

    import vivace.compat
    vivace.compat.install(version=10)

Either makes `tensorrt`, `torch2trt`, `pycuda` and `cuda` (its `bindings`) importable where no package of that name is
installed; with `prefer=True` (`--prefer`) Vivace's come first even then. `pycuda` and `cuda` work on host memory. `version`
(`--tensorrt 10`) is the generation of TensorRT, 7 to 11, that `tensorrt` speaks as; 8 where nothing is said.
"""

import importlib
import os
import pathlib
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

NAMES = ("cuda", "pycuda", "tensorrt", "torch2trt")
VERSION = "VIVACE_TENSORRT_VERSION"  # what the module tensorrt looks at
FOLDER = pathlib.Path(__file__).resolve().parent / "modules"


class _Finder:
    """Finds packages of some names in our folder: after all others found nothing, or before they are asked."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, *inner = fullname.split(".")
        if top not in self.names:
            return None
        parent = FOLDER.joinpath(top, *inner).parent
        return PathFinder.find_spec(fullname, [str(parent)], target)


def _is_ours(module: ModuleType) -> bool:
    places = [*getattr(module, "__path__", []), getattr(module, "__file__", None) or ""]
    return any(pathlib.Path(place).is_relative_to(FOLDER) for place in places if place)


def install(prefer: bool = False, names: Iterable[str] = NAMES, version: int | str | None = None) -> list[str]:
    """Makes the names importable.

    `prefer`: ours, even where others are installed. The default leaves what is installed alone.
    `version`: the generation of TensorRT to speak as, say 10 or "10.16"; an error where `tensorrt` speaks as another already.
    Returns the names that this Vivace carries. A name that is imported already from elsewhere is an error with `prefer`.
    """
    names = list(names)
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ValueError(f"there is no compatible module for {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if prefer:
        others = [name for name in names if name in sys.modules and not _is_ours(sys.modules[name])]
        if others:
            raise ImportError(
                f"{', '.join(others)} of another package is imported already; call vivace.compat.install() before that"
            )
    if version is not None:
        spoken = getattr(sys.modules.get("tensorrt"), "__version__", str(version))
        if spoken.split(".")[0] != str(version).split(".")[0]:
            raise ImportError(
                f"tensorrt is imported already, as version {spoken}; call vivace.compat.install() before that"
            )
        os.environ[VERSION] = str(version)
    uninstall(names)
    carried = [name for name in names if (FOLDER / name / "__init__.py").exists()]
    finder = _Finder(carried)
    if prefer:
        sys.meta_path.insert(0, finder)
    else:
        sys.meta_path.append(finder)
    importlib.invalidate_caches()
    return carried


def uninstall(names: Iterable[str] = NAMES) -> None:
    """Takes the names back. What is imported already stays."""
    gone = frozenset(names)
    for finder in [finder for finder in sys.meta_path if isinstance(finder, _Finder)]:
        finder.names -= gone
        if not finder.names:
            sys.meta_path.remove(finder)
