"""Every element type, through a network that copies its input."""

import numpy as np
import pytest
import vivace

ml_dtypes = pytest.importorskip("ml_dtypes")


def identity(dtype, shape):
    net = vivace.Network("identity")
    net.output(net.add("Identity", [net.input("x", dtype, shape)]), "y")
    return vivace.build(net, effort=0)


@pytest.mark.parametrize(
    "dtype",
    "float32 float64 float16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128".split(),
)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3)])
def test_numpy_types(dtype, shape):
    x = (np.arange(np.prod(shape, dtype=int)) % 3).astype(dtype).reshape(shape)
    (y,) = identity(dtype, shape).run([x])
    assert y.dtype == x.dtype and y.shape == shape
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize(
    "dtype",
    "bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int4 uint4 float4_e2m1fn "
    "int2 uint2".split(),
)
def test_types_that_numpy_lacks(dtype):
    x = np.array([0, 1, 1, 0, 1, 0, 1], np.float32).astype(getattr(ml_dtypes, dtype))
    (y,) = identity(dtype, (7,)).run([x])
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y.astype(np.float32), x.astype(np.float32))


def test_signs_of_small_integers():
    x = np.array([-8, 7, -1, 0, 3], np.int8).astype(ml_dtypes.int4)
    np.testing.assert_array_equal(identity("int4", (5,)).run([x])[0].astype(np.int8), [-8, 7, -1, 0, 3])


def test_strings():
    x = np.array([["a", "ß"], ["", "long" * 100]], dtype=object)
    (y,) = identity("string", (2, 2)).run([x])
    assert y.dtype == object and (y == x).all()


def test_what_has_no_type():
    with pytest.raises(TypeError):
        vivace.Network("x").input("x", "datetime64[s]", ())
