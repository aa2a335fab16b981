"""Accuracies on what an audit's lists select, worked by hand, and as a command."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.evaluation.selection import Contrast, Lists, Share, read_audit, read_lists, select
from kerascifar.run import run
from tests.answers import refused
from tests.audit_rows import label, labels, pair, pairs, sha

TEN = [sha(name) for name in "abcdefghij"]
RIGHT = np.array([1, 1, 1, 0, 1, 1, 0, 0, 1, 0], bool)


def test_by_hand(tmp_path):
    near = pairs(
        tmp_path / "pairs.csv",
        pair("test", "a", "train", "x"),
        pair("test", "a", "train", "y", "same pixels"),  # one image, twice
        pair("test", "b", "validation", "z"),
        pair("train", "v", "test", "g"),
        pair("test", "c", "train", "x", "similar"),
        pair("test", "d", "test", "e", "same pixels"),
        pair("train", "f", "train", "h"),
        pair("test", "elsewhere", "train", "x"),
    )
    suspect = labels(tmp_path / "labels.csv", label("test", "d"), label("test", "b"), label("test", "e", "no"),
                     label("train", "j"))  # fmt: skip
    selected = select(RIGHT, TEN, read_lists([suspect, near], "--without"))
    assert selected == select(RIGHT, TEN, read_audit(tmp_path, "--audit"))
    assert selected.whole == Share(10, 6)
    assert selected.duplicates == Contrast(Share(3, 2), Share(7, 4))  # a, b, g
    assert selected.suspects == Contrast(Share(2, 1), Share(8, 5))  # b, d
    assert selected.clean == Share(6, 4)  # c, e, f, h, i, j
    # Fisher: of the tables with 3 of 10 in the row and 6 of 10 right, 0 to 3 right have 4, 36, 60 and 20 of 120.
    assert selected.duplicates.p == pytest.approx(1)
    assert [title for title, *_ in selected.rows()] == [
        "all test images", "without a near-duplicate in training", "near-duplicates alone", "without suspect labels",
        "suspect labels alone", "without either",
    ]  # fmt: skip


def test_wilson_and_fisher_by_hand():
    # Wilson 1927: (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, n, p = 1.959963984540054, 10, 0.8
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = Share(10, 8).interval
    assert (low, high) == pytest.approx(((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)))
    assert str(Share(10, 8)) == "0.8000 (0.4902 to 0.9433)"
    # all 3 of 3 right against 0 of 3: 2 of the 20 tables are as extreme
    assert Contrast(Share(3, 3), Share(3, 0)).p == pytest.approx(2 / 20)


def test_nothing_selected_has_no_accuracy(tmp_path):
    selected = select(RIGHT, TEN, read_lists([pairs(tmp_path / "pairs.csv")], "--without"))
    assert selected.duplicates.alone == Share(0, 0)
    assert (selected.duplicates.alone.accuracy, selected.duplicates.alone.interval) == (None, None)
    assert selected.duplicates.p is None
    assert str(selected.duplicates.alone) == "no image"
    assert selected.duplicates.without == selected.whole
    assert (selected.suspects, selected.clean) == (None, None)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_two_sides_make_the_whole(images):
    right, near = (np.array(column) for column in zip(*images, strict=True))
    contrast = Contrast(*(Share(int(c.sum()), int((right & c).sum())) for c in (near, ~near)))
    assert contrast.alone.images + contrast.without.images == len(right)
    assert contrast.alone.right + contrast.without.right == right.sum()
    if contrast.p is not None:
        assert 0 < contrast.p <= 1 + 1e-12
        assert contrast.p == pytest.approx(Contrast(contrast.without, contrast.alone).p)  # neither side is the first


def test_lists_that_do_not_go_together_are_refused(tmp_path):
    one = pairs(tmp_path / "one.csv", pair("test", "a", "train", "b"))
    with pytest.raises(InputError, match=r"--without: .*one.csv and .*one.csv are both lists of pairs; give one of"):
        read_lists([one, one], "--without")
    own = tmp_path / "excluded.csv"
    own.write_text(f"sha256,kept,why\n{sha('a')},0,same pixels\n")
    with pytest.raises(InputError, match="it holds what a training left out; expected an audit's list"):
        read_lists([own], "--without")
    with pytest.raises(InputError, match=r"expected the folder of an audit, which holds pairs\.csv or labels\.csv"):
        read_audit(tmp_path, "--audit")
    with pytest.raises(InputError, match=r"one\.csv names 2 images, none of which is among those of x"):
        read_lists([one], "--without").check({sha("c")}, "those of x")
    read_lists([one], "--without").check({sha("b")}, "those of x")
    Lists().check(set(), "nothing")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    config = configure(arch="nearest_centroid", dataset="synthetic:200", runs=str(tmp_path_factory.mktemp("runs")))
    run(config)
    return config, load(config)


def test_the_command_selects_from_the_saved_scores(finished, command, tmp_path):
    config, data = finished
    checksums = [checksum.hex() for checksum in data.test.image_checksums()]
    path = pairs(tmp_path / "pairs.csv", *(pair("test", checksums[i], "train", "x") for i in (3, 5, 8, 8)))
    more = labels(tmp_path / "labels.csv", label("test", checksums[5]), label("test", checksums[0], "no"))
    before = {file: file.read_bytes() for file in config.folder.iterdir()}
    done = command("kerascifar.evaluate", config.folder, "--without", path, "--without", more)
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(config.folder / "scores.npz") as scores:
        right = scores["test_scores"].argmax(1) == data.test.labels
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    found = {line[0]: line[-1].strip() for line in lines}
    counts = {line[0]: next(cell.strip() for cell in line[1:] if cell.strip()) for line in lines if len(line) > 1}
    rest = np.ones(50, bool)
    rest[[3, 5, 8]] = False
    for title, chosen in (
        ("all test images", rest | True),
        ("without a near-duplicate in training", rest),
        ("near-duplicates alone", ~rest),
        ("suspect labels alone", np.arange(50) == 5),
        ("without either", rest),
    ):
        assert found[title] == str(Share(chosen.sum(), right[chosen].sum()))
        assert counts[title] == str(chosen.sum())
    assert "near-duplicates alone, against the others: p = " in done.stdout
    assert "Fisher's exact test" in done.stdout
    assert {file: file.read_bytes() for file in config.folder.iterdir()} == before


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "names 2 images, none of which is among those of synthetic:200; it is a list of another data set"),
        (["--without", "pairs.csv"], "are both lists of pairs; give one of each"),
        (["--latency"], "--without reads saved scores"),
        (["--tta", "none"], "--without reads saved scores"),
    ],
)
def test_what_cannot_be_selected_is_one_line(finished, command, tmp_path, more, told):
    pairs(tmp_path / "pairs.csv", pair("test", "a", "train", "b"))
    refused(command("kerascifar.evaluate", finished[0].folder, "--without", "pairs.csv", *more), told)


def test_a_run_that_left_images_out_is_selected_from(finished, tmp_path, command):
    config, data = finished
    checksums = [[c.hex() for c in split.image_checksums()] for split in (data.test, data.train)]
    path = pairs(tmp_path / "pairs.csv", pair("test", checksums[0][3], "train", checksums[1][4]))
    left = configure(arch=config.arch, dataset=config.dataset, exclude=str(path), runs=str(tmp_path / "runs"))
    folder = left.folder
    run(left)
    done = command("kerascifar.evaluate", folder, "--without", path)
    assert done.returncode == 0, done.stderr
    assert "near-duplicates alone" in done.stdout
    assert "as in result.json" in command("kerascifar.evaluate", folder).stdout
