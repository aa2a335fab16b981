"""Which epoch's weights are scored."""

import dataclasses

import numpy as np
import pytest
from test_fit import SMALL, stopped_after, trained

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.run import run
from kerascifar.training import fit
from kerascifar.training.selection import best_epoch

# A learning rate that jumps about, so that the last epoch is not the best one.
ROUGH = {"arch": "origin_net", "learning_rate": 0.1, "schedule": "constant", "epochs": 4}


def test_the_first_of_equally_good_epochs_is_the_best():
    rows = [{"val_accuracy": a, "test_accuracy": b} for a, b in ((0.1, 0.3), (0.5, 0.2), (0.5, 0.3))]
    assert best_epoch(rows) == 1
    assert best_epoch(rows, "test_accuracy") == 0


@pytest.mark.parametrize(("select", "column"), [("validation", "val_accuracy"), ("test", "test_accuracy")])
def test_the_best_epochs_weights_are_kept(select, column, tmp_path):
    selected, history = trained(tmp_path / "kept", **ROUGH, select=select)
    best = int(np.argmax([row[column] for row in history]))
    assert len(history) == 4
    assert best < 3  # else the test would show nothing
    alone, _ = trained(tmp_path / "alone", **ROUGH | {"epochs": best + 1})
    for a, b in zip(selected, alone, strict=True):
        np.testing.assert_array_equal(a, b)
    last, rows = trained(tmp_path / "last", **ROUGH, select="last")
    assert any(not np.array_equal(a, b) for a, b in zip(selected, last, strict=True))
    # Looking at the test images changes no step of the training.
    assert [row["loss"] for row in rows] == [row["loss"] for row in history]


@pytest.mark.release
def test_selected_on_the_test_images_the_result_says_so(tmp_path):
    result = run(configure(**{**SMALL, **ROUGH, "runs": str(tmp_path), "epochs": 3, "select": "test"}))
    assert result.accuracy == pytest.approx(max(row["test_accuracy"] for row in result.history))
    assert result.notes["faults"] == ["the epoch was chosen on the test images, so their accuracy is too high"]
    assert "test_accuracy" in (tmp_path / "origin_net" / result.run_id / "history.csv").read_text().splitlines()[0]


@pytest.mark.release
def test_a_run_that_died_keeps_the_same_epoch(tmp_path, monkeypatch):
    options = ROUGH | {"select": "test", "epochs": 3, "checkpoint_steps": 1}
    weights, history = trained(tmp_path / "undisturbed", **options)
    stopped_after(monkeypatch, 6, tmp_path / "disturbed", **options)
    again, resumed = trained(tmp_path / "disturbed", **options)
    assert resumed == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_patience_with_select_last_stops_but_keeps_the_last(tmp_path):
    options = {"patience": 1, "epochs": 9, "schedule": "exponential", "gamma": 1e-12, "arch": "lenet_relu"}
    last, history = trained(tmp_path / "a", **options, select="last")
    alone, _ = trained(tmp_path / "b", **options | {"patience": 0, "epochs": len(history)})
    assert len(history) < 9
    for a, b in zip(last, alone, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select": "validation", "validation": 0.0}, "--select validation needs --validation above 0"),
        ({"select": "test", "ema": 0.9}, r"--select test does not go with --ema 0\.9"),
        ({"select": "test", "strategy": "mirrored"}, "--select test does not go with --strategy mirrored"),
        ({"select": "best"}, "--select: must be one of last, validation, test, got 'best'"),
        ({"select": "last", "arch": "scratch_fc3"}, "--select does not apply to scratch_fc3"),
    ],
)
def test_what_cannot_be_selected_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        configure(**{**SMALL, **options})


def test_a_search_cannot_select_on_the_test_images(tmp_path):
    config = configure(**SMALL, select="test", runs=str(tmp_path))
    data = dataclasses.replace(load(config), test=None)
    with pytest.raises(InputError, match="a search never sees the test images"):
        fit.train(fit.compiled_model(config, data), config, data, tmp_path)
