"""python3 -m vivace.compat [--prefer] [--tensorrt VERSION] (program.py | -m module) arguments..."""

import pathlib
import runpy
import sys

from . import install

USAGE = "usage: python3 -m vivace.compat [--prefer] [--tensorrt VERSION] (program.py | -m module) [arguments...]"


def main() -> int:
    arguments = sys.argv[1:]
    prefer, version = False, None
    while arguments and arguments[0] in ("--prefer", "--tensorrt"):
        if arguments.pop(0) == "--prefer":
            prefer = True
        else:
            version = arguments.pop(0) if arguments else None
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(
            f"{USAGE}\n\nRuns a program written for TensorRT on Vivace; --prefer hides TensorRT where it is installed, "
            "--tensorrt says\nwhich generation the module tensorrt speaks as: 7, 8 (the default), 9, 10 or 11."
        )
        return 0 if arguments and arguments[0] != "-m" else 2
    if arguments[0] == "-m":
        install(prefer, version=version)
        sys.argv = arguments[1:]
        sys.path[0] = ""
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    program = pathlib.Path(arguments[0])
    if not program.exists():
        print(f"vivace.compat: there is no program '{program}'\n{USAGE}", file=sys.stderr)
        return 2
    install(prefer, version=version)
    sys.argv = arguments
    # A script finds the modules beside it.
    sys.path[0] = str(program.resolve().parent)
    runpy.run_path(str(program), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
