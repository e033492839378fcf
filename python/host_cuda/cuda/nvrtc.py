"""The name of `cuda.bindings.nvrtc` before 12.6."""

from .bindings.nvrtc import *  # noqa: F403
