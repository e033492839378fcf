"""Networks built layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core, arrays


class Network:
    """A model before it is built.

    net = vivace.Network("tiny")
    x = net.input("x", "float32", ("batch", 3, 8, 8))
    y = net.add("Conv", [x, net.constant(weights)], pads=[1, 1, 1, 1])
    net.output(net.add("Relu", [y]), "y")
    engine = vivace.build(net)
    """

    def __init__(self, name: str = "network", _core_network: _core.Network | None = None) -> None:
        self._core = _core_network or _core.Network(name)

    @classmethod
    def from_onnx(cls, model: Any, folder: str = "") -> Network:
        """Reads a path, bytes or an onnx.ModelProto; `folder` is where external data of the latter two lie."""
        if hasattr(model, "SerializeToString"):
            model = model.SerializeToString()
        if isinstance(model, (bytes, bytearray, memoryview)):
            return cls(_core_network=_core.Network.from_onnx(np.frombuffer(model, dtype=np.uint8), folder))
        return cls(_core_network=_core.Network.from_onnx_file(str(model)))

    @classmethod
    def from_text(cls, text: str) -> Network:
        """Reads what describe("graph") writes."""
        return cls(_core_network=_core.Network.from_text(text))

    def input(self, name: str, dtype: Any, shape: Sequence[int | str | None]) -> _core.Value:
        """Adds an input. A dimension that is not fixed is None or a name; equal names are equal sizes."""
        dims = [d if isinstance(d, int) else -1 for d in shape]
        symbols = [d if isinstance(d, str) else "" for d in shape]
        return self._core.add_input(name, arrays.type_number(dtype), dims, symbols)

    def constant(self, value: Any, name: str = "") -> _core.Value:
        """Adds a weight; its elements are copied."""
        array = np.asarray(value)
        return self._core.add_constant(arrays.to_core(array, 0), name)

    def add(
        self, op: str, inputs: Sequence[_core.Value | None], name: str = "", outputs: int = 1, **attributes: Any
    ) -> Any:
        """Adds a layer: an operator of the newest ONNX opset with its attributes. None is an input left out.

        Attributes are numbers, texts, lists of those, arrays, or networks (the bodies of If, Loop and Scan). Returns
        the output, or a list of them where there are several.
        """
        given = {}
        for key, value in attributes.items():
            if isinstance(value, Network):
                value = value._core
            elif isinstance(value, np.generic):
                value = value.item()
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, np.ndarray):
                value = arrays.to_core(value, 0)
            given[key] = value
        made = self._core.add_node(op, list(inputs), outputs, given, name)
        return made[0] if outputs == 1 else made

    def output(self, value: _core.Value, name: str = "") -> None:
        """Makes a value an output."""
        self._core.mark_output(value, name)

    def find(self, name: str) -> _core.Value | None:
        """The value of that name."""
        return self._core.find_value(name)

    def describe(self, form: str = "text") -> str:
        """The network as text (layers and shapes), json, graph (what from_text reads), dot or svg."""
        return self._core.describe({"text": 0, "json": 1, "graph": 3, "dot": 4, "svg": 6}[form])

    def run_reference(self, inputs: Sequence[Any]) -> list[Any]:
        """Runs the plain reference kernels: slow, and what everything else is compared with."""
        made = self._core.run_reference([arrays.to_core(x, 1) for x in inputs])
        return [arrays.value_from_core(x, arrays.ANY) for x in made]
