"""Tensors as plugins see them: without data while shapes are computed, with data in a run."""

import copy
import math

import numpy as np

import tensorrt as trt

from ._shapes import ShapeExpr, ShapeExprs, SizeTensorShapeExpr


class Shape:
    """A shape in numbers, of a tuple or a description of TensorRT's; -1 where a dimension is not known."""

    def __init__(self, tensor_desc=()):
        dynamic = isinstance(tensor_desc, trt.DynamicPluginTensorDesc)
        self._range = tensor_desc if dynamic else None
        desc = tensor_desc.desc if dynamic else tensor_desc
        self._sizes = [int(size) for size in (desc.dims if isinstance(desc, trt.PluginTensorDesc) else desc)]

    @property
    def is_dynamic(self):
        return -1 in self._sizes

    def _bound(self, which):
        if not self.is_dynamic or self._range is None:
            raise ValueError(f"'{which}' is there only while an engine is built for shapes that vary")
        return tuple(getattr(self._range, which))

    @property
    def opt(self):
        return self._bound("opt")

    @property
    def min(self):
        return self._bound("min")

    @property
    def max(self):
        return self._bound("max")

    def numel(self):
        if self.is_dynamic:
            raise ValueError("The number of elements of a shape that varies is not known")
        return math.prod(self._sizes)

    def __iter__(self):
        return iter(self._sizes)

    def __len__(self):
        return len(self._sizes)

    def __getitem__(self, index):
        return self._sizes[index]

    def __setitem__(self, index, size):
        self._sizes[index] = int(size)

    def __repr__(self):
        return f"Shape{tuple(self._sizes)}"


class _Sealed:
    """An object whose attributes cannot be set once _seal() is called."""

    _immutable = False

    def _seal(self):
        object.__setattr__(self, "_immutable", True)
        return self

    def __setattr__(self, name, value):
        if self._immutable:
            raise ValueError(f"A {type(self).__name__} that TensorRT gives cannot be changed; use like()")
        super().__setattr__(name, value)


class TensorDesc(_Sealed):
    """What is known of a tensor: its dimensions as expressions and its type; while tuning, its shape too."""

    def __init__(self, shape_expr=None, dtype=None, format=None, scale=None):
        self.shape_expr = ShapeExprs.from_tuple(shape_expr) if isinstance(shape_expr, tuple) else shape_expr
        self.dtype = dtype
        self._shape = None
        self._format = format
        self._scale = scale
        self._aliased_to = None

    def like(self):
        """A copy that can be changed."""
        made = copy.copy(self)
        object.__setattr__(made, "_immutable", False)
        if self.shape_expr is not None:
            made.shape_expr = ShapeExprs.from_tuple(self.shape_expr)
        return made

    def aliased(self):
        """The description of an output in this tensor's memory."""
        made = self.like()
        made._aliased_to = self
        return made._seal()

    def get_aliased(self):
        return self._aliased_to

    @property
    def is_aliased(self):
        return self._aliased_to is not None

    @property
    def is_size_tensor(self):
        return False

    @property
    def ndim(self):
        return len(self.shape_expr)

    @property
    def has_shape(self):
        return self._shape is not None

    @property
    def has_shape_expr(self):
        return self.shape_expr is not None

    def _of_shape(self, value):
        if not self.has_shape:
            raise ValueError("Shapes are not known at this stage; ask has_shape first, or use shape_expr")
        return value

    @property
    def shape(self):
        return self._of_shape(self._shape)

    @shape.setter
    def shape(self, shape):
        self._shape = shape

    @property
    def format(self):
        return self._of_shape(self._format)

    @format.setter
    def format(self, format):
        self._format = format

    @property
    def scale(self):
        return self._of_shape(self._scale)

    @scale.setter
    def scale(self, scale):
        self._scale = scale

    @property
    def is_dynamic(self):
        return self.shape.is_dynamic

    def numel(self):
        return self.shape.numel()

    def _with_shape(self, desc):
        """A copy that knows what the trt.DynamicPluginTensorDesc tells."""
        made = self.like()
        made._shape, made._format, made._scale = Shape(desc), desc.desc.format, desc.desc.scale
        return made._seal()


class SizeTensorDesc(TensorDesc):
    """An output that holds one size, which depends on data."""

    def __init__(self, opt, upper_bound):
        super().__init__(ShapeExprs(0), trt.int32)
        self.opt = opt if isinstance(opt, ShapeExpr) else ShapeExpr(opt)
        self.upper_bound = upper_bound if isinstance(upper_bound, ShapeExpr) else ShapeExpr(upper_bound)
        self.index = None

    @property
    def is_size_tensor(self):
        return True

    def expr(self):
        return SizeTensorShapeExpr(self)


def size_tensor(opt, upper_bound):
    """An output for a size that depends on data, which is `opt` for tuning and `upper_bound` at most."""
    return SizeTensorDesc(opt, upper_bound)


def from_shape_expr(shape_expr, dtype):
    """A description of dimensions (a tuple of expressions and integers, or ShapeExprs) and a type."""
    return TensorDesc(shape_expr, dtype)


class Tensor(_Sealed):
    """A tensor in a run. numpy.asarray() of it is a view of its memory."""

    def __init__(self, desc=None, data_ptr=None, stream=None):
        self._shape = Shape(desc) if desc is not None else None
        self._dtype = desc.type if desc is not None else None
        self._format = desc.format if desc is not None else None
        self._scale = desc.scale if desc is not None else None
        self._data_ptr = data_ptr
        self._stream = stream
        self._aliased_to = None

    shape = property(lambda self: self._shape, doc="The shape in numbers")
    dtype = property(lambda self: self._dtype)
    format = property(lambda self: self._format)
    scale = property(lambda self: self._scale)
    data_ptr = property(lambda self: self._data_ptr, doc="The address")
    ndim = property(lambda self: len(self._shape))
    is_data_dependent = property(lambda self: self._shape.is_dynamic)
    is_aliased = property(lambda self: self._aliased_to is not None)

    @property
    def strides(self):
        """Elements from one index to the next, of each axis."""
        steps = [1]
        for size in reversed(list(self._shape)[1:]):
            steps.append(steps[-1] * size)
        return tuple(reversed(steps)) if len(self._shape) else ()

    def numel(self):
        return self._shape.numel()

    def get_aliased(self):
        return self._aliased_to

    def aliased(self, shape=None):
        """A tensor in the same memory, of a shape that is no larger."""
        made = copy.copy(self)
        object.__setattr__(made, "_immutable", False)
        if shape is not None:
            made._shape = shape if isinstance(shape, Shape) else Shape(shape)
        if made._shape.numel() > self._shape.numel():
            raise ValueError(f"{made._shape} does not fit into the memory of {self._shape}")
        made._aliased_to = self
        return made

    def _interface(self):
        dtype = np.dtype(trt.nptype(self._dtype))
        return {
            "shape": tuple(self._shape),
            "typestr": dtype.str,
            "data": (self._data_ptr, False),
            "strides": tuple(step * dtype.itemsize for step in self.strides),
            "version": 3,
        }

    @property
    def __array_interface__(self):
        if self._stream:
            raise AttributeError("the tensor is in memory of a GPU, and has a __cuda_array_interface__")
        return self._interface()

    @property
    def __cuda_array_interface__(self):
        return {**self._interface(), "stream": self._stream}
