"""The names of CUDA's Python bindings over host memory, for programs written for a GPU on a machine without one.

Stands in for the real package only where `vivace.compat` is asked for it, or the folder above is put on PYTHONPATH.
Device memory is host memory and a call is done when it returns, so its pointers fit engines that run on the CPU. There
are no kernels.
"""

# A real package of this name may hold other parts.
__path__ = __import__("pkgutil").extend_path(__path__, __name__)
