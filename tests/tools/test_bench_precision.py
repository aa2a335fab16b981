"""bench_training.py --precision: gains and ratios by hand, its table, and a whole run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
RATES = {
    "kerascifar": [100.0, 110.0, 90.0], "kerascifar bfloat16": [150.0, 110.0, 180.0],
    "kerascifar bfloat16 convolutions": [50.0, 66.0, 45.0],
    "pytorch": [80.0, 100.0, 90.0], "pytorch bfloat16": [160.0, 120.0, 90.0], "torch_compile": [60.0, 50.0, 70.0],
}  # fmt: skip


@pytest.fixture
def bench(load_tool):
    return load_tool("bench_precision")


def test_gains_and_ratio_are_medians_of_rounds(bench):
    # 1.5, 1, 2; 0.5, 0.6, 0.5; 2, 1.2, 1; no pair of torch_compile
    wanted = {"kerascifar bfloat16": 1.5, "kerascifar bfloat16 convolutions": 0.5, "pytorch bfloat16": 1.2}
    assert bench.gains(RATES) == wanted
    assert (bench.best(RATES, True), bench.best(RATES, False)) == ("kerascifar bfloat16", "pytorch bfloat16")
    assert bench.ratio(RATES) == pytest.approx(0.9375)  # 150 / 160, 110 / 120, 180 / 90
    assert bench.ratio({name: of for name, of in RATES.items() if "torch" not in name}) is None


def test_a_line_with_and_without_pytorch(bench):
    row = {
        "dense_share": 0.957, "images_per_second": bench.medians(RATES), "gains": bench.gains(RATES),
        "gains_of_cpu_time": {"kerascifar bfloat16": 1.4, "kerascifar bfloat16 convolutions": 0.6}, "ratio": 0.9375,
    }  # fmt: skip
    cells = ["`net`", "0.957", "100", "1.50", "1.40", "0.50", "0.60", "pytorch bfloat16 120", "1.20", "0.94"]
    assert bench.line("net", row) == cells
    alone = {name: value for name, value in row["images_per_second"].items() if "torch" not in name}
    row |= {"dense_share": None, "images_per_second": alone, "gains": {"kerascifar bfloat16": 1.5}, "ratio": None}
    row["gains_of_cpu_time"] = {"kerascifar bfloat16": 1.4}  # as an older file has it
    assert bench.line("net", row) == ["`net`", "-", "100", "1.50", "1.40", "-", "-", "-", "-", "-"]
    assert len(cells) == len(bench.HEAD)


def test_the_page_names_the_processor_and_shows_gains_alone(load_tool):
    row = {
        "dense_share": 1.0, "images_per_second": {"kerascifar": 123.0, "kerascifar bfloat16": 61.5}, "ratio": None,
        "gains": {"kerascifar bfloat16": 0.5}, "gains_of_cpu_time": {"kerascifar bfloat16": 0.6},
        "machine": {"processor": "A CPU", "flags": ["avx512_bf16"]},
    }  # fmt: skip
    text = load_tool("speed_table").precision("precision.json", {"nets": {"net": row}})
    assert text.startswith("### bfloat16 on A CPU\n\nThis processor lists avx512_bf16.")
    assert text.splitlines()[-1] == "| `net` | 1.000 | 0.50 | 0.60 | - | - | - | - |"


@pytest.mark.release
def test_our_sides_are_measured(tmp_path):
    out = tmp_path / "precision.json"
    options = ("--precision", "--nets", "lenet", "--rounds", "1", "--seconds", "0.1", "--out", str(out))
    done = subprocess.run(
        [sys.executable, str(TOOLS / "bench_training.py"), *options],
        env=os.environ, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = json.loads(out.read_text())["nets"]["lenet"]
    assert set(row["gains"]) >= {"kerascifar bfloat16", "kerascifar bfloat16 convolutions"}
    assert row["machine"]["processor"] in done.stdout
    assert row["dense_share"] == pytest.approx(0.91)
    assert all(turn["cpu_ms"] > 0 for of in row["turns"].values() for turn in of)
