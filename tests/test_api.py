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
