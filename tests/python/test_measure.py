"""Comparing and timing several runtimes."""

import pathlib
import sys
import time

import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import measure

ONES = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("got", "want", "expected"),
    [
        ([ONES], [ONES], 0),
        ([ONES * 2, ONES * 4], [ONES * 2, ONES * 5], 0.2),
        ([np.zeros(0, np.float32)], [np.zeros(0, np.float32)], 0),
        ([ONES], [ONES, ONES], np.inf),
        ([ONES], [ONES.T], np.inf),
        ([ONES], [ONES.astype(np.float64)], np.inf),
        ([ONES * np.nan], [ONES], np.inf),
    ],
)
def test_difference(got, want, expected):
    assert measure.difference(got, want) == pytest.approx(expected)


def test_measure_gives_every_runtime_its_turns():
    runs = {"slow": lambda arrays: time.sleep(0.004), "fast": lambda arrays: time.sleep(0.001)}
    samples = measure.measure(runs, [], rounds=2, seconds=0.2)
    slow, fast = (measure.summary(samples[name]) for name in runs)
    assert 2 <= slow["count"] < fast["count"]
    assert 4 <= slow["minimum"] <= slow["median"] <= slow["p99"]
    assert fast["median"] < slow["median"]
