"""Small networks that several tests use."""

import numpy as np
import pytest
import vivace


@pytest.fixture
def network():
    """y = relu(x * w) for x of any number of rows."""
    net = vivace.Network("small")
    x = net.input("x", "float32", ("batch", 2))
    w = net.constant(np.array([[1, -1], [1, 1]], np.float32), "w")
    net.output(net.add("Relu", [net.add("MatMul", [x, w], name="product")]), "y")
    return net


@pytest.fixture
def engine(network):
    return vivace.build(network, effort=0, threads=1, shapes={"x": ((1, 2), (3, 2), (16, 2))})


@pytest.fixture
def rows():
    """(an input, the right output)"""
    x = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    return x, np.maximum(x @ np.array([[1, -1], [1, 1]], np.float32), 0)
