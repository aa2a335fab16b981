"""Recipes: every committed one is sound, a new one needs no Python, and a malformed one is answered."""

import json

import pytest

from kerascifar.errors import InputError
from kerascifar.reproduce import main, modes
from kerascifar.study import MODES, load_study, studies

RECIPE = """
title = "A study"
source = "Table 7"
[common]
arch = "knn"
dataset = "digits"
[[run]]
name = "one"
expect.test_accuracy = 0.5
as_published.distance = "cosine_inverted"
fault = "the least similar image wins"
[[run]]
name = "three"
k = 3
"""


@pytest.mark.parametrize("name", studies())
def test_every_row_has_a_source_and_runs_that_differ(name, tmp_path):
    study = load_study(name)
    assert study.title
    assert study.source
    for row in study.rows:
        ids = {row.config(mode, tmp_path).run_id for mode in modes(row)}
        assert len(ids) == len(modes(row)), f"{row.name}: as published and corrected are the same run"
        assert bool(row.fault) == bool(row.as_published), f"{row.name}: what differs must be named"


def test_a_new_study_is_one_file(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(RECIPE)
    main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs")])
    table = (tmp_path / "runs" / "mine" / "table.md").read_text()
    told = json.loads((tmp_path / "runs" / "mine" / "table.json").read_text())["rows"]
    first, second = told
    assert first["as-published"]["test_accuracy"] < 0.2 < 0.9 < first["corrected"]["test_accuracy"]
    assert "as-published" not in second
    assert f"{first['corrected']['test_accuracy']:.4f}" in table
    assert "| 0.5000 |" in table
    assert "the least similar image wins" in table
    for row in told:
        for mode in MODES:
            if mode in row:
                saved = json.loads((tmp_path / "runs" / "mine" / row[mode]["run"] / "result.json").read_text())
                assert saved["metrics"]["test"]["accuracy"] == row[mode]["test_accuracy"]
    capsys.readouterr()
    main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs"), "--only", "knn/o*", "--dry-run"])
    assert capsys.readouterr().out.splitlines() == [
        "[1/2] one, as-published: finished",
        "[2/2] one, corrected: finished",
    ]


def test_a_row_that_diverges_is_a_finding_and_the_next_one_runs(tmp_path):
    text = RECIPE.replace(
        'name = "one"', 'name = "zero"\narch = "scratch_cnn"\nlearning_rate = 1e30\nepochs = 1\n[[run]]\nname = "one"'
    )
    (tmp_path / "mine.toml").write_text(text)
    for _ in range(2):  # the second time both rows are finished
        main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs"), "--only", "*/*o*"])
    first, second, _ = json.loads((tmp_path / "runs" / "mine" / "table.json").read_text())["rows"]
    assert "the loss became" in first["corrected"]["diverged"]
    assert second["corrected"]["test_accuracy"] > 0.9
    assert "| diverged |" in (tmp_path / "runs" / "mine" / "table.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("k = 3", "kk = 3", "mine.toml, row three: unknown key 'kk' (did you mean k?)"),
        ('arch = "knn"', 'arch = "knm"', "mine.toml, row one: unknown --arch 'knm' (did you mean knn?)"),
        ("as_published.distance", "as_published.distanc", "row one: unknown key 'distanc' (did you mean distance?)"),
        ("k = 3", "k = 0", "row three: --k: must be greater than 0"),
        ('name = "three"', 'name = "one"', "the name one stands twice"),
        ('name = "three"', "", "every [[run]] needs a name"),
        ('title = "A study"', "", "needs title"),
        ("[common]", "[comon]", "unknown key 'comon' (did you mean common?)"),
        ("k = 3", "k = = 3", "mine.toml is not TOML"),
    ],
)
def test_a_malformed_recipe_is_refused(old, new, told, tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE.replace(old, new))
    with pytest.raises(InputError) as refused:
        load_study(str(tmp_path / "mine.toml"))
    assert told in str(refused.value)


def test_an_unknown_study_is_answered():
    with pytest.raises(InputError, match=r"unknown study 'palaski' \(did you mean palaska\?\)"):
        load_study("palaski")


def test_a_glob_without_a_row_is_answered(tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE)
    with pytest.raises(InputError, match="matches no row of mine: knn/one, knn/three"):
        main([str(tmp_path / "mine.toml"), "--only", "x/*"])
