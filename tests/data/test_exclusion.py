"""--exclude leaves images out by their pixels: what is left is a data set that never held them."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerascifar import results
from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.data import exclusion
from kerascifar.data.datasets import load
from kerascifar.data.sources.arrays import hold
from kerascifar.run import load_again, read_run, restore, run
from tests.answers import refused
from tests.audit_rows import label, labels, pair, pairs, sha

CLASSES = ("a", "b")


def noise(count, seed, side=16):
    images = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)
    return Split(images, np.arange(count) % 2)


def hexes(split):
    return [checksum.hex() for checksum in split.image_checksums()]


def joined(*splits):
    return Split(np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits]))


def at(split, *places):
    return Split(split.images[list(places)], split.labels[list(places)])


def test_what_is_left_is_what_the_list_does_not_name(tmp_path):
    train, validation, test = noise(8, 0), noise(4, 1), noise(3, 2)
    data = Dataset("x", CLASSES, joined(train, at(train, 2), at(test, 0)), joined(validation, at(train, 5)), test)
    path = pairs(
        tmp_path / "pairs.csv",
        pair("train", hexes(train)[2], "train", hexes(train)[2], "same pixels", 2, 8),
        pair("test", hexes(test)[0], "train", hexes(test)[0], "same pixels", 0, 9),
        pair("test", hexes(test)[1], "train", hexes(train)[5], "near-duplicate", 1, 5),
        pair("test", hexes(test)[1], "train", hexes(train)[6], "similar", 1, 6),
        pair("validation", hexes(validation)[0], "validation", hexes(validation)[3], "near-duplicate", 0, 3),
    )
    left = exclusion.leave_out(data, str(path))
    assert hexes(left.train) == hexes(at(train, 0, 1, 2, 3, 4, 6, 7))
    assert left.train.labels.tolist() == [0, 1, 0, 1, 0, 0, 1]
    assert hexes(left.validation) == hexes(at(validation, 0, 1, 2))
    assert left.test is data.test
    assert left.notes == {"excluded": {"images": 5, "near-duplicate": 3, "same pixels": 2}}


def test_the_copy_that_stays_is_the_validation_image(tmp_path):
    train, own = noise(4, 0), noise(2, 1)
    data = Dataset("x", CLASSES, joined(train, at(own, 1)), own, noise(2, 2))
    left = exclusion.leave_out(data, str(pairs(tmp_path / "p", pair("validation", hexes(own)[1], "train", hexes(own)[1],
                                                          "same pixels", 1, 4))))  # fmt: skip
    assert (hexes(left.train), hexes(left.validation)) == (hexes(train), hexes(own))


def test_of_the_same_pixels_only_the_suspect_label_goes(tmp_path, capsys):
    train = noise(6, 0)
    train.labels[5] = 1 - train.labels[0]
    train.images[5] = train.images[0]
    path = tmp_path / "labels.csv"
    path.write_text(f"split,index,sha256,suspect,given\ntrain,5,{hexes(train)[5]},yes,{CLASSES[train.labels[5]]}\n")
    left = exclusion.leave_out(Dataset("x", CLASSES, train, None, noise(2, 1)), str(path))
    assert left.train.labels.tolist() == train.labels[:5].tolist()
    assert capsys.readouterr().err == ""
    many = labels(tmp_path / "many.csv", *(label("train", name) for name in hexes(train)[:4]))
    exclusion.leave_out(Dataset("x", CLASSES, train, None, noise(2, 1)), str(many))
    assert "leaves out 5 of 6 training and validation images: is that what the audit meant?" in capsys.readouterr().err


def test_the_places_in_a_list_mean_nothing(tmp_path):
    """The same list serves a copy of the data set in another order."""
    train, test = noise(30, 0), noise(5, 1)
    path = labels(tmp_path / "labels.csv", *(label("train", hexes(train)[i], index=99 - i) for i in (3, 4, 20)))
    order = np.random.default_rng(2).permutation(30)
    one, other = (
        exclusion.leave_out(Dataset("x", CLASSES, t, None, test), str(path)) for t in (train, at(train, *order))
    )
    assert len(one.train) == 27
    assert set(hexes(one.train)) == set(hexes(other.train)) == set(hexes(train)) - {hexes(train)[i] for i in (3, 4, 20)}


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
    st.lists(st.integers(0, 5), max_size=12),
    st.dictionaries(st.integers(0, 7), st.integers(0, 1), min_size=1),
)
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_images_taken_one_by_one(tmp_path_factory, train, own, named):
    """Images are numbers; `named` tells of some how many copies stay."""
    kinds = noise(8, 5)
    test = at(kinds, *range(8))
    splits = [at(kinds, *numbers) for numbers in (own, train)]
    path = tmp_path_factory.mktemp("lists") / "excluded.csv"
    path.write_text("sha256,kept,why\n" + "".join(f"{hexes(kinds)[n]},{k},same pixels\n" for n, k in named.items()))
    left, gone, budget = [], 0, dict(named)
    for numbers in (own, train):
        left.append([])
        for number in numbers:
            if budget.get(number, 1) > 0:
                left[-1].append(number)
            else:
                gone += 1
            if number in budget:
                budget[number] -= 1
    data = Dataset("x", CLASSES, splits[1], splits[0] if own else None, test)
    if not gone or not left[1] or (own and not left[0]):
        with pytest.raises(InputError, match=r"leaves out (none|all)"):
            exclusion.leave_out(data, str(path))
        return
    found = exclusion.leave_out(data, str(path))
    assert hexes(found.train) == hexes(at(kinds, *left[1]))
    assert not own or hexes(found.validation) == hexes(at(kinds, *left[0]))
    assert found.test is test
    assert found.notes["excluded"]["images"] == gone


@pytest.mark.parametrize("arch", ["nearest_centroid", "scratch_fc3", "origin_net"])
def test_it_is_a_run_on_the_data_set_without_those_images(tmp_path, arch):
    train, test = noise(120, 0, 32), noise(30, 1, 32)
    gone = np.random.default_rng(3).choice(120, 17, replace=False)
    path = labels(tmp_path / "labels.csv", *(label("train", hexes(train)[i]) for i in gone))
    whole, cleaned = (
        hold({"train": (split.images, split.labels), "test": (test.images, test.labels)}, CLASSES)
        for split in (train, at(train, *np.setdiff1d(np.arange(120), gone)))
    )
    asked = {"arch": arch, "validation": 0.2, "train_limit": 90, "device": "cpu", "runs": str(tmp_path)}
    asked |= {} if arch == "nearest_centroid" else {"epochs": 2, "batch_size": 16}
    config = exclusion.hold(configure(**asked, dataset=whole, exclude=str(path)))
    one, other = run(config), run(configure(**asked, dataset=cleaned))
    assert one.dataset["sha256"] == other.dataset["sha256"]
    assert one.metrics == other.metrics

    def plain(history):
        return [
            {name: value for name, value in row.items() if name not in ("seconds", "cpu_seconds")} for row in history
        ]

    assert plain(one.history) == plain(other.history)
    assert one.dataset["notes"]["excluded"] == {"images": 17, "suspect label": 17}
    # The run needs the audit's list no more, and is the same wherever the list lies.
    moved = path.rename(tmp_path / "elsewhere")
    assert run(configure(**asked, dataset=whole, exclude=str(moved))) == one
    moved.unlink()
    restored, result = read_run(config.folder)
    assert restored.run_id == config.folder.name
    assert len(load_again(restored, result).train) == 72
    restore(config.folder)
    (config.folder / results.EXCLUDED).write_text(f"sha256,kept,why\n{sha('other')},0,same pixels\n")
    with pytest.raises(InputError, match="is corrupt: it leaves out list:"):
        read_run(config.folder)


GIVEN = {"arch": "nearest_centroid", "dataset": "synthetic:60", "validation": 0.1}


@pytest.fixture
def suspects(tmp_path):
    """Write a list of some training images of GIVEN."""
    checksums = hexes(load(configure(**GIVEN | {"validation": 0})).train)

    def write(*places):
        return str(labels(tmp_path / "labels.csv", *(label("train", checksums[i]) for i in places)))

    return write


def test_another_list_is_another_run(tmp_path, suspects, capsys):
    asked = GIVEN | {"runs": str(tmp_path / "runs")}
    plain = run(configure(**asked))
    first = run(configure(**asked, exclude=suspects(1, 2)))
    assert "2 training or validation images are left out: 2 suspect label\n" in capsys.readouterr().out
    second = run(configure(**asked, exclude=suspects(1, 2, 3)))
    assert len({plain.run_id, first.run_id, second.run_id}) == 3
    assert (first.dataset["images"]["train"], second.dataset["images"]["train"]) == (52, 51)
    assert run(configure(**asked, exclude=suspects(2, 1))) == first
    assert plain.run_id == configure(**GIVEN).run_id
    assert json.loads((tmp_path / "runs" / "nearest_centroid" / first.run_id / "result.json").read_text())["config"][
        "exclude"
    ].startswith("list:")


def test_a_result_of_the_list_but_of_other_images_is_not_read_back(tmp_path, class_folders, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 0), ("b", 1)):
        class_folders(tmp_path / name / "train", seed=seed)
        class_folders(tmp_path / name / "test", seed=2)
    shutil.copy(tmp_path / "a/train/aa/0.png", tmp_path / "b/train/aa/x.png")  # what the list names lies in both
    asked = {"arch": "nearest_centroid", "dataset": "folder", "validation": 0, "runs": "runs"}
    (name,) = hexes(Split(np.asarray(Image.open("b/train/aa/x.png"))[None], np.zeros(1)))
    one, other = (
        configure(**asked, data_dir=d, exclude=str(labels(tmp_path / "l", label("train", name)))) for d in "ab"
    )
    run(one)
    assert one.run_id == other.run_id
    with pytest.raises(InputError, match="other data than this: its SHA-256 of the train images was"):
        run(other)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([label("train", "stranger")], "leaves out none of the 60 training and validation images of synthetic:60"),
        ([label("test", "stranger")], "none of its 1 rows leaves an image out"),
        ([label("trian", "stranger")], "line 2: column split: found 'trian'; expected one of train, validation, test"),
    ],
)
def test_what_cannot_be_left_out_is_one_line(tmp_path, command, rows, told):
    path = labels(tmp_path / "labels.csv", *rows)
    refused(command("kerascifar.train", "--arch", "knn", "--dataset", "synthetic:60", "--exclude", path), told)
    assert not (tmp_path / "saved_models").exists()


def test_a_list_of_all_images_is_refused(suspects):
    with pytest.raises(InputError, match="leaves out all 60 train images of synthetic:60"):
        load(configure(**GIVEN, exclude=suspects(*range(60))))
    with pytest.raises(InputError, match="--exclude: there is no file"):
        configure(**GIVEN, exclude="nowhere.csv")


def test_the_list_may_go_while_a_run_trains(tmp_path, suspects, monkeypatch):
    from kerascifar import run as runs

    path = suspects(1, 2)

    def load_and_lose(config):
        data = load(config)
        (tmp_path / "labels.csv").unlink()
        return data

    monkeypatch.setattr(runs, "load", load_and_lose)
    result = run(configure(**GIVEN, exclude=path, runs=str(tmp_path / "runs")))
    assert result.dataset["notes"]["excluded"]["images"] == 2


@pytest.mark.slow
def test_what_cifar100_has_in_both_splits_can_be_left_out(tmp_path, real_data):
    asked = {"arch": "knn", "dataset": "cifar100", "data_dir": str(real_data)}
    whole = load(configure(**asked))
    train = {image.tobytes(): i for i, image in enumerate(whole.train.images)}
    both = [(i, train[image.tobytes()]) for i, image in enumerate(whole.test.images) if image.tobytes() in train]
    tests, trains = hexes(whole.test), hexes(whole.train)
    path = pairs(tmp_path / "pairs.csv", *(pair("test", tests[i], "train", trains[j], "same pixels") for i, j in both))
    left = load(configure(**asked, exclude=str(path)))
    assert (whole.overlap(), left.overlap()) == (10, 0)
    assert len(left.train) <= 49_990
    assert left.test.checksum == whole.test.checksum
