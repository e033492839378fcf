"""A slice of the random graphs: scripts/random_graphs makes as many as one likes."""

import pathlib
import sys

import pytest
import vivace

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from random_graphs import check, graphs
from random_graphs.maker import RULES

COUNT = 300
# Operators without a rule, with the reason.
WITHOUT = {
    "Bernoulli": "random",
    "Multinomial": "random",
    "RandomNormal": "random",
    "RandomNormalLike": "random",
    "RandomUniform": "random",
    "RandomUniformLike": "random",
    "ImageDecoder": "compressed images are no random bytes",
    "Optional": "sequences and optionals have tests of their own",
    "OptionalGetElement": "sequences and optionals have tests of their own",
    "OptionalHasElement": "sequences and optionals have tests of their own",
}


def test_every_operator_has_a_rule():
    standard = {row["name"] for row in vivace.operators() if "." not in row["name"]}
    assert sorted(standard - set(RULES) - set(WITHOUT)) == []


@pytest.mark.parametrize("first", range(0, COUNT, 50))
def test_random_graphs_are_as_the_standard_says(first):
    ops = graphs.names()
    for seed in range(first, first + 50):
        graph = graphs.make(seed, ops)
        for way in check.ways(seed) if graph.nodes else []:
            failure = check.run(graph, graph.nodes, way)
            if failure is None:
                continue
            nodes, failure = check.minimise(graph, graph.nodes, lambda part: check.run(graph, part, way), failure)
            pytest.fail(f"seed {seed} ({way}): {failure.kind}: {failure.message}\n{graph.describe(nodes)}")


def test_a_difference_is_found_and_made_small():
    # What the tester itself is worth: another truth than the model's is a failure, of the node that makes it alone.
    graph = next(g for seed in range(100) if len((g := graphs.make(seed, ["Add", "Mul", "Transpose"])).nodes) > 3)
    wrong = graph.maker.find(graph.nodes[-1].writes[0])
    wrong.array = wrong.shadow = wrong.array + wrong.array.dtype.type(1)
    failure = check.run(graph, graph.nodes)
    assert failure and failure.kind == "wrong"
    nodes, _ = check.minimise(graph, graph.nodes, lambda part: check.run(graph, part), failure)
    assert [node.writes for node in nodes] == [graph.nodes[-1].writes]


def test_a_seed_makes_the_same_graph_again():
    ops = graphs.names()
    assert [graphs.make(7, ops).describe(graphs.make(7, ops).nodes) for _ in range(2)] == [
        graphs.make(7, ops).describe(graphs.make(7, ops).nodes)
    ] * 2
