"""Operators take every element type that the standard allows them."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("ml_dtypes")

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_operator_types.py"


@pytest.mark.filterwarnings("ignore")
def test_types_of_the_standard():
    spec = importlib.util.spec_from_file_location("check_operator_types", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    tried, refused = script.refusals()
    assert tried > 1000
    assert not [(op, kind, why) for op, kind, why in refused if (op, kind) not in script.KNOWN]
