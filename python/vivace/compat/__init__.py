"""Programs written for TensorRT run on Vivace as they are.

    python3 -m vivace.compat program.py arguments...

or, in a program of one's own, before its imports of TensorRT:

    import vivace.compat
    vivace.compat.install()

Either makes `tensorrt`, `torch2trt`, `pycuda` and `cuda` (its `bindings`) importable where no package of that name is
installed; with `prefer=True` (`--prefer`) Vivace's come first even then. `pycuda` and `cuda` work on host memory.
"""

import importlib
import pathlib
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

NAMES = ("cuda", "pycuda", "tensorrt", "torch2trt")
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


def install(prefer: bool = False, names: Iterable[str] = NAMES) -> list[str]:
    """Makes the names importable.

    `prefer`: ours, even where others are installed. The default leaves what is installed alone.
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
