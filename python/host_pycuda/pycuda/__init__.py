"""PyCUDA's names over host memory, for programs written for a GPU on a machine without one.

Stands in for the real package only where the folder above is put on PYTHONPATH. Device memory is host memory and a call
is done when it returns, so its pointers fit engines that run on the CPU. There are no kernels.
"""

VERSION = (2024, 1)
VERSION_STATUS = "+host"
VERSION_TEXT = ".".join(map(str, VERSION)) + VERSION_STATUS
__version__ = VERSION_TEXT
