"""The name of `cuda.bindings.runtime` before 12.6."""

from .bindings.runtime import *  # noqa: F403
