"""A report on many runs: which are shown in detail, what filters know, how large the page of all committed ones is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from kerascifar import report
from kerascifar.core.errors import InputError
from kerascifar.reporting import gather
from kerascifar.reporting.classes import classes, confusions
from kerascifar.reporting.comparison import latency
from kerascifar.reporting.details import details
from kerascifar.reporting.document import Chart, Fold, Gallery, Sprite, Table, Text
from kerascifar.reporting.examples import SHOWN
from kerascifar.reporting.published import studies
from kerascifar.reporting.report import make_report
from tests.conftest import ROOT

MEGABYTES = 5


@pytest.fixture
def few(monkeypatch):
    """Let two runs be the best."""
    monkeypatch.setattr(gather, "BEST", 2)


@pytest.fixture
def three(tmp_path, make_run):
    """Folders of three runs, the best first."""
    return [make_run(f"runs/lenet/{letter * 12}", seed=i, skill=0.9 - 0.3 * i) for i, letter in enumerate("abc")]


def detailed(paths, asked=()):
    return [run.scored.folder.name[0] for run in gather.gather(paths, asked).runs if run.detailed]


@pytest.mark.usefixtures("few")
def test_the_best_are_shown_in_detail_and_those_asked_for(tmp_path, three):
    folder = tmp_path / "runs"
    assert detailed([folder]) == ["a", "b"]
    assert detailed([folder], ["c" * 12]) == detailed([folder], [str(three[2])]) == ["a", "b", "c"]
    assert detailed([folder], ["all"]) == detailed([folder], [str(folder)]) == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"--details nothing: expected a run of this report, by its folder or id"):
        detailed([folder], ["nothing"])


@pytest.mark.usefixtures("few")
def test_runs_of_full_length_come_before_shortened_ones(make_study):
    folder, _ = make_study()
    shown = {run.label: run.detailed for run in gather.gather([folder]).runs}
    assert not shown["study row-one, corrected"]
    assert sum(shown.values()) == 2


@pytest.mark.usefixtures("few")
def test_the_others_are_rows_that_link_to_their_folders(tmp_path, three, capsys):
    out = tmp_path / "deep" / "out"
    report.main([str(tmp_path / "runs"), "--out", str(out)])
    page, twin = (out / "report.html").read_text(), (out / "report.md").read_text()
    assert page.count("<details") == 2
    assert f'<a href="../../runs/lenet/{"c" * 12}/">lenet · seed 2</a>' in page
    assert f"[lenet · seed 2](../../runs/lenet/{'c' * 12}/)" in twin
    assert "--details all adds them" in page
    assert "to be opened in a browser" in capsys.readouterr().out
    report.main([str(tmp_path / "runs"), "--details", "all", "--out", str(out)])
    assert (out / "report.html").read_text().count("<details") == 3
    with pytest.raises(InputError, match="--details"):
        report.main([str(tmp_path / "runs"), "--details", "d" * 12, "--out", str(tmp_path / "no")])
    assert not (tmp_path / "no").exists()


def test_the_next_command_shows_all_in_detail(tmp_path, three, few, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    report.main([str(tmp_path / "runs"), "--out", str(tmp_path / "out")])
    assert "next: python -m kerascifar.report" in (told := capsys.readouterr().err)
    assert "--details all" in told


def test_images_are_in_the_page_once_and_bear_their_index(tmp_path, three):
    gathered = gather.gather([tmp_path / "runs"])
    images = np.random.default_rng(0).integers(0, 256, (100, 80, 100, 3), np.uint8)
    sprite, *folds = details(gathered, {gathered.runs[0].scored.checksum: images}).blocks
    assert isinstance(sprite, Sprite)
    for run, fold in zip(gathered.runs, folds, strict=True):
        wrong, right = (block for block in fold.blocks if isinstance(block, Gallery))
        for gallery, wants in ((wrong, False), (right, True)):
            assert len(gallery.shots) == min(SHOWN, (run.right == wants).sum())
            for shot in gallery.shots:
                assert shot.sprite is sprite
                assert run.right[int(re.search(r"#(\d+)$", shot.caption)[1])] == wants
                x, y, width, height = shot.box
                assert (width, height) == (64, 51)  # made smaller
                assert x + width <= sprite.size[0]
                assert y + height <= sprite.size[1]


def test_filters_know_study_architecture_and_length(make_study):
    folder, _ = make_study()
    about = {run.label: run.about for run in gather.gather([folder]).runs}
    one = about["study row-one, corrected"]
    assert (one.shortened, one.choices["study"], one.choices["architecture"]) == (True, "study", "lenet")
    assert not about["study row-one, as published"].shortened
    section, _ = studies([folder], gather.gather([folder]))
    rows = {row[0].about.key: row[0].about for row in section.blocks[0].rows}
    assert [key for key, of in rows.items() if of.shortened] == []  # one of its versions is of full length
    assert "study/row-three" in rows


def test_a_figure_on_validation_images_says_so(make_study):
    folder, _ = make_study()
    table = json.loads((folder / "table.json").read_text())
    table["rows"][0] |= {"paper": {"validation_accuracy": 0.53}, "as-published": {}}
    table["rows"][0]["corrected"]["validation_accuracy"] = 0.4042
    table["rows"][1] = {"name": "row-two", "paper": {"validation_accuracy": 0.7187}, "not_run": "no weights"}
    table["rows"].append({"name": "row-four", "paper": {"recall": 0.5573}})
    table["rows"].append({"name": "row-five", "paper": {"parameters": 7}})
    (folder / "table.json").write_text(json.dumps(table))
    section, _ = studies([folder], gather.gather([folder]))
    shown = section.blocks[0]
    names = [column.name for column in shown.columns]
    rows = {row[names.index("row")].text: [cell.text for cell in row] for row in shown.rows}
    assert rows["row-one"][names.index("paper")] == "validation 0.5300"
    assert re.fullmatch(r"validation 0.4042 \(#\d\)", rows["row-one"][names.index("ours")])
    assert rows["row-two"][1:3] == ["validation 0.7187", "not run"]
    assert "not run: no weights" in rows["row-two"]
    assert "recall 0.5573" in rows["row-four"]
    assert "row-five" not in rows  # nothing to set side by side


def test_ensembles_stand_beside_their_members(make_study):
    folder, _ = make_study()
    runs = gather.gather([folder]).runs
    one = next(run for run in runs if run.scored.folder.name[0] == "a")
    shares = [row["recall"] for row in one.test["per_class"]]
    member = {
        "name": "x",
        "run": one.scored.folder.relative_to(folder).as_posix(),
        "class_accuracy": shares,
        "accuracy": 0.5,
    }
    content = {"members": [member, member | {"run": "lenet/none"}], "metrics": {"test": dict(one.test)}}
    (folder / "ensembles").mkdir()
    (folder / "ensembles" / "soft.json").write_text(json.dumps(content))
    *_, bars = classes(gather.gather([folder])).blocks
    assert isinstance(bars, Chart)
    assert all(f"{name}, total: " in bars.svg for name in (one.name, "x", "soft"))
    (folder / "ensembles" / "soft.json").write_text('{"members": 3}')
    *_, words = classes(gather.gather([folder])).blocks
    assert isinstance(words, Text)
    assert "study/ensembles is not shown: TypeError" in words.text


def test_confusions_stand_side_by_side_the_best_of_each_study_first(tmp_path, make_run, make_study):
    folder, _ = make_study()
    for seed in range(5):
        make_run(f"runs/lenet/{seed}", seed=seed, skill=0.95)
    section = confusions(gather.gather([tmp_path / "runs", folder]))
    assert len(section.blocks) == 6
    assert [("study " in block.caption) for block in section.blocks[:2]] == [False, True]


def test_timed_runs_have_a_table_the_fastest_first(tmp_path, three):
    for place, run in enumerate(three[:2]):
        timed = {"p50_ms": 2.0 - place, "threads": 2, "device": "cpu", "machine": {"processor": "Z80"}}
        (run / "latency.json").write_text(json.dumps(timed))
    table, words = latency(gather.gather([tmp_path / "runs"])).blocks
    assert isinstance(table, Table)
    assert [row[0].value for row in table.rows] == [2, 1]
    assert table.rows[0][-1].text == "cpu, Z80"
    assert "1 runs were not timed" in words.text


def test_a_run_of_one_epoch_has_no_curve(tmp_path, make_run):
    make_run("runs/lenet/1", history=1)
    _, (sections, _) = make_report([tmp_path / "runs"])
    assert "curves" not in [section.anchor for section in sections]
    (fold,) = (block for section in sections for block in section.blocks if isinstance(block, Fold))
    names = [block.name for block in fold.blocks if isinstance(block, Chart)]
    assert names == ["confusion-1", "reliability-1"]


@pytest.mark.slow
def test_the_page_of_all_committed_runs_is_small(tmp_path, real_data):
    out = tmp_path / "out"
    report.main([str(ROOT / "saved_models"), "--out", str(out), "--data-dir", str(real_data)])
    sizes = {path.relative_to(out): path.stat().st_size for path in out.rglob("*") if path.is_file()}
    assert sizes[Path("report.html")] < MEGABYTES * 1e6
    assert sum(sizes.values()) < 2 * MEGABYTES * 1e6
    assert "No right and wrong examples" not in (out / "report.html").read_text()
