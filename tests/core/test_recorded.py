"""A result whose parts are of another kind than the program reads is refused in one line, or left out of a list."""

import json
import shutil
from pathlib import Path

import pytest

from kerascifar import results
from kerascifar.core.errors import InputError
from kerascifar.runs import main

ROOT = Path(__file__).resolve().parents[2] / "saved_models"
RUN = next((ROOT / "tiny36k").glob("*/result.json")).parent


@pytest.fixture
def damaged(tmp_path):
    def write(value, *place):
        saved = json.loads((RUN / "result.json").read_text())
        inner = saved
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        (tmp_path / "result.json").write_text(json.dumps(saved))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("value", "place", "told"),
    [
        ([1], ("metrics", "test", "accuracy_interval"), r"metrics\.test\.accuracy_interval: Expected .*length 2"),
        ([], ("metrics", "validation"), r"metrics\.validation: Expected"),
        ({}, ("metrics", "test", "per_class"), r"metrics\.test\.per_class: Expected `array`"),
        ([{"images": 0}], ("metrics", "test", "per_class"), r"per_class\[0\]: Object missing required field"),
        ("x", ("metrics", "test", "macro"), r"metrics\.test\.macro: Expected `object`"),
        ([9], ("dataset", "images"), r"dataset\.images: Expected `object`"),
        ({}, ("dataset", "images"), "missing required field `train`"),
        (None, ("dataset", "name"), r"dataset\.name: Expected `str`"),
        ("3", ("notes", "run_seconds"), r"notes\.run_seconds: Expected `float`, got `str`"),
    ],
)
def test_a_part_of_another_kind_is_refused_by_its_place(damaged, value, place, told):
    with pytest.raises(InputError, match=told) as refused:
        results.read_result(damaged(value, *place))
    assert "\n" not in str(refused.value)


def test_a_list_of_runs_leaves_a_damaged_one_out_by_name(damaged, capsys):
    folder = damaged([9], "dataset", "images")
    shutil.copytree(RUN, folder / "whole", ignore=shutil.ignore_patterns("exported", "*.keras"))
    main([str(folder)])
    out, err = capsys.readouterr()
    assert "tiny36k" in out
    assert err.startswith("left out: ")
    assert len(err.splitlines()) == 1


def test_every_committed_result_is_read():
    folders = [file.parent for file in ROOT.rglob("result.json")]
    assert len(folders) > 100
    for folder in folders:
        results.read_result(folder)


def test_a_csv_of_runs_holds_no_formula(damaged, capsys):
    main([str(damaged("=HYPERLINK(1)", "config", "arch")), "--csv"])
    assert ",'=HYPERLINK(1)," in capsys.readouterr().out
