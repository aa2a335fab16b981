"""What a notebook shows of nets, results, configs and lists of runs: small, escaped, and without carriage returns."""

import dataclasses
import html
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import kerascifar as kc
from kerascifar.config import FIELDS, RunConfig
from kerascifar.core import progress
from kerascifar.results import read_result

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "saved_models/tiny12k/624d50aa7526"
HOSTILE = "<script>alert(1)</script>\x1b[2J"


@pytest.fixture
def result():
    return read_result(TINY)


def cells(shown):
    return [html.unescape(text) for text in re.findall(r"<t[dh]>(.*?)</t[dh]>", shown)]


def test_a_result_is_short_and_tells_the_interval(result):
    metrics = {"accuracy": 0.87, "accuracy_interval": [0.8633, 0.87638], "images": 10_000}
    shown = dataclasses.replace(result, metrics={"validation": None, "test": metrics}, seconds_per_epoch=2.5)
    assert repr(shown) == "<Result of run 624d50aa7526, tiny12k on cifar10: test accuracy 0.8700 (0.8633 to 0.8764)>"
    texts = cells(shown._repr_html_())
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == {
        "run": "624d50aa7526",
        "net": "tiny12k, 11,914 parameters",
        "data set": "cifar10, 10 classes",
        "test accuracy": "0.8700 (0.8633 to 0.8764), 10,000 images",
        "epochs": "150, 2.5000 s each",
    }


def test_a_trial_that_saw_no_test_images_says_so(result):
    trial = dataclasses.replace(result, metrics={"validation": result.metrics["test"], "test": None})
    assert f"validation accuracy {result.accuracy:.4f}" in repr(trial)
    assert "test accuracy" not in trial._repr_html_()


def test_a_config_shows_what_was_asked_for():
    config = RunConfig(arch="lenet", epochs=5)
    assert repr(config) == "RunConfig(arch='lenet', dataset='cifar10', epochs=5)"
    assert eval(repr(config), {"RunConfig": RunConfig}) == config
    assert cells(config._repr_html_())[-3:] == ["epochs", "5", FIELDS["epochs"].metadata["help"]]


def test_a_list_of_runs_is_a_list_and_a_table():
    runs = kc.list_runs(TINY)
    assert isinstance(runs, list)
    assert cells(runs._repr_html_())[:3] == ["run", "dataset", "arch"]
    assert "11,914" in runs._repr_html_()
    assert kc.list_runs(ROOT / "docs")._repr_html_() == "no runs"


def test_without_a_path_it_lists_saved_models(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert "saved_models/tiny12k/624d50aa7526" in {row["run"] for row in kc.list_runs()}


def test_pandas_takes_the_list():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert pandas.DataFrame(kc.list_runs(TINY)).parameters[0] == 11914


def test_what_comes_from_outside_is_escaped(result):
    foreign = dataclasses.replace(result, config={"arch": HOSTILE}, dataset={**result.dataset, "name": HOSTILE})
    named = kc.list_runs(TINY)
    named[0]["arch"] = HOSTILE
    for shown in (foreign._repr_html_(), named._repr_html_(), RunConfig(augment=HOSTILE)._repr_html_()):
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown
        assert "\x1b" not in shown


def test_a_notebook_gets_lines_as_a_file_does(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert not progress.drawn(sys.stdout)
