"""Dims, Permutation and Weights: lists of integers and arrays, with TensorRT's names."""

import functools
import importlib


class Dims(list):
    """A shape: a list of integers that prints as a tuple and equals any sequence with the same numbers."""

    MAX_DIMS = 8

    def __init__(self, shape=()):
        super().__init__(int(size) for size in shape)
        if len(self) > self.MAX_DIMS:
            raise ValueError(f"A shape has at most {self.MAX_DIMS} dimensions, not {len(self)}")

    def __getitem__(self, index):
        item = super().__getitem__(index)
        return Dims(item) if isinstance(index, slice) else item

    def __eq__(self, other):
        try:
            return tuple(self) == tuple(other)
        except TypeError:
            return NotImplemented

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = None

    def __repr__(self):
        return repr(tuple(self))

    __str__ = __repr__


class UnknownDims(Dims):
    """The shape of a tensor whose number of dimensions is not known: it has no length."""

    def __len__(self):
        raise ValueError("The number of dimensions is not known")

    def __repr__(self):
        return "(unknown)"

    __str__ = __repr__

    def __init__(self):
        list.__init__(self)


class _FixedDims(Dims):
    def __init__(self, *shape):
        super().__init__(shape[0] if len(shape) == 1 else shape or (0,) * self._count)
        if len(self) != self._count:
            raise ValueError(f"{type(self).__name__} has {self._count} dimensions, not {len(self)}")


class Dims2(_FixedDims):
    _count = 2


class DimsHW(Dims2):
    @property
    def h(self):
        return self[0]

    @h.setter
    def h(self, size):
        self[0] = size

    @property
    def w(self):
        return self[1]

    @w.setter
    def w(self, size):
        self[1] = size


class Dims3(_FixedDims):
    _count = 3


class Dims4(_FixedDims):
    _count = 4


class Permutation(list):
    """The order of axes: output axis i is input axis order[i]."""

    def __init__(self, order=()):
        super().__init__(int(axis) for axis in order)

    def __repr__(self):
        return repr(tuple(self))

    __str__ = __repr__


class PluginFieldCollection(list):
    """The fields of a plugin."""


class Weights:
    """Numbers for a layer: an array (kept, not copied), or a type, an address and a count; Weights() is none at all."""

    def __init__(self, type=None, ptr=0, count=0, *, a=None):
        from . import tensorrt as core

        array = a if a is not None else type if hasattr(type, "__array__") else None
        if array is None:
            self._held = (core.DataType.FLOAT if type is None else type, ptr or 0, count, None)
        else:
            self._held = core._read_weights(array)

    @property
    def dtype(self):
        return self._held[0]

    @property
    def size(self):
        return self._held[2]

    @property
    def nbytes(self):
        from . import tensorrt as core

        return core._size_in_bytes(self.dtype, self.size)

    def numpy(self):
        """An array over the same memory."""
        from . import tensorrt as core

        return core._weights_array(*self._held)

    def __len__(self):
        return self.size


@functools.cache
def extended_type(name):
    """The NumPy type of ml_dtypes, where that package is there."""
    try:
        return importlib.import_module("numpy").dtype(getattr(importlib.import_module("ml_dtypes"), name))
    except (ImportError, AttributeError, TypeError):
        return None
