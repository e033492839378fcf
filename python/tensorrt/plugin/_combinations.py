"""Which types and layouts of inputs and outputs a plugin can work on."""

import itertools

import tensorrt as trt


def _data_type(name):
    name = {"FP32": "FLOAT", "FP16": "HALF"}.get(name, name)
    try:
        return getattr(trt.DataType, name)
    except AttributeError:
        raise ValueError(f"'{name}' is no data type") from None


def _layout(name):
    try:
        return getattr(trt.TensorFormat, name)
    except AttributeError:
        raise ValueError(f"'{name}' is no tensor format") from None


def _choices(variants):
    """All combinations of texts such as "A|B" (the choices of all places go together) and "A*B" (this one is free)."""
    together = max((len(v.split("|")) for v in variants if "|" in v), default=1)
    for k in range(together):
        places = []
        for variant in variants:
            if "*" in variant:
                places.append([name.strip() for name in variant.split("*")])
            else:
                names = [name.strip() for name in variant.split("|")]
                if len(names) not in (1, together):
                    raise ValueError(f"'{variant}' has {len(names)} choices, others {together}")
                places.append([names[k] if len(names) > 1 else names[0]])
        yield from itertools.product(*places)


class AutoTuneCombination:
    """Types and layouts of all inputs and outputs, one text for each with choices in it, and tactics for them.

    AutoTuneCombination("FP32|FP16, FP32|FP16", "LINEAR", [1, 2]): both of 32 bits or both of 16.
    AutoTuneCombination("FP32*FP16, FP32"): the first of either.
    """

    def __init__(self, io_types=None, layouts=None, tactics=None):
        self.io_types = [] if io_types is None else [text.strip() for text in io_types.split(",")]
        given = [text.strip() for text in (layouts or "LINEAR").split(",")]
        if len(given) == 1:
            given = given * len(self.io_types)
        if io_types is not None and len(given) != len(self.io_types):
            raise ValueError(f"There are {len(given)} layouts for {len(self.io_types)} types")
        self.layouts = given
        self._tactics = list(tactics or [])

    def pos(self, pos, io_types, layouts="LINEAR"):
        """Says types and layouts of the inputs and outputs at these places; outputs come after the inputs."""
        places = [pos] if isinstance(pos, int) else list(pos)
        missing = max(places) + 1 - len(self.io_types)
        self.io_types += [None] * missing
        self.layouts += [None] * missing
        for place in places:
            if self.io_types[place] is not None:
                raise ValueError(f"The types at place {place} are given already")
            self.io_types[place], self.layouts[place] = io_types, layouts

    def tactics(self, tactics):
        """Says which tactics there are: positive numbers that the plugin's implementation is told."""
        self._tactics = list(tactics)

    def _all(self):
        """(types, layouts, tactics) of each combination."""
        if None in self.io_types:
            raise ValueError(f"The types at place {self.io_types.index(None)} are not given")
        for types in _choices(self.io_types):
            for layouts in _choices(self.layouts):
                yield [_data_type(t) for t in types], [_layout(name) for name in layouts], self._tactics
