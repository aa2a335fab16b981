"""tools/bench_training.py: its table, its goals, and a whole run where PyTorch is at hand."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerascifar.core.errors import InputError

TOOLS = Path(__file__).resolve().parents[2] / "tools"
ROW = {
    "images_per_second": {"kerascifar": 1500.0, "pytorch": 1000.0}, "peak_memory_mib": {"kerascifar": 700.4,
    "pytorch": 300.6}, "ratios": {"pytorch": 1.5}, "ratio": 1.5, "goal": 1.2,
}  # fmt: skip


@pytest.fixture
def bench(load_tool):
    return load_tool("bench_training")


def call(*args, **environment):
    return subprocess.run(
        [sys.executable, str(TOOLS / "bench_training.py"), *map(str, args)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_goals_are_the_issues(bench):
    goals = {net: bench.goal(net) for net in bench.NETS}
    small = {"lenet", "modified_net", "custom_cnn", "mobilenet_mod", "mobilenet_v2"}
    assert goals == {net: 1.2 if net in small else 1.0 for net in bench.NETS}


def test_table_names_the_lower_ratio_and_a_side_that_fails(bench):
    assert bench.table({"lenet": ROW}).splitlines()[-1] == (
        "| lenet | 1,500 | 1,000 | fails | 1.50 | 1.2 | 700 / 301 |"
    )


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--nets", "lenett"], "lenet"),
        (["--rounds", "0"], "--rounds, --seconds, --batch-size and --threads must be greater than 0"),
    ],
    ids=["net", "rounds"],
)
def test_bad_input_is_one_line(args, told):
    done = call(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_pytorch_it_says_so():
    done = call()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: PyTorch is not installed")


@pytest.mark.release
def test_measures_all_sides(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "t.json").write_text(json.dumps({"nets": {"modified_net": ROW}}))
    done = call("--nets", "lenet", "--rounds", 2, "--seconds", 0.1, "--out", tmp_path / "t.json")
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "t.json").read_text())
    row = told["nets"]["lenet"]
    assert all(len(of) == 2 and min(of) > 0 for of in row["turns"].values())
    ours, best = row["images_per_second"]["kerascifar"], max(row["images_per_second"]["pytorch"], 1)
    assert row["ratio"] <= 1.5 * ours / best  # medians of paired ratios lie near the ratio of medians
    assert told["nets"]["modified_net"] == ROW  # another net's figures stay
    assert told["geometric_mean"] == pytest.approx((row["ratio"] * 1.5) ** 0.5)
    assert set(row["versions"]) == {"tensorflow", "keras", "torch"}
    assert row["peak_memory_mib"].keys() == row["turns"].keys()


def test_a_file_of_something_else_is_not_overwritten(bench, tmp_path):
    (tmp_path / "t.json").write_text("[1]")
    with pytest.raises(InputError, match="is no result of this program"):
        bench.earlier(tmp_path / "t.json")
