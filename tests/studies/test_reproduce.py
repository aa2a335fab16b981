"""The command: plans, runs, goes on, and leaves a table in which every figure says what it is."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.evaluation.voting import combine
from kerascifar.reporting.study_table import MODES
from kerascifar.reproduce import main

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
"""
NETS = """
title = "Nets"
source = "ours"
[common]
dataset = "digits"
arch = "scratch_fc3"
widths = [16]
epochs = 4
[[run]]
name = "fast"
expect.precision = 0.9
expect.parameters = 49000
[[run]]
name = "slow"
learning_rate = 0.001
[[ensemble]]
name = "soft"
members = ["fast", "slow"]
vote = "soft"
expect.test_accuracy = 0.9
[[quoted]]
name = "theirs"
arch = "lenet"
expect.parameters = 60000
expect.size_mb = 0.25
"""


@pytest.fixture
def reproduce(tmp_path):
    """Write a recipe, and return a function that runs the command on it and gives back the table's rows by name."""

    def written(text):
        (tmp_path / "mine.toml").write_text(text)

        def call(*flags):
            main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs"), *flags])
            told = json.loads((tmp_path / "runs" / "mine" / "table.json").read_text())
            return {row["name"]: row for row in told["rows"]}

        return call

    return written


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "mine"


def test_a_new_study_is_one_file(reproduce, folder, capsys):
    told = reproduce(RECIPE)()
    first, second = told["one"], told["three"]
    assert first["as-published"]["test_accuracy"] < 0.2 < 0.9 < first["corrected"]["test_accuracy"]
    assert "as-published" not in second
    table = (folder / "table.md").read_text()
    assert f"{first['corrected']['test_accuracy']:.4f}" in table
    assert "| 0.5000 |" in table
    assert "the least similar image wins" in table
    for row in told.values():
        for mode in MODES:
            if mode in row:
                saved = json.loads((folder / row[mode]["file"]).read_text())
                assert saved["metrics"]["test"]["accuracy"] == row[mode]["test_accuracy"]
                assert f"({row[mode]['file']})" in table
    capsys.readouterr()
    reproduce(RECIPE)("--only", "knn/o*", "--dry-run")
    first, *rows = capsys.readouterr().out.splitlines()
    assert first == "plan --full: goes on, 0 of 2 runs to do, about 0 s"
    assert {row.split("] ")[1] for row in rows} == {"knn/one, as-published: finished", "knn/one, corrected: finished"}


def test_a_table_of_goals_says_so(reproduce, folder):
    goals = RECIPE.replace('source = "Table 7"', 'source = "ours"\nbeside = "goal"')
    goals = goals.replace("expect.test_accuracy = 0.5", "expect.test_accuracy = 0.5\nexpect.run_seconds = 600")
    row = reproduce(goals)("--mode", "corrected")["one"]
    table = (folder / "table.md").read_text()
    assert "| goal |" in table
    assert "paper |" not in table
    assert "seconds of the whole run: goal | ours |" in table
    assert f"| 600 | {row['corrected']['run_seconds']:.4g} |" in table
    assert row["corrected"]["processor"] == processor()["processor"]


def test_a_dry_run_writes_nothing_and_tells_the_time_of_each_row(reproduce, folder, capsys):
    with pytest.raises(FileNotFoundError):  # no table
        reproduce(NETS)("--epochs", "2", "--dry-run")
    assert not folder.exists()
    told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"plan --epochs 2: made, 2 of 2 runs to do, about \d+ s", told[1])
    assert re.fullmatch(r"\[1/2\] scratch_fc3/fast, corrected, 2 of 4 epochs: about \d+ s", told[2])


def test_a_shortened_run_never_looks_like_a_full_one(reproduce, folder):
    call = reproduce(NETS)
    short = call("--epochs", "2")["fast"]["corrected"]
    assert (short["epochs"], short["of_epochs"], short["shortened"]) == (2, 4, True)
    table = (folder / "table.md").read_text()
    assert "**2 of 4 epochs**" in table
    assert "fast **2 of 4 epochs**; slow **2 of 4 epochs**" in table  # below the vote of the two
    # At full length, and by --only: that row's figure is replaced, the other one stays what it was.
    told = call("--full", "--only", "*/fast")
    assert (told["fast"]["corrected"]["epochs"], told["fast"]["corrected"]["shortened"]) == (4, False)
    assert told["slow"]["corrected"]["epochs"] == 2
    # A shorter one afterwards takes nothing back, and is not even run.
    told = call("--epochs", "1")
    assert (told["fast"]["corrected"]["epochs"], told["slow"]["corrected"]["epochs"]) == (4, 2)
    assert len(list(folder.glob("scratch_fc3/*/result.json"))) == 3


def test_a_budget_is_planned_once(reproduce, folder, capsys):
    call = reproduce(NETS)
    call("--budget", "20s", "--only", "*/fast")
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["asked"] == "--budget 20s"
    assert [piece["row"] for piece in plan["pieces"]] == ["fast"]
    results = {path: path.stat().st_mtime_ns for path in folder.glob("*/*/result.json")}
    capsys.readouterr()
    call("--budget", "20s", "--only", "*/fast")
    assert "plan --budget 20s: goes on, 0 of 1 runs to do" in capsys.readouterr().out
    call("--only", "*/fast")  # the last plan goes on
    assert "plan --budget 20s: goes on, 0 of 1 runs to do" in capsys.readouterr().out
    assert json.loads((folder / "plan.json").read_text()) == plan
    assert results == {path: path.stat().st_mtime_ns for path in folder.glob("*/*/result.json")}


def test_seeds_give_mean_and_spread(reproduce, folder):
    figure = reproduce(NETS)("--seeds", "3", "--only", "fast")["fast"]["corrected"]
    found = [json.loads((folder / run / "result.json").read_text()) for run in figure["runs"]]
    assert [result["config"]["seed"] for result in found] == [0, 1, 2]
    a, b, c = (result["metrics"]["test"]["accuracy"] for result in found)
    mean = (a + b + c) / 3
    assert figure["seeds"] == 3
    assert figure["test_accuracy"] == pytest.approx(mean)
    assert figure["spread"] == pytest.approx((((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / 2) ** 0.5)
    assert figure["interval"] is None
    text = f"[{mean:.4f}]({figure['file']}) ± {figure['spread']:.4f} (3 seeds)<br>4 epochs"
    assert text in (folder / "table.md").read_text()


def test_an_ensemble_brings_its_members(reproduce, folder, capsys):
    told = reproduce(NETS)("--only", "ensemble/*")
    assert "also needed: scratch_fc3/fast, scratch_fc3/slow" in capsys.readouterr().out
    runs = [folder / told[name]["corrected"]["run"] for name in ("fast", "slow")]
    vote = told["soft"]["corrected"]
    assert vote["test_accuracy"] == combine(runs, "soft")["metrics"]["test"]["accuracy"]
    saved = json.loads((folder / vote["file"]).read_text())
    assert saved["metrics"]["test"]["accuracy"] == vote["test_accuracy"]
    assert [member["run"] for member in saved["members"]] == [told[n]["corrected"]["run"] for n in ("fast", "slow")]
    assert str(folder) not in json.dumps(saved)
    table = (folder / "table.md").read_text()
    # Precision where the paper prints it, weighted and macro; sizes of ours beside the quoted ones: 62,006 x 4 bytes.
    average = told["fast"]["corrected"]["weighted"]["precision"]
    assert re.search(rf"\| fast \| 0\.9000 / – / – \| corrected \| {average:.4f} / ", table)
    assert "| theirs | 60,000 | 62,006 | 0.25 | 0.248 |" in table


def test_a_row_that_diverges_is_a_finding_and_the_next_one_runs(reproduce, folder):
    text = RECIPE.replace(
        'name = "one"',
        'name = "zero"\narch = "scratch_cnn"\nlearning_rate = 1e30\nepochs = 1\n[[run]]\nname = "one"',
    )
    for _ in range(2):  # the second time both rows are finished
        told = reproduce(text)("--only", "*/*o*")
    assert "the loss became" in told["zero"]["corrected"]["diverged"]
    assert told["one"]["corrected"]["test_accuracy"] > 0.9
    assert "[diverged](scratch_cnn/" in (folder / "table.md").read_text()


def test_a_row_that_is_not_run_says_why(reproduce, folder):
    told = reproduce(RECIPE.replace("k = 3", 'k = 3\nnot_run = "no time"\nstand_in = "digits for CIFAR-10"'))()
    assert told["three"]["not_run"] == "no time"
    table = (folder / "table.md").read_text()
    assert "not run: no time" in table
    assert "stand-in: digits for CIFAR-10" in table


def test_the_studys_own_data_set_has_a_folder_and_a_table_of_its_own(reproduce, folder):
    text = RECIPE.replace("[common]", 'dataset = "synthetic:200"\n[common]\nstand_in = "digits for gratings"')
    call = reproduce(text)
    assert call("--only", "*one")["one"]["stand_in"] == "digits for gratings"
    before = (folder / "table.md").read_text()
    call("--only", "*one", "--dataset", "synthetic:200")
    own = folder.with_name("mine-synthetic-200")
    (row, _) = json.loads((own / "table.json").read_text())["rows"]
    assert row["stand_in"] == ""
    assert "synthetic:200" in (own / row["corrected"]["file"]).read_text()
    assert "stand-in" not in (own / "table.md").read_text()
    assert (folder / "table.md").read_text() == before


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--dataset", "cifar10"), "unknown --dataset for mine 'cifar10'; choose from digits"),
        (("--only", "x/*"), "matches no row of mine: knn/one, knn/three"),
        (("--budget", "soon"), "--budget: expected a time such as 90s"),
        (("--epochs", "0"), "--epochs: must be greater than 0, got 0"),
        (("--seeds", "0"), "--seeds: must be from 1 to 1000, got 0"),
        (("--seeds", "999999999"), "--seeds: must be from 1 to 1000"),
        (("--epochs", "2", "--full"), "not allowed with argument"),
        (("--data-dir", "/nowhere", "--only", "knn/o*", "--unverifed"), "did you mean --unverified?"),
    ],
)
def test_bad_input_is_answered_and_leaves_nothing(flags, told, reproduce, folder):
    with pytest.raises(InputError) as refused:
        reproduce(RECIPE)(*flags)
    assert told in str(refused.value)
    assert not folder.exists()


@pytest.mark.slow
def test_a_killed_study_goes_on(tmp_path, folder):
    """Killed after its first result: the same plan, that result untouched, and the rest as if nothing had been."""
    (tmp_path / "mine.toml").write_text(NETS.replace("epochs = 4", "epochs = 60"))
    command = [sys.executable, "-m", "kerascifar.reproduce", str(tmp_path / "mine.toml"), "--epochs", "50"]
    command += ["--runs", str(tmp_path / "runs")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not list(folder.glob("*/*/result.json")) and time.monotonic() < end:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (finished,) = folder.glob("*/*/result.json")
    plan, before = (folder / "plan.json").read_text(), finished.stat().st_mtime_ns
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "plan --epochs 50: goes on, 1 of 2 runs to do" in done.stdout
    assert re.search(r"^1 of 2 runs done, about .* left$", done.stdout, re.M)
    assert (folder / "plan.json").read_text() == plan
    assert finished.stat().st_mtime_ns == before
    assert len(list(folder.glob("*/*/result.json"))) == 2
    assert "soft" in (folder / "table.md").read_text()


@pytest.mark.slow
def test_a_search_is_a_row(reproduce, folder):
    text = RECIPE + '[[search]]\nname = "ks"\narch = "knn"\nvalidation = 0.2\nspace = "SPACE"\noracle = "grid"\n'
    space = folder.parent.parent / "ks.toml"
    space.write_text("k = [1, 5]\n")
    text = text.replace("SPACE", str(space)) + "expect.validation_accuracy = 0.9\n"
    for _ in range(2):
        figure = reproduce(text)("--only", "ks")["ks"]["corrected"]
    assert figure["trials"] == 2
    saved = json.loads((folder / figure["file"]).read_text())
    assert saved["metrics"]["validation"]["accuracy"] == figure["validation_accuracy"] > 0.9
    assert saved["metrics"]["test"] is None
    assert "*validation* [0.9" in (folder / "table.md").read_text()


def test_rows_of_other_images_are_refused(reproduce, folder, class_folders, tmp_path, capsys):
    for seed, name in enumerate("ab"):
        class_folders(tmp_path / name, seed=seed)
    common = f'dataset = "folder"\ndata_dir = "{tmp_path}/a"'
    call = reproduce(RECIPE.replace('dataset = "digits"', common))
    shown = call("--only", "*one")
    table = (folder / "table.json").read_text()
    assert call("--only", "*one") == shown
    told = r"is a finished run of other data .*choose another --runs for this, or delete .*/runs/mine/knn/\w{12}$"
    for flags in (["--only", "*one"], ["--only", "*three"], ["--only", "*one", "--dry-run"]):
        with pytest.raises(InputError, match=told):
            call(*flags, "--data-dir", str(tmp_path / "b"))
    assert (folder / "table.json").read_text() == table
