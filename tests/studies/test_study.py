"""Recipes: every committed one is sound, and a malformed one is answered."""

import pytest

from kerascifar.core.errors import InputError
from kerascifar.models import VARIANTS
from kerascifar.studies.rows import Ensemble, Quoted, Search, Trained
from kerascifar.studies.study import load_study, studies

RECIPE = """
title = "A study"
source = "Table 7"
[common]
dataset = "digits"
[[run]]
name = "one"
arch = "knn"
expect.test_accuracy = 0.5
as_published.distance = "cosine_inverted"
fault = "the least similar image wins"
[[run]]
name = "three"
arch = "knn"
k = 3
[[run]]
name = "parent"
arch = "lenet"
[[run]]
name = "child"
arch = "lenet"
init_from = "parent"
freeze = 1
[[ensemble]]
name = "both"
members = ["one", "three"]
vote = "hard"
[[search]]
name = "grid"
arch = "knn"
validation = 0.2
space = "study002"
found.momentum = 0.5
[[quoted]]
name = "theirs"
arch = "lenet"
expect.parameters = 60000
""".replace('arch = "knn"\nvalidation = 0.2\nspace', 'arch = "custom_cnn"\nspace')


@pytest.mark.parametrize("name", studies())
def test_every_row_has_a_source_and_versions_that_differ(name, tmp_path):
    study = load_study(name)
    assert study.title
    assert study.source
    for row in study.rows:
        if isinstance(row, Trained):
            ids = {row.config(mode, tmp_path).run_id for mode in row.modes}
            assert len(ids) == len(row.modes), f"{row.name}: as published and corrected are the same run"
            if row.as_published:
                assert row.fault, f"{row.name}: what differs must be named"


def test_the_papers_figures_are_in_the_recipes():
    """Counted in the papers: the rows of each table that prints an accuracy, and a figure of each to compare."""
    palaska, rajpal, andrzejczuk, rawat, lai = map(
        load_study, ("palaska", "rajpal_gupta", "andrzejczuk_orslowski", "rawat", "lai")
    )
    # 000: Table 1 has 2 settings that no other table has, Tables 2 and 3 four distances twice and once (12), Table 4
    # six nets, Table 6 four.
    assert sum("test_accuracy" in row.expect for row in palaska.rows) == 2 + 12 + 6 + 4
    assert palaska["knn-1-ssim"].expect == {"test_accuracy": 0.407, "precision": 0.4178, "recall": 0.407, "f1": 0.4055}
    assert palaska["cnn-32-32-64-64"].expect == {"seconds_per_epoch": 50022}
    # 001: Table 1 has 8 rows, six of them twice here, for two strides of the stem.
    assert sum("test_accuracy" in row.expect for row in rajpal.rows) == 8 + 6
    assert {row.init_from for row in rajpal.rows if row.init_from} == {"parent"}
    # 002: Table 2 has 5 rows; Table 1 four searches.
    assert sum("test_accuracy" in row.expect for row in andrzejczuk.rows) == 5
    assert [row.expect["validation_accuracy"] for row in andrzejczuk.rows if isinstance(row, Search)] == [
        0.3484, 0.4052, 0.461, 0.4892,
    ]  # fmt: skip
    # What the searches found is what the final nets were trained with; CustomCNN with SGD was given up.
    found = {row.name: row.found for row in andrzejczuk.rows if isinstance(row, Search)}
    for name in ("custom-cnn-adam", "resnet18-sgd", "resnet18-adam"):
        trained = andrzejczuk[f"final-{name}"].recipe
        assert {key: trained[key] for key in found[f"search-{name}"]} == found[f"search-{name}"]
    assert found["search-custom-cnn-sgd"] == {
        "batch_size": 32, "learning_rate": 3.158e-3, "weight_decay": 3.855e-3, "dropout": 0.05463, "momentum": 0.273,
    }  # fmt: skip
    assert {row.vote for row in andrzejczuk.rows if isinstance(row, Ensemble)} == {"soft", "hard"}
    assert all(row.stand_in for row in andrzejczuk.rows)
    assert rawat["final"].expect == {"test_accuracy": 0.95, "parameters": VARIANTS["se_resnet"].params}
    # 004: Tables VIII and IX have 5 and 4 rows and the baseline in common; Table IV seven nets, Table V one.
    assert sum("test_accuracy" in row.expect for row in lai.rows) == 5 + 4 - 1
    assert sum(isinstance(row, Quoted) for row in lai.rows) == 7 + 1
    assert lai["table-4-densenet121"].expect["parameters"] == 7_978_856
    # Table VII is of rate 0.0001; Tables I, VIII and IX print ten train times, three of them of the best rate.
    assert [row.recipe["learning_rate"] for row in lai.rows if "recall" in row.expect] == [0.0001, 0.0001]
    minutes = [row.expect["run_seconds"] / 60 for row in lai.rows if "run_seconds" in row.expect]
    assert sorted(minutes) == [28, 29, 31, 31, 31, 33, 33, 34]


def test_every_row_of_a_table_of_settings_has_a_run_of_its_own(tmp_path):
    """Study 000's Table 4 and Figure 4 vary rate, dropout, epochs, folds and initialization, in both versions."""
    rows = [row for row in load_study("palaska").rows if row.name.startswith("fc")]
    ids = {row.config(mode, tmp_path).run_id for row in rows for mode in row.modes}
    assert len(ids) == sum(len(row.modes) for row in rows) == 2 * (6 + 2) + 1
    for row in rows[:-1]:
        told, wrong = (row.config(mode, tmp_path) for mode in row.modes[::-1])
        for name in ("learning_rate", "momentum", "schedule", "dropout", "initializer", "epochs", "folds"):
            assert getattr(told, name) == getattr(wrong, name), f"{row.name}: {name}"
        assert wrong.faults
        assert not told.faults


def test_an_old_run_keeps_its_id(tmp_path):
    """The results of study 000 that are committed were made by the first recipe; their rows must still name them."""
    palaska = load_study("palaska")
    ids = {row: palaska[row].config("corrected", tmp_path).run_id for row in ("knn-1-pair", "fc3-ours")}
    assert ids == {"knn-1-pair": "43ffd16c1475", "fc3-ours": "d9fbd50c9316"}
    assert palaska["fc3"].config("as-published", tmp_path).run_id == "78592e0a0c87"


def test_kinds_of_rows_and_what_only_matches(tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE)
    study = load_study(str(tmp_path / "mine.toml"))
    assert [row.label for row in study.rows] == [
        "knn/one", "knn/three", "lenet/parent", "lenet/child", "ensemble/both", "search/grid", "quoted/theirs",
    ]  # fmt: skip
    assert study["one"].modes == ("as-published", "corrected")
    child = study["child"].config("corrected", tmp_path, parent=tmp_path / "lenet" / "0123456789ab")
    assert child.to_dict()["init_weights"] == "run:0123456789ab"
    assert study["one"].config("corrected", tmp_path, seed=2).seed == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("k = 3", "kk = 3", "mine.toml, row three: unknown key 'kk' (did you mean k?)"),
        ('arch = "knn"', 'arch = "knm"', "mine.toml, row one: unknown --arch 'knm' (did you mean knn?)"),
        ("as_published.distance", "as_published.distanc", "row one: unknown key 'distanc' (did you mean distance?)"),
        ("cosine_inverted", "cosine_invertd", "row one: unknown --distance 'cosine_invertd' (did you mean cosine_inv"),
        ("expect.test_accuracy", "expect.accuracy", "expect: unknown key 'accuracy' (did you mean test_accuracy?)"),
        ("accuracy = 0.5", "accuracy = 50", "row one: expect.test_accuracy must be a number from 0 to 1, got 50"),
        ("k = 3", "k = 0", "row three: --k: must be greater than 0"),
        ('name = "three"', 'name = "one"', "two rows have the name one"),
        ('name = "three"', "", "every [[run]] needs a name"),
        ('name = "three"', 'name = "../../x"', "the name of a [[run]] must be a plain name"),
        (
            'name = "grid"',
            'name = "/tmp/x"',
            "the name of a [[search]] must be a plain name of at most 200 bytes",
        ),
        ('name = "both"', 'name = "a\\u0007b"', "the name of a [[ensemble]] must be a plain name"),
        ('name = "both"', "name = 3", "the name of a [[ensemble]] must be a plain name"),
        ('title = "A study"', "", "needs title"),
        ("[common]", "[comon]", "unknown key 'comon' (did you mean common?)"),
        ('dataset = "digits"', 'datset = "digits"', "[common]: unknown key 'datset' (did you mean dataset?)"),
        ("[[search]]", "[[serch]]", "unknown key 'serch' (did you mean search?)"),
        ("k = 3", "k = = 3", "mine.toml is corrupt: Invalid value"),
        ('from = "parent"', 'from = "parnt"', "row child: unknown init_from 'parnt' (did you mean parent?)"),
        ('from = "parent"', 'from = "child"', "row child: init_from goes in a circle: child, child"),
        ('["one", "three"]', '["one", "thre"]', "row both: unknown member 'thre' (did you mean three?)"),
        ('vote = "hard"', 'vote = "had"', "row both: unknown vote 'had' (did you mean hard?)"),
        ('vote = "hard"', "", "row both: needs vote"),
        ('vote = "hard"', 'vote = "hard"\nk = 3', "row both: unknown key 'k'"),
        ("found.momentum", "found.momntum", "row grid: unknown found setting 'momntum' (did you mean momentum?)"),
        ("momentum = 0.5", 'momentum = "0.5"', "row grid: found: Expected `int | float`, got `str`"),
        ('"study002"', "inf", "row grid: space: Expected `str`, got `float`"),
        ('"study002"', '"study02"', "row grid: unknown --space 'study02' (did you mean study002?)"),
        (
            'arch = "lenet"\nexpect',
            'arch = "lenett"\nexpect',
            "row theirs: unknown arch 'lenett' (did you mean lenet?)",
        ),
        ('nt"\narch = "lenet"', 'nt"\narch = "scratch_fc3"\nfaults = ["full_bach"]', "(did you mean full_batch?)"),
        ("freeze = 1", 'faults = ["output_rel"]', "row child: --faults does not apply to lenet"),
    ],
)
def test_a_malformed_recipe_is_refused(old, new, told, tmp_path):
    assert old in RECIPE
    (tmp_path / "mine.toml").write_text(RECIPE.replace(old, new))
    with pytest.raises(InputError) as refused:
        load_study(str(tmp_path / "mine.toml"))
    assert told in str(refused.value)


def test_an_unknown_study_is_answered():
    with pytest.raises(InputError, match=r"unknown study 'palaski' \(did you mean palaska\?\)"):
        load_study("palaski")


def test_a_study_whose_name_leads_out_of_runs_is_refused(tmp_path):
    (tmp_path / "...toml").write_text(RECIPE)  # its stem is ..
    with pytest.raises(InputError, match="the study's name must be a plain name"):
        load_study(str(tmp_path / "...toml"))


def test_a_study_runs_on_its_own_data_set_instead_of_what_stands_in_for_it(tmp_path):
    recipe = RECIPE.replace("[common]", 'dataset = "synthetic:90"\n[common]\nstand_in = "digits for gratings"')
    (tmp_path / "mine.toml").write_text(recipe)
    for dataset, name, used, stand_in in (
        (None, "mine", "digits", "digits for gratings"),
        ("digits", "mine", "digits", "digits for gratings"),
        ("synthetic:90", "mine-synthetic-90", "synthetic:90", ""),
    ):
        study = load_study(str(tmp_path / "mine.toml"), dataset)
        assert study.name == name
        assert {row.stand_in for row in study.rows if not isinstance(row, Quoted)} == {stand_in}
        trained = [row.config("corrected", tmp_path) for row in study.rows if isinstance(row, Trained)]
        assert {config.dataset for config in trained} == {used}
    with pytest.raises(InputError, match=r"unknown --dataset for mine 'cifar10'; choose from synthetic:90, digits"):
        load_study(str(tmp_path / "mine.toml"), "cifar10")
    with pytest.raises(InputError, match=r"unknown --dataset for lai 'cinic10' .*choose from cifar10"):
        load_study("lai", "cinic10")


def test_study_002_runs_on_cinic10(tmp_path):
    study = load_study("andrzejczuk_orslowski", "cinic10")
    assert not any(row.stand_in for row in study.rows)
    assert {row.config("corrected", tmp_path).dataset for row in study.rows if isinstance(row, Trained)} == {"cinic10"}
