"""The command: a folder of pictures with planted faults, from files to lists and page."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from kerascifar.audit import main
from kerascifar.auditing import calibration
from kerascifar.auditing.audit import _alike
from kerascifar.auditing.findings import Pair
from kerascifar.auditing.oddities import find_oddities
from kerascifar.configure import configure
from kerascifar.core.contracts import Split, Whole
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load_whole
from tests.auditing.drawn import pictures

CLASSES = ("blue", "green", "red")


@pytest.fixture(autouse=True)
def few_copies(monkeypatch):
    """What most of the time goes to is tested in test_duplicates.py."""
    monkeypatch.setattr(calibration, "COPIES", 10)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder of 180 pictures, with a blank one, a long one and four copies across its splits."""
    root = tmp_path_factory.mktemp("pictures")
    copies = []
    for number, image in enumerate(pictures(180, side=40)):
        kind, split = CLASSES[number % 3], "test" if number % 4 == 0 else "train"
        folder = root / split / kind
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:03}.png")
        if number in (4, 24, 44, 64):
            copy = root / "train" / kind / f"{number:03}-copy.jpg"
            moved = np.pad(image, ((2, 0), (0, 3), (0, 0)), mode="edge")[:40, 3:]
            Image.fromarray(np.round(20 + 0.8 * moved).astype(np.uint8)).save(copy, quality=90)
            copies.append((folder / f"{number:03}.png", copy))
    Image.new("RGB", (40, 40), (200, 10, 10)).save(root / "train" / "green" / "blank.png")
    Image.new("RGB", (10, 90), (200, 10, 10)).save(root / "train" / "green" / "long.png")
    return root, copies


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_audited_with_the_names_of_its_files(planted, tmp_path, capsys):
    root, copies = planted
    main(["--dataset", "folder", "--data-dir", str(root), "--out", str(tmp_path / "out"), "--folds", "0"])
    assert "look at" in capsys.readouterr().out
    listed = {(row["a_file"], row["b_file"]): row for row in rows(tmp_path / "out" / "pairs.csv")}
    near = {pair for pair, row in listed.items() if row["a_split"] != row["b_split"] and row["verdict"] != "similar"}
    assert near <= {(str(a), str(b)) for a, b in copies}
    assert len(near) >= 3
    across = [listed[pair] for pair in near]
    whole = load_whole(configure(dataset="folder", data_dir=str(root)))
    for row in across:
        split = whole.splits[row["b_split"]]
        assert split.image_checksums()[int(row["b_index"])].hex() == row["b_sha256"]
    summary = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert {one["file"].rpartition("/")[2] for one in summary["oddities"]} == {"blank.png", "long.png"}
    assert not (tmp_path / "out" / "labels.csv").exists()  # labels were not looked at


def test_labels_of_an_earlier_audit_are_not_left_beside_the_pairs(planted, tmp_path):
    root, _ = planted
    line = ["--dataset", "folder", "--data-dir", str(root), "--out", str(tmp_path)]
    main([*line, "--folds", "2"])
    assert (tmp_path / "labels.csv").exists()
    main([*line, "--folds", "0"])
    assert (tmp_path / "pairs.csv").exists()
    assert not (tmp_path / "labels.csv").exists()


def test_the_same_audit_gives_the_same_files(planted, tmp_path):
    root, _ = planted
    line = ["--dataset", "folder", "--data-dir", str(root), "--folds", "0", "--threads", "1"]
    main([*line, "--out", str(tmp_path / "a")])
    main([*line, "--out", str(tmp_path / "b")])
    for name in ("pairs.csv", "audit.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_oddities_say_what_is_odd(planted):
    whole = load_whole(configure(dataset="folder", data_dir=str(planted[0])))
    found = {oddity.file.rpartition("/")[2]: [] for oddity in find_oddities(whole)}
    for oddity in find_oddities(whole):
        found[oddity.file.rpartition("/")[2]].append(oddity.what)
    assert found["blank.png"] == ["a single colour"]
    assert found["long.png"] == ["a single colour", "10x90 pixels, less than 16 on a side"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--folds", "1"), "--folds: expected 0 or at least 2, got 1"),
        (("--folds", "-3"), "--folds: expected 0 or at least 2, got -3"),
        (("--folds", "9999999"), "--folds 9999999: there are 1,438 training images"),
        (("--scores-of", "saved_models/tiny36k"), "its classes are not those of the data set"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_left(flags, message, tmp_path):
    with pytest.raises(InputError, match=message):
        main(["--dataset", "digits", "--out", str(tmp_path / "out"), *flags])
    assert not (tmp_path / "out").exists()


def test_where_many_pictures_resemble_each_other_it_says_that_this_tells_little():
    images = np.zeros((10, 8, 8, 3), np.uint8)
    whole = Whole(("a",), {name: Split(images, np.zeros(10, int)) for name in ("train", "test")})

    def pair(b, verdict="near-duplicate"):
        return Pair("test", 0, "train", b, 0.2, verdict, 0, 0, 1, False, 1, 0, "a", "a", "c", "d")

    assert _alike(whole, [pair(0), pair(1), pair(1), pair(2, "similar"), pair(3, "same pixels")]) == ""
    told = _alike(whole, [pair(0), pair(1), pair(2)])
    assert told.startswith("3 of 10 train images resemble another so much")


def test_an_unset_variable_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="argument --out: expected a value, got ''"):
        main(["--dataset", "digits", "--out", ""])
    assert not list(tmp_path.iterdir())
