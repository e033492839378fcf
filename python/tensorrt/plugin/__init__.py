"""Plugins as decorated functions: what TensorRT offers as tensorrt.plugin since 10.7, over IPluginV3.

A plugin is described by a function of `TensorDesc` and attributes (`register`) and computed by another (`impl`), which
reads and writes the memory of `Tensor`: on this machine's processor `numpy.asarray(tensor)` is a view of it.
"""

from ._combinations import AutoTuneCombination
from ._definitions import PluginDef, aot_impl, autotune, impl, op, register
from ._shapes import (
    KernelLaunchParams,
    ShapeExpr,
    ShapeExprs,
    SizeTensorShapeExpr,
    SymExpr,
    SymExprs,
    SymInt8,
    SymInt16,
    SymInt32,
    SymIntExpr,
    SymIntExprs,
    cdiv,
    max,
    min,
)
from ._tensors import Shape, SizeTensorDesc, Tensor, TensorDesc, from_shape_expr, size_tensor

__all__ = [
    "AutoTuneCombination",
    "KernelLaunchParams",
    "PluginDef",
    "Shape",
    "ShapeExpr",
    "ShapeExprs",
    "SizeTensorDesc",
    "SizeTensorShapeExpr",
    "SymExpr",
    "SymExprs",
    "SymInt8",
    "SymInt16",
    "SymInt32",
    "SymIntExpr",
    "SymIntExprs",
    "Tensor",
    "TensorDesc",
    "aot_impl",
    "autotune",
    "cdiv",
    "from_shape_expr",
    "impl",
    "max",
    "min",
    "op",
    "register",
    "size_tensor",
]
