"""The tables of bench/peers, and what its GPU part makes of what it measured."""

import json
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import peers_cuda
import peers_table

BENCH = pathlib.Path(peers_cuda.__file__).parent
TABLE = peers_table.Table(["Vivace fp16", "compiled fp16", "graph fp16"], "Vivace fp16", "median", digits=4)


def result(**milliseconds):
    rows = {name.replace("_", " "): {"milliseconds": {"median": time}} for name, time in milliseconds.items()}
    return {"gpu": {"runtimes": rows}}


def test_table_shows_times_ratios_and_means(capsys):
    results = {
        "a": result(Vivace_fp16=0.1, compiled_fp16=0.2, graph_fp16=0.4),
        "b": result(Vivace_fp16=0.2, compiled_fp16=0.1),
    }
    results["b"]["gpu"]["runtimes"]["compiled fp16"]["recorded"] = True
    results["b"]["gpu"]["runtimes"]["graph fp16"] = {"error": "out of memory"}
    TABLE.print("GPU time", results, "gpu")
    title, heads, a, b, mean, compiled, graph = capsys.readouterr().out.strip().splitlines()
    assert title == "GPU time (median)" and "/compiled" in heads and "/graph" in heads
    assert a.split()[:6] == ["a", "0.1000", "0.2000", "0.4000", "2.00x", "4.00x"]
    assert b.split()[:6] == ["b", "0.2000", "0.1000*", "-", "0.50x", "-"] and "graph fp16: out of memory" in b
    assert mean.split()[-1] == "1"  # the models that all runtimes have
    assert "1.000x over 2 models, slower: b 0.50x" in compiled
    assert "4.000x over 1 models, slower: none" in graph


def test_csv_is_sorted_and_leaves_gaps(tmp_path):
    results = {"b": result(Vivace_fp16=0.2), "a": result(Vivace_fp16=0.1, graph_fp16=0.3), "c": result()}
    TABLE.write_csv(tmp_path / "gpu.csv", results, "gpu")
    assert (tmp_path / "gpu.csv").read_text() == (
        "Model;Vivace fp16;compiled fp16;graph fp16\na;0.1000;;0.3000\nb;0.2000;;\n"
    )


def test_recorded_times_fill_gaps_alone():
    times = peers_cuda.recorded_times(BENCH / "peers_recorded.csv")
    assert times["resnet50"]["compiled fp16"] == 0.374 and "compiled fp16" not in times["densenet161"]
    part = result(graph_fp16=0.5)["gpu"]
    peers_cuda.add_recorded(part, times["resnet50"], ["graph fp16", "compiled fp16", "eager fp16"])
    assert part["runtimes"]["graph fp16"] == {"milliseconds": {"median": 0.5}}
    assert part["runtimes"]["compiled fp16"]["recorded"] and "milliseconds" not in part["runtimes"]["eager fp16"]


@pytest.mark.parametrize(
    ("runtime", "off", "plain", "wrong"),
    [
        ("Vivace fp16", 0.009, None, False),
        ("Vivace fp16", 0.014, 0.01, False),
        ("Vivace fp16", 0.016, 0.01, True),
        ("Vivace fp16", float("inf"), 0.01, True),
        ("Vivace fp16", 0.02, {"error": "no ONNX Runtime"}, True),
        ("Vivace fp32", 0.001, None, True),
        ("Vivace fp32", 0.00001, None, False),
    ],
)
def test_wrong_outputs_have_no_times(runtime, off, plain, wrong):
    row = {"difference": off, "gpu": {"median": 1.0}}
    made = peers_cuda.by_kind({"device": "a GPU", runtime: row}, lambda: plain)["gpu"]["runtimes"][runtime]
    assert ("error" in made) == wrong and ("milliseconds" in made) != wrong


def test_a_child_that_dies_is_an_error():
    assert peers_cuda.in_child(lambda: {"a": 1}) == {"a": 1}
    assert "ValueError" in peers_cuda.in_child(lambda: int("x"))["error"]
    assert "died" in peers_cuda.in_child(lambda: peers_cuda.os._exit(3))["error"]


def test_chart_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    results = {"a": result(Vivace_fp16=0.1, graph_fp16=0.4)}
    (tmp_path / "results.json").write_text(json.dumps(results))
    sys.argv = ["peers_chart.py", str(tmp_path / "results.json"), str(tmp_path / "chart.png"), "--base=graph fp16"]
    sys.argv.append("--statistic=median")
    import peers_chart

    peers_chart.main()
    assert (tmp_path / "chart.png").stat().st_size > 1000
