"""Integers that depend on shapes: dimensions of tensors, and what is computed of them."""

import builtins
import contextlib
import contextvars
import operator

import tensorrt as trt

_builder = contextvars.ContextVar("builder of expressions", default=None)


@contextlib.contextmanager
def expressions_of(builder):
    """Expressions are made by this trt.IExprBuilder inside the block; elsewhere only constants have a value."""
    token = _builder.set(builder)
    try:
        yield
    finally:
        _builder.reset(token)


_OPERATIONS = {
    trt.DimensionOperation.SUM: operator.add,
    trt.DimensionOperation.SUB: operator.sub,
    trt.DimensionOperation.PROD: operator.mul,
    trt.DimensionOperation.FLOOR_DIV: operator.floordiv,
    trt.DimensionOperation.CEIL_DIV: lambda a, b: -(-a // b),
    trt.DimensionOperation.MAX: builtins.max,
    trt.DimensionOperation.MIN: builtins.min,
    trt.DimensionOperation.EQUAL: lambda a, b: int(a == b),
    trt.DimensionOperation.LESS: lambda a, b: int(a < b),
}


class SymExpr:
    """Any symbolic expression."""


class SymIntExpr(SymExpr):
    """An integer: a constant, an expression of dimensions, or, where there is nothing to make it of, a fake."""

    def __init__(self, value=None):
        if isinstance(value, SymIntExpr):
            value = value._value
        if value is not None and not isinstance(value, (int, trt.IDimensionExpr)):
            value = operator.index(value)  # integers of NumPy
        self._value = value

    def _op(self, operation, other):
        other = SymIntExpr(other)
        if isinstance(self._value, int) and isinstance(other._value, int):
            return type(self)(_OPERATIONS[operation](self._value, other._value))
        builder = _builder.get()
        if self.is_fake or other.is_fake or builder is None:
            return type(self)()
        return type(self)(builder.operation(operation, self._expr, other._expr))

    @property
    def _expr(self):
        """The trt.IDimensionExpr, inside of a computation of shapes."""
        if isinstance(self._value, int):
            return _builder.get().constant(self._value)
        return self._value

    def __add__(self, other):
        return self._op(trt.DimensionOperation.SUM, other)

    __radd__ = __add__

    def __sub__(self, other):
        return self._op(trt.DimensionOperation.SUB, other)

    def __mul__(self, other):
        return self._op(trt.DimensionOperation.PROD, other)

    __rmul__ = __mul__

    def __floordiv__(self, other):
        return self._op(trt.DimensionOperation.FLOOR_DIV, other)

    def __eq__(self, other):
        return self._op(trt.DimensionOperation.EQUAL, other)

    def __lt__(self, other):
        return self._op(trt.DimensionOperation.LESS, other)

    __hash__ = None

    def __bool__(self):
        return self.constant_value() != 0

    def __repr__(self):
        if self.is_fake:
            return f"Fake{type(self).__name__}[]"
        return f"{type(self).__name__}[{self.constant_value() if self.is_constant else '?'}]"

    @property
    def is_fake(self):
        """Whether this stands for a value that nobody asks for: the function is called for something else."""
        return self._value is None

    @property
    def is_size_tensor(self):
        return False

    @property
    def is_constant(self):
        if self.is_fake:
            raise RuntimeError("A fake expression is neither constant nor not; ask is_fake first")
        return isinstance(self._value, int) or self._expr.is_constant()

    def constant_value(self):
        if not self.is_constant:
            raise RuntimeError("The expression depends on shapes that are not known yet; ask is_constant first")
        return self._value if isinstance(self._value, int) else self._expr.get_constant_value()


class SymInt8(SymIntExpr):
    """An argument of 8 bits."""


class SymInt16(SymIntExpr):
    """An argument of 16 bits."""


class SymInt32(SymIntExpr):
    """An argument of 32 bits."""


class ShapeExpr(SymInt32):
    """A dimension of a tensor."""


class SizeTensorShapeExpr(ShapeExpr):
    """A dimension that only the run of the plugin finds: its output at desc.index holds it."""

    def __init__(self, desc):
        super().__init__()
        self._desc = desc

    def _op(self, operation, other):
        raise ValueError("A size that depends on data cannot be computed with")

    @property
    def is_fake(self):
        return self._desc.upper_bound.is_fake

    @property
    def is_size_tensor(self):
        return True

    @property
    def is_constant(self):
        return False

    @property
    def _expr(self):
        desc = self._desc
        return _builder.get().declare_size_tensor(desc.index, desc.opt._expr, desc.upper_bound._expr)


class SymExprs:
    """A list of expressions of fixed length."""

    _element = SymInt32

    def __init__(self, length):
        self._exprs = [None] * length

    @classmethod
    def from_tuple(cls, shape_exprs):
        made = cls(0)
        made._exprs = [made._checked(e) for e in shape_exprs]
        return made

    def _checked(self, expr):
        if isinstance(expr, SymExpr):
            return expr
        if isinstance(expr, float):
            raise ValueError("Expressions are integers")
        return self._element(expr)

    def __iter__(self):
        return iter(self._exprs)

    def __len__(self):
        return len(self._exprs)

    def __getitem__(self, index):
        return self._exprs[index]

    def __setitem__(self, index, expr):
        self._exprs[index] = self._checked(expr)

    def __repr__(self):
        return f"{type(self).__name__}{self._exprs}"


class SymIntExprs(SymExprs):
    """The integer arguments of a kernel."""


class ShapeExprs(SymExprs):
    """The dimensions of a tensor."""

    _element = ShapeExpr

    def __init__(self, length):
        if length > trt.Dims.MAX_DIMS:
            raise ValueError(f"A shape has at most {trt.Dims.MAX_DIMS} dimensions, not {length}")
        super().__init__(length)

    @classmethod
    def fake(cls, length):
        return cls.from_tuple([ShapeExpr() for _ in range(length)])

    def numel(self):
        product = ShapeExpr(1)
        for expr in self._exprs:
            product = product * expr
        return product


def _combine(operation, first, second):
    if not isinstance(first, SymIntExpr) and not isinstance(second, SymIntExpr):
        raise ValueError("At least one of the two must be an expression")
    return (first if isinstance(first, SymIntExpr) else ShapeExpr(first))._op(operation, second)


def cdiv(first, second):
    """first / second, rounded up."""
    return _combine(trt.DimensionOperation.CEIL_DIV, first, second)


def max(first, second):
    """The larger of two expressions."""
    return _combine(trt.DimensionOperation.MAX, first, second)


def min(first, second):
    """The smaller of two expressions."""
    return _combine(trt.DimensionOperation.MIN, first, second)


class KernelLaunchParams:
    """How a kernel is launched: blocks in the grid, threads in a block, bytes of shared memory."""

    _NAMES = ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "shared_mem")

    def __init__(self, grid_x=1, grid_y=1, grid_z=1, block_x=1, block_y=1, block_z=1, shared_mem=0):
        given = (grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_mem)
        for name, value in zip(self._NAMES, given, strict=True):
            setattr(self, name, value)

    def __setattr__(self, name, value):
        if name not in self._NAMES:
            raise AttributeError(f"A kernel's launch has no parameter '{name}'")
        super().__setattr__(name, SymInt32(value))
