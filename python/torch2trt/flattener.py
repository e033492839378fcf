"""Nested tuples, lists and dictionaries of tensors as flat lists, and back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch


def map_leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same nesting with function(leaf) for each leaf; the keys of dictionaries in order."""
    if isinstance(value, dict):
        return {key: map_leaves(value[key], function) for key in sorted(value)}
    if isinstance(value, (tuple, list)):
        children = [map_leaves(child, function) for child in value]
        return tuple(children) if isinstance(value, tuple) else children
    return function(value)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


class Flattener:
    """A nesting whose leaves are indices in the flat list; None stands for what is no tensor.

    Programs give nested values where they call a module; engines take and give tensors one beside the other.
    """

    def __init__(self, schema: Any, size: int) -> None:
        self.schema = schema
        self.size = size

    @staticmethod
    def from_value(value: Any, condition: Callable[[Any], bool] = _is_tensor) -> Flattener:
        count = itertools.count()
        schema = map_leaves(value, lambda leaf: next(count) if condition(leaf) else None)
        return Flattener(schema, next(count))

    @staticmethod
    def from_dict(entries: dict[str, Any]) -> Flattener:
        return Flattener(entries["schema"], entries["size"])

    def dict(self) -> dict[str, Any]:
        """Plain values to keep in a file."""
        return {"schema": self.schema, "size": self.size}

    def __len__(self) -> int:
        return self.size

    def flatten(self, value: Any) -> list[Any]:
        flat: list[Any] = [None] * self.size
        self._collect(self.schema, value, flat)
        return flat

    def _collect(self, schema: Any, value: Any, flat: list[Any]) -> None:
        if isinstance(schema, dict):
            for key in schema:
                self._collect(schema[key], value[key], flat)
        elif isinstance(schema, (tuple, list)):
            if len(schema) != len(value):
                raise ValueError(f"{len(value)} values where {len(schema)} are expected")
            for child, part in zip(schema, value):
                self._collect(child, part, flat)
        elif schema is not None:
            flat[schema] = value

    def unflatten(self, flat: Sequence[Any]) -> Any:
        return map_leaves(self.schema, lambda index: None if index is None else flat[index])


class Flatten(torch.nn.Module):
    """A module as one of flat tensors: forward(*tensors) gives a list of them."""

    def __init__(
        self,
        module: torch.nn.Module,
        input_flattener: Flattener | None = None,
        output_flattener: Flattener | None = None,
    ) -> None:
        super().__init__()
        self.module = module
        self.input_flattener = input_flattener
        self.output_flattener = output_flattener

    def forward(self, *tensors: torch.Tensor) -> Any:
        inputs = self.input_flattener.unflatten(tensors) if self.input_flattener else tensors
        outputs = self.module(*inputs)
        return self.output_flattener.flatten(outputs) if self.output_flattener else outputs


class Unflatten(Flatten):
    """A module of flat tensors as one of nested values: the reverse of Flatten."""

    def forward(self, *values: Any) -> Any:
        inputs = self.input_flattener.flatten(values) if self.input_flattener else values
        outputs = self.module(*inputs)
        return self.output_flattener.unflatten(outputs) if self.output_flattener else outputs
