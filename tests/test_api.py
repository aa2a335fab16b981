"""kerascifar as a library: fit, load, predict, evaluate, list_runs; the import is quick and quiet."""

import json
import subprocess
import sys

import numpy as np
import pytest

import kerascifar as kc
from kerascifar.core.errors import InputError


def own():
    """Twenty dark and twenty bright images: nearest centroid tells them apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    return (rng.integers(0, 100, (40, 8, 8, 3)) + 150 * labels[:, None, None, None]).astype(np.uint8), labels


@pytest.fixture
def net(tmp_path):
    return kc.fit(arch="nearest_centroid", data=own(), classes=["dark", "bright"], runs=str(tmp_path / "runs"))


def test_own_arrays_are_fitted_labelled_and_scored(net):
    assert net.classes == ["dark", "bright"]
    assert net.label(np.full((8, 8, 3), 250, np.uint8)) == ["bright"]
    assert net.predict(own()[0]).shape == (40, 2)
    assert net.evaluate()["accuracy"] == net.result.accuracy == 1.0
    assert net.evaluate(*own())["images"] == 40
    assert repr(net).startswith("<Net nearest_centroid on arrays:")


def test_other_pixels_are_another_run_and_the_same_ones_are_read_back(net, tmp_path):
    (images, labels), how = own(), {"classes": ["dark", "bright"], "runs": str(tmp_path / "runs")}
    again = kc.fit(net.config, data=(images, labels), **how)
    assert again.folder == net.folder
    other = kc.fit(net.config, data=(255 - images, labels), **how)
    assert other.folder != net.folder
    rows = kc.list_runs(tmp_path)
    assert {row["run"] for row in rows} == {net.folder.as_posix(), other.folder.as_posix()}
    assert {row["test_accuracy"] for row in rows} == {1.0}
    json.dumps(rows)


def test_a_run_is_loaded_by_its_folder_or_the_one_above(net):
    assert kc.load(net.folder).result == kc.load(net.folder.parent).result == net.result


def test_arrays_that_change_afterwards_are_not_scored_as_the_data_of_the_run(tmp_path):
    (images, labels), runs = own(), str(tmp_path)
    net = kc.fit(
        arch="nearest_centroid", data={"train": own(), "test": (images, labels)}, runs=runs, allow_overlap=True
    )
    images[:] = 255 - images
    assert net.evaluate()["accuracy"] == net.result.accuracy == 1.0


def test_a_class_name_that_no_file_can_hold_is_escaped(tmp_path):
    net = kc.fit(arch="nearest_centroid", data=own(), classes=["\ud800", "a\nb"], runs=str(tmp_path))
    assert net.classes == [r"\ud800", r"a\nb"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((own()[0],), "data: train must be a pair"),
        (own()[0], "data: train must be a pair"),
        ({"train": None}, "data: train must be a pair"),
        (([[1], [1, 2]], own()[1]), "data: train must be a pair"),
        ((own()[0] / 255, own()[1]), r"images must be uint8 \(N, side, side, 3\), got float64"),
        ((own()[0], own()[1] * 10**12), "at most 2048"),
        ((own()[0][:0], own()[1][:0]), "holds no images"),
        ({"train": own(), 3: own()}, "expected .* by split"),
    ],
)
def test_arrays_of_another_kind_are_refused(data, told, tmp_path):
    with pytest.raises(InputError, match=told):
        kc.fit(arch="nearest_centroid", data=data, runs=str(tmp_path))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda net: net.evaluate(labels=own()[1]), "those are missing"),
        (lambda net: net.evaluate(own()[0]), "labels must be whole numbers"),
        (lambda net: net.evaluate(own()[0], own()[1][:3]), "labels must be whole numbers"),
        (lambda net: net.evaluate(own()[0], own()[1] + 7), "the label of image 0 is 7"),
        (lambda net: net.predict([own()[0]]), "expected an array, or files"),
        (lambda net: net.predict(None), "expected an array, or files"),
        (lambda net: net.predict(own()[0][:0]), r"got uint8 \(0, 8, 8, 3\)"),
        (lambda net: kc.fit("lenet"), "its one argument is a config"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(net, call, told):
    with pytest.raises(InputError, match=told) as refused:
        call(net)
    assert "\n" not in str(refused.value)


def test_vote_shares_have_no_nll(tmp_path):
    net = kc.fit(arch="knn", data=own(), runs=str(tmp_path))
    assert net.evaluate() == net.result.metrics["test"]
    assert "nll" not in net.evaluate(*own())


def test_labels_of_one_class_are_refused(tmp_path):
    images, labels = own()
    with pytest.raises(InputError, match="all labels are 0; at least two classes are needed"):
        kc.fit(arch="nearest_centroid", data=(images, 0 * labels), runs=str(tmp_path))


def test_two_classes_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="two classes or more are called 'a'"):
        kc.fit(arch="nearest_centroid", data=own(), classes=["a", "a"], runs=str(tmp_path))


@pytest.mark.slow
def test_a_shipped_net_is_loaded_by_its_name():
    assert kc.load("tiny36k").label("docs/pictures/frog.png") == ["frog"]


def test_what_cannot_be_used_is_refused(net):
    with pytest.raises(InputError, match=r"expected uint8 \(N, \*\(8, 8, 3\)\), got uint8 \(2, 9, 9, 3\)"):
        net.predict(np.zeros((2, 9, 9, 3), np.uint8))
    with pytest.raises(InputError, match=r"data=\(images, labels\) is missing"):
        kc.fit(arch="nearest_centroid", classes=["a"])
    with pytest.raises(InputError, match="is not a folder"):
        kc.load("no_such_net")
    (net.folder / "result.json").write_text("{")
    with pytest.raises(InputError, match=r"result\.json"):
        kc.list_runs(net.folder)


def test_the_import_is_quick_and_quiet():
    code = "import sys, kerascifar as kc; assert 'fit' in dir(kc); print(sorted({'numpy', 'keras'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
