"""A plugin in Python: histograms, which ONNX has no operator for.

counts = com.example.Histogram<bins = 8, range = [0.0, 1.0]>(x), x of any type and shape.
"""

import numpy as np
import vivace


@vivace.plugin("com.example", "Histogram")
class Histogram:
    def __init__(self, node: vivace.Node) -> None:
        self.bins = node.fields["bins"]
        self.range = tuple(node.fields.get("range", (0.0, 1.0)))
        if self.bins < 1:
            raise ValueError(f"bins is {self.bins}, which is none")

    def infer(self, inputs: list[vivace.TensorType]) -> list[vivace.TensorType]:
        return [vivace.TensorType(np.dtype("int64"), (self.bins,))]

    def run(self, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
        outputs[0][:] = np.histogram(inputs[0], self.bins, self.range)[0]


def main() -> None:
    network = vivace.Network("brightness")
    image = network.input("image", "float32", ("height", "width"))
    counts = network.add("com.example.Histogram", [network.add("Sigmoid", [image])], bins=4)
    network.output(counts, "counts")
    engine = vivace.build(network, effort=0, shapes={"image": ((1, 1), (64, 64), (1024, 1024))})
    image = np.random.default_rng(1).normal(size=(48, 64)).astype(np.float32)
    counts = engine.run([image])[0]
    print(counts)
    assert counts.sum() == image.size


if __name__ == "__main__":
    main()
