"""Times that stand beside the paper's: CPU seconds where all have them, and of as many images as the paper's epoch."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from kerascifar import results
from kerascifar.configure import configure
from kerascifar.reporting import comparison
from kerascifar.reproduce import main
from kerascifar.studies.outcomes import _epoch_scale, row_outcomes
from kerascifar.studies.plan import StudyRun
from kerascifar.studies.sizes import sizes
from kerascifar.studies.study import load_study

RECIPE = """
title = "Nets"
source = "ours"
[[run]]
name = "fast"
arch = "scratch_fc3"
widths = [4]
dataset = "digits"
epochs = 2
expect.seconds_per_epoch = 76
"""


@pytest.mark.parametrize(
    ("recipe", "limit", "images", "scale"),
    [
        ({}, None, (45_000, 5_000), None),
        ({}, 1_000, (900, 100), 50.0),
        ({"train_limit": 5_000}, 1_000, (900, 100), 5.0),
        ({"train_limit": 5_000}, 5_000, (4_500, 500), None),
        ({}, 50_000, (45_000, 5_000), None),  # a limit that takes nothing away
        ({"dataset": "synthetic:900"}, 100, (90, 10), 0.0),  # how many there would be stands nowhere
    ],
)
def test_images_of_a_whole_epoch(recipe, limit, images, scale):
    result = SimpleNamespace(
        config={"train_limit": limit},
        dataset={"images": {"train": images[0], "validation": images[1], "test": 10_000}},
    )
    assert _epoch_scale(configure(arch="lenet", **recipe), result) == scale


@pytest.fixture
def finished(tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE)
    main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs")])
    folder = tmp_path / "runs" / "mine"
    return StudyRun.read(load_study(str(tmp_path / "mine.toml")), folder)


def test_a_shortened_epoch_never_stands_beside_a_whole_one(finished, tmp_path):
    (entry,) = row_outcomes(finished, tmp_path / "votes")
    outcome = entry.by_mode["corrected"]
    assert outcome.cpu_seconds_per_epoch > 0
    assert outcome.epoch_scale is None
    for cpu, scale, shown in ((3.0, None, "3"), (3.0, 50.0, "150"), (None, 50.0, "100"), (3.0, 0.0, "")):
        changed = replace(outcome, seconds_per_epoch=2.0, cpu_seconds_per_epoch=cpu, epoch_scale=scale)
        text = sizes([replace(entry, by_mode={"corrected": changed})])
        assert text.endswith(f"| 76 | {shown} |")
        assert ("CPU seconds" in text) == (cpu is not None)


def test_an_old_result_loads_and_is_compared_in_wall_seconds(finished):
    (file,) = finished.folder.rglob("result.json")
    new = results.read_result(file.parent)
    assert new.cpu_seconds_per_epoch == results.median_epoch(new.history, "cpu_seconds") > 0
    assert new.notes["jobs"] == 1
    saved = json.loads(file.read_text())
    del saved["cpu_seconds_per_epoch"]
    file.write_text(json.dumps(saved))
    old = results.read_result(file.parent)
    assert old.cpu_seconds_per_epoch is None
    both = [SimpleNamespace(scored=SimpleNamespace(result=result)) for result in (new, old)]
    assert comparison._by_cpu(both[:1])
    assert not comparison._by_cpu(both)
    on_gpu = replace(new, notes={**new.notes, "device": "gpu:0"})
    assert not comparison._by_cpu([SimpleNamespace(scored=SimpleNamespace(result=on_gpu))])


def test_the_papers_time_stands_beside_what_its_code_did(finished, tmp_path):
    """Its epoch may be a mini-batch, or that of another net; and of a shortened run the whole time is not told."""
    (entry,) = row_outcomes(finished, tmp_path / "votes")
    row = replace(entry.row, as_published={"epochs": 1}, expect={"seconds_per_epoch": 76, "run_seconds": 600})
    outcome = replace(entry.by_mode["corrected"], cpu_seconds_per_epoch=3.0, run_seconds=8.0)
    modes = {"as-published": replace(outcome, cpu_seconds_per_epoch=2.0, shortened=True), "corrected": outcome}
    first, second = sizes([replace(entry, row=row, by_mode=modes)], remark="Theirs: a clock.").splitlines()[-2:]
    assert first.endswith("| 76 | 2 | 600 |  |")
    assert second.endswith("|  | 3 |  | 8 |")
    assert "\n\nTheirs: a clock.\n\n" in sizes([entry], remark="Theirs: a clock.")
