"""The name of `cuda.bindings.driver` before 12.6."""

from .bindings.driver import *  # noqa: F403
