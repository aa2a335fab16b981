"""A run is what was asked for and the data it was given: nothing of one data set is shown or continued as another's."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from kerascifar import run as runs
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.core.provenance import PARENT, Provenance
from kerascifar.data.datasets import contents_are_fixed
from kerascifar.run import restore, run
from kerascifar.training import checkpoint

NET = {"arch": "lenet", "epochs": 3, "batch_size": 8}
SCRATCH = {"arch": "scratch_fc3", "widths": (4,), "epochs": 3, "batch_size": 8}
OTHER_IMAGES = r"other data than this: its SHA-256 of the train images was \w{12}…, is \w{12}…"
OTHER_CLASSES = "other data than this: its classes were aa, bb, are cc, dd"


@pytest.fixture
def asked(class_folders, tmp_path, monkeypatch):
    """Return the config of a run on a folder; "a", "b" and "c" have other images, "c" has other classes too."""
    monkeypatch.chdir(tmp_path)
    for name, classes, seed in (("a", "ab", 0), ("b", "ab", 1), ("c", "cd", 2)):
        class_folders(tmp_path / name, [letter * 2 for letter in classes], seed)

    def ask(folder, arch="nearest_centroid", **more):
        more = {"dataset": "folder", "data_dir": folder, "validation": 0.25, **more}
        return configure(arch=arch, runs="runs", device="cpu", **more)

    return ask


@pytest.fixture
def killed(monkeypatch):
    """End each training after its first checkpoint, and return what ends it."""

    class Killed(Exception):
        pass

    def train(config):
        from kerascifar.scratch.checkpoint import Checkpoint

        with monkeypatch.context() as patch, pytest.raises(Killed):
            for place in (checkpoint, Checkpoint):

                def saved(*args, save=place.save):
                    save(*args)
                    raise Killed

                patch.setattr(place, "save", saved)
            run(config)
        assert (config.folder / "checkpoint.npz").exists()

    return train


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}


def test_a_finished_run_is_shown_for_its_own_data_only(asked, capsys):
    first = run(asked("a"))
    before = files(asked("a").folder)
    assert asked("a").run_id == asked("b").run_id  # the id is that of what was asked for
    capsys.readouterr()
    assert run(asked("a")) == first
    assert "its result is read back" in capsys.readouterr().out
    for folder, told in (("b", OTHER_IMAGES), ("c", OTHER_CLASSES), ("nowhere", "nowhere")):
        with pytest.raises(InputError, match=told):
            run(asked(folder))
    assert files(asked("a").folder) == before
    assert run(asked("b", again=True)).dataset["sha256"] != first.dataset["sha256"]


def test_a_folder_that_changed_is_another(asked, tmp_path):
    run(asked("a"))
    shutil.copy(tmp_path / "b" / "aa" / "0.png", tmp_path / "a" / "aa" / "0.png")
    with pytest.raises(InputError, match="is a finished run of other data"):
        run(asked("a"))


def test_pictures_of_the_same_sizes_and_times_in_the_place_of_others(asked, tmp_path):
    for folder in "ab":
        for path in (tmp_path / folder).glob("*/*.png"):
            Image.open(path).save(path.with_suffix(".bmp"))
            path.unlink()
            os.utime(path.with_suffix(".bmp"), (0, 0))
    run(asked("a"))
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "b").rename(tmp_path / "a")
    with pytest.raises(InputError, match=OTHER_IMAGES):
        run(asked("a"))


def test_official_data_is_not_read_to_show_a_result(asked, monkeypatch):
    digits = {"dataset": "digits", "data_dir": None}
    first = run(asked("a", **digits))
    monkeypatch.setattr(runs, "load", None)
    assert run(asked("a", **digits)) == first


@pytest.mark.parametrize(
    ("dataset", "given", "notes", "fixed"),
    [
        ("cifar10", {}, {"verified": True}, True),
        ("cifar10", {"unverified": True}, {"verified": True}, False),
        ("cifar100", {}, {"verified": False}, False),
        ("tfds:mnist", {}, {}, False),
        ("tfds:mnist:3.0.1", {}, {"tfds": "mnist/3.0.1"}, False),
        ("cinic10", {}, {}, False),
        ("folder", {"data_dir": "a"}, {}, False),
        ("digits", {}, {}, True),
        ("synthetic:100", {}, {}, True),
        ("synthetic:100", {"exclude": "list:0123456789abcdef"}, {}, False),
    ],
)
def test_what_a_name_alone_tells(dataset, given, notes, fixed):
    assert bool(contents_are_fixed(configure(arch="lenet", dataset=dataset, **given), notes)) is fixed


@pytest.mark.parametrize("name", ["sha256", "classes", "notes"])
@pytest.mark.parametrize("value", [3, [1], {"train": 1}, None])
def test_a_damaged_record_is_one_line(asked, name, value):
    run(asked("a"))
    path = asked("a").folder / "result.json"
    saved = json.loads(path.read_text())
    saved["dataset"][name] = value
    path.write_text(json.dumps(saved))
    if name == "notes":
        assert run(asked("a")).dataset["notes"] == value
    else:
        with pytest.raises(InputError, match=r"corrupt: (what data it had|dataset)"):
            run(asked("a"))


@pytest.mark.parametrize("net", [NET, SCRATCH], ids=["keras", "scratch"])
def test_a_killed_run_goes_on_with_its_own_data_only(asked, killed, net, tmp_path):
    config = asked("a", **net)
    killed(config)
    before = files(config.folder)
    for folder, told in (("b", OTHER_IMAGES), ("c", OTHER_CLASSES)):
        with pytest.raises(InputError, match=f"checkpoint .* was begun on {told}; --again starts anew"):
            run(asked(folder, **net))
    assert files(config.folder) == before
    whole = run(dataclasses.replace(config, runs="whole"))
    assert run(config).metrics == whole.metrics


def test_a_checkpoint_without_a_record_goes_on(asked, killed):
    config = asked("a", **NET)
    killed(config)
    path = config.folder / "checkpoint.npz"
    with np.load(path) as arrays:
        content = dict(arrays)
    progress = json.loads(str(content["progress"]))
    assert Provenance.read(progress.pop("provenance"), "it") == Provenance.of(runs.load(config))
    np.savez(path, **{**content, "progress": np.array(json.dumps(progress))})
    assert [row["epoch"] for row in run(config).history] == [1, 2, 3]


def test_the_first_weights_belong_to_a_run(asked, killed):
    parent, other = (asked(folder, **NET | {"epochs": 1}, name="parent") for folder in "ab")
    run(parent)
    run(dataclasses.replace(other, runs="others"))
    child = asked("a", **NET, init_weights=str(parent.folder))
    killed(child)
    original = (parent.folder / "model.keras").read_bytes()
    shutil.copy(dataclasses.replace(other, runs="others").folder / "model.keras", parent.folder)
    told = r"of the first weights \(--init-weights\) was \w{12}…, is"
    with pytest.raises(InputError, match=f"was begun on .*{told}"):
        run(child)
    (parent.folder / "model.keras").write_bytes(original)
    assert run(child).notes[PARENT] == Provenance.of(runs.load(child), parent.folder / "model.keras").sha256[PARENT]
    shutil.copy(dataclasses.replace(other, runs="others").folder / "model.keras", parent.folder)
    with pytest.raises(InputError, match=f"is a finished run of .*{told}"):
        run(child)


def test_neighbours_are_those_of_the_run(asked):
    config = asked("a", "knn")
    run(config)
    restore(config.folder, data_dir="a")
    with pytest.raises(InputError, match=f"had {OTHER_IMAGES}; name the folder of the same data by --data-dir"):
        restore(config.folder, data_dir="b")
