"""`runtime`, `driver` and `nvrtc`."""

__version__ = "12.8.0+host"
