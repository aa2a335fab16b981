import json

import pytest

from kerascifar import report
from kerascifar.reporting.details import exported

ENTRY = {
    "bytes": 44_432,
    "metrics": {"test": {"accuracy": 0.734}},
    "agreement": {"test": {"accuracy_difference": 0.003, "equal_predictions": 0.9762}},
    "latency": {"p50_ms": 0.0127},
    "keras": {"latency": {"p50_ms": 0.604}},
}


def write(folder, content):
    (folder / "exported").mkdir()
    (folder / "exported" / "export.json").write_text(json.dumps(content))


def test_an_exported_file_stands_in_the_report(tmp_path, make_run):
    paired = {
        "flips": {"to_right": 1_220, "to_wrong": 3, "between_wrong": 4},
        "equivalence": {"margin": 0.005, "p": 0.012, "equivalent": True},
    }
    entry = ENTRY | {"agreement": {"test": ENTRY["agreement"]["test"] | paired}}
    write(make_run("lenet/111111111111"), {"exports": {"model_int8.tflite": entry, "older.tflite": ENTRY}})
    report.main([str(tmp_path / "lenet"), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for cell in (
        "model_int8.tflite",
        "44.4 kB",
        "0.7340",
        "+0.30",
        "97.62%",
        "0.0127",
        "0.604",
        "1,220 labels flip to right",
    ):
        assert cell in page
    assert "equivalent within 0.5 points (paired TOST, p = 0.012)" in page


def test_a_run_without_exports_says_nothing(tmp_path):
    assert exported(tmp_path) == []


@pytest.mark.parametrize("content", [[], {"exports": [1]}, {"exports": {"a": {"bytes": 1}}}, {"exports": {"a": 1}}])
def test_a_corrupt_file_is_mentioned(content, tmp_path):
    write(tmp_path, content)
    (block,) = exported(tmp_path)
    assert "export.json is corrupt" in block.text
