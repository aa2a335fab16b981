"""The report's section on an audit: the accuracies of evaluate --without, for the runs on the audited test images."""

import dataclasses

import numpy as np
import pytest

from kerascifar import report
from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.evaluation.metrics import mcnemar
from kerascifar.evaluation.selection import Share, read_audit, select
from kerascifar.reporting.document import Table, Text
from kerascifar.reporting.gather import gather
from kerascifar.reporting.report import make_sections
from tests.answers import refused
from tests.audit_rows import label, labels, pair, pairs

TITLES = ["all test images", "without a near-duplicate in training", "near-duplicates alone", "p",
          "without suspect labels", "suspect labels alone", "p", "without either"]  # fmt: skip


@pytest.fixture
def audit(tmp_path, digits):
    checksums = [checksum.hex() for checksum in digits.test.image_checksums()]
    folder = tmp_path / "audit"
    folder.mkdir()
    pairs(folder / "pairs.csv", *(pair("test", checksums[i], "train", "x") for i in range(0, 40, 2)))
    labels(folder / "labels.csv", *(label("test", checksums[i]) for i in (1, 2)))
    return folder


def section(paths, audit):
    sections, _ = make_sections(paths, gather(paths), audit=read_audit(audit, "--audit"))
    return next(one for one in sections if one.anchor == "audit")


def test_each_run_on_what_the_lists_leave(tmp_path, make_run, audit, digits):
    for seed, skill in enumerate((0.9, 0.5)):
        make_run(f"runs/lenet/{seed}", seed=seed, skill=skill)
    words, table = section([tmp_path / "runs"], audit).blocks
    assert "Fisher's exact test" in words.text
    assert [column.name for column in table.columns] == ["#", "run", *TITLES, "p against #1"]
    assert "near-duplicates alone 20; without suspect labels 98" in table.caption
    near, suspect = np.isin(np.arange(100), np.arange(0, 40, 2)), np.isin(np.arange(100), (1, 2))
    for row, run in zip(table.rows, gather([tmp_path / "runs"]).runs, strict=True):
        for place, chosen in ((2, ~near | near), (3, ~near), (4, near), (6, ~suspect), (7, suspect),
                              (9, ~(near | suspect))):  # fmt: skip
            share = Share(int(chosen.sum()), int(run.right[chosen].sum()))
            assert (row[place].text, row[place].value) == (str(share), share.accuracy)
        checksums = [checksum.hex() for checksum in digits.test.image_checksums()]
        best = gather([tmp_path / "runs"]).runs[0]
        kept = ~(near | suspect)
        assert row[10].value == (None if run.number == 1 else mcnemar(run.right[kept], best.right[kept])["p"])
        assert row[5].value == select(run.right, checksums, read_audit(audit, "--audit")).duplicates.p
    (audit / "labels.csv").unlink()
    assert [column.name for column in section([tmp_path / "runs"], audit).blocks[1].columns][2:-1] == TITLES[:4]


def test_runs_on_other_test_images_are_left_out(tmp_path, make_run, audit, digits):
    make_run("runs/lenet/0")
    drawn = load(RunConfig(dataset="synthetic:100"))
    other = dataclasses.replace(digits, name="synthetic:100", classes=drawn.classes, train=drawn.train,
                                validation=drawn.validation, test=drawn.test)  # fmt: skip
    make_run("runs/lenet/1", data=other, config={"dataset": "synthetic:100", "test_limit": None})
    nowhere = dataclasses.replace(digits, test=dataclasses.replace(digits.test, images=255 - digits.test.images))
    make_run("runs/lenet/2", data=nowhere)
    blocks = section([tmp_path / "runs"], audit).blocks
    assert [len(block.rows) for block in blocks if isinstance(block, Table)] == [1]
    left_out = [block.text for block in blocks if isinstance(block, Text)][1:]
    assert any("pairs.csv names 21 images, none of which is among these test images" in line for line in left_out)
    assert any("their SHA-256 differs" in line for line in left_out)
    assert all(line.startswith("Without the runs on ") for line in left_out)
    only = section([tmp_path / "runs" / "lenet" / "1"], audit)
    assert [type(block) for block in only.blocks] == [Text]
    paths = [tmp_path / "runs" / "lenet" / "1"]
    _, told = make_sections(paths, gather(paths), audit=read_audit(audit, "--audit"))
    assert [line[:40] for line in told] == ["--audit: Without the runs on synthetic:1"]


def test_lists_that_name_nothing_say_so(tmp_path, make_run, audit):
    make_run("runs/lenet/0")
    pairs(audit / "pairs.csv")
    labels(audit / "labels.csv")
    assert section([tmp_path / "runs"], audit).blocks == [Text("The audit's lists name no image.")]


def test_the_command_shows_it_or_says_what_is_wrong(tmp_path, make_run, audit, command):
    make_run("runs/lenet/0")
    out = tmp_path / "out"
    report.main([str(tmp_path / "runs"), "--audit", str(audit), "--out", str(out)])
    for name in ("report.html", "report.md"):
        assert "near-duplicates alone" in (out / name).read_text(encoding="utf-8")
    report.main([str(tmp_path / "runs"), "--out", str(out)])
    assert "near-duplicates alone" not in (out / "report.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"--audit .*runs: expected the folder of an audit"):
        report.main([str(tmp_path / "runs"), "--audit", str(tmp_path / "runs"), "--out", str(out)])
    (audit / "pairs.csv").write_text("a,b\n1,2\n")
    done = command("kerascifar.report", "runs", "--audit", "audit", "--out", "new")
    refused(done, "pairs.csv, line 1: found 'a,b'; expected a header with the columns")
    assert not (tmp_path / "new").exists()
