"""The compiler of kernels, which are not there: what programs ask it gives an error that they can print."""

import enum


class nvrtcResult(enum.IntEnum):
    NVRTC_SUCCESS = 0
    NVRTC_ERROR_OUT_OF_MEMORY = 1
    NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2
    NVRTC_ERROR_INVALID_INPUT = 3
    NVRTC_ERROR_INTERNAL_ERROR = 11


def nvrtcVersion():
    return nvrtcResult.NVRTC_SUCCESS, 12, 8


def nvrtcGetErrorString(error):
    return nvrtcResult.NVRTC_SUCCESS, nvrtcResult(error).name.encode()


def nvrtcCreateProgram(*arguments):
    """Kernels need a GPU."""
    return nvrtcResult.NVRTC_ERROR_PROGRAM_CREATION_FAILURE, None
