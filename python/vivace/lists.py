"""What Vivace knows and has, and where it says things."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import _core

_SEVERITIES = ("error", "warning", "info", "verbose")


def operators() -> list[dict[str, Any]]:
    """The operators that Vivace knows."""
    return json.loads(_core.list_operators())


def tactics() -> list[dict[str, Any]]:
    """The ways it has to run them."""
    return json.loads(_core.list_tactics())


def devices() -> list[dict[str, Any]]:
    """The devices it can use."""
    return json.loads(_core.list_devices())


def set_logger(logger: Callable[[str, str], None] | None, most_verbose: str = "warning") -> None:
    """Sends messages up to `most_verbose` to logger(severity, message); None drops them."""
    if logger is None:
        _core.set_logger(None, 0)
    else:
        _core.set_logger(lambda number, text: logger(_SEVERITIES[number], text), _SEVERITIES.index(most_verbose))
