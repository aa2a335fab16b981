"""The engine: from a RunConfig to scores, as published and corrected, and on from finished chunks after a kill."""

import re

import numpy as np
import pytest

from kerascifar.baselines import VARIANTS, chunks, search
from kerascifar.baselines.centroid import NearestCentroid
from kerascifar.baselines.distances import DISTANCES
from kerascifar.baselines.engine import restore
from kerascifar.baselines.fit import fit
from kerascifar.baselines.images import Images
from kerascifar.baselines.neighbors import KNeighbors
from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.data.normalization import statistics
from kerascifar.data.pixel_order import planar_as_hwc

CLASSES = tuple("abcd")


def split(seed, n, brightness=128):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)  # class 3 never occurs
    images = rng.normal(brightness, 40, (n, 8, 8, 3)) + 15 * labels[:, None, None, None]
    return Split(np.clip(images, 0, 255).astype(np.uint8), labels)


DATA = Dataset("made", CLASSES, split(0, 80), None, split(1, 30, brightness=100))


def fitted(folder=None, arch="knn", data=DATA, **fields):
    config = configure(arch=arch, **fields)
    return fit(config, VARIANTS[arch], data, folder)


def expected(train, test, k=1, ties="lowest", distance="euclidean"):
    return KNeighbors(k, distance, ties).fit(train, DATA.train.labels).predict(test)


def test_normalised_by_the_training_statistics_or_by_each_splits_own():
    train, test = DATA.train.images, DATA.test.images
    by_train, by_test = statistics("zscore", train), statistics("zscore", test)
    scores = {s: fitted(normalize="zscore", statistics=s).score(test, "test").argmax(1) for s in ("train", "own")}
    np.testing.assert_array_equal(scores["train"], expected(Images(train, *by_train), Images(test, *by_train)))
    np.testing.assert_array_equal(scores["own"], expected(Images(train, *by_train), Images(test, *by_test)))
    assert (scores["train"] != scores["own"]).any()


def test_scores_are_vote_shares_of_all_classes():
    scores = fitted(k=3).score(DATA.test.images, "test")
    assert scores.shape == (30, 4)
    assert scores.dtype == np.float32
    assert (scores[:, 3] == 0).all()
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
    assert set(np.rint(scores * 3).ravel()) == {0, 1, 2, 3}
    assert not fitted(k=3).probabilities


@pytest.mark.parametrize("ties", ["lowest", "nearest", "sum"])
def test_the_highest_score_is_the_rules_winner(ties):
    scores = fitted(k=4, ties=ties).score(DATA.test.images, "test")
    winners = expected(DATA.train.images, DATA.test.images, 4, ties)
    np.testing.assert_array_equal(scores.argmax(1), winners)
    assert (np.sort(scores)[:, -1] - np.sort(scores)[:, -2] < 1e-6).any()  # there were ties to break


def test_scrambled_pixels_matter_to_ssim_alone():
    train, test = DATA.train.images, DATA.test.images
    # Planar bytes: the first three of a row of (H, W, C) are the first three reds.
    assert planar_as_hwc(train)[0, 0, 0].tolist() == train[0, 0, :3, 0].tolist()
    for pixels in ("planar", "planar_queries"):
        first = train if pixels == "planar_queries" else planar_as_hwc(train)
        winners = expected(first, planar_as_hwc(test), distance="ssim")
        scores = fitted(distance="ssim", pixels=pixels).score(test, "test")
        np.testing.assert_array_equal(scores.argmax(1), winners)
    same = [fitted(pixels=p).score(test, "test") for p in ("hwc", "planar")]
    np.testing.assert_array_equal(*same)


def test_full_data_range_is_that_of_all_pixels():
    train = Images(DATA.train.images, np.float64(120), np.float64(60))
    assert train.full_range == pytest.approx(255 / 60)
    model = KNeighbors(distance="ssim", data_range=255.0).fit(DATA.train.images, DATA.train.labels)
    scores = fitted(distance="ssim", data_range="full").score(DATA.test.images, "test")
    np.testing.assert_array_equal(scores.argmax(1), model.predict(DATA.test.images))
    with pytest.raises(InputError, match="--data-range applies to ssim, not to l1"):
        fitted(distance="l1", data_range="full")


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "ssim"])
def test_nearest_centroid_scores(distance):
    scores = fitted(arch="nearest_centroid", distance=distance, normalize="minmax").score(DATA.test.images, "test")
    train, test = (Images(x, *statistics("minmax", DATA.train.images)) for x in (DATA.train.images, DATA.test.images))
    labels = NearestCentroid(distance).fit(train, DATA.train.labels).predict(test)
    np.testing.assert_array_equal(scores, np.eye(4, dtype=np.float32)[labels])


def test_a_killed_search_goes_on_and_leaves_no_chunks(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    searched = []
    model = KNeighbors(k=2).fit(DATA.train.images, DATA.train.labels)
    nearest = model.search_.nearest

    def counted(images, *rest):
        searched.append(len(images))
        if len(searched) == 3:
            raise Killed
        return nearest(images, *rest)

    monkeypatch.setattr(model.search_, "nearest", counted)
    queries = Images(DATA.test.images)
    with pytest.raises(Killed):
        chunks.neighbors_in_chunks(model, queries, tmp_path, {"run": 1}, chunk=8)
    assert len(list(tmp_path.glob("chunk-*.npz"))) == 2
    again = chunks.neighbors_in_chunks(model, queries, tmp_path, {"run": 1}, chunk=8)
    assert searched == [8, 8, 8, 8, 6]  # the two finished chunks were not searched again; 30 = 3 x 8 + 6
    for a, b in zip(again, nearest(queries, 2), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("harm", ["other", "cut", "shape", "index", "empty"])
def test_chunks_of_another_run_or_broken_ones_are_not_used(harm, tmp_path):
    model = KNeighbors().fit(DATA.train.images, DATA.train.labels)
    queries, identity = Images(DATA.test.images), {"run": 1}
    expected_neighbors = chunks.neighbors_in_chunks(model, queries, None, identity)
    written = {}

    def write(path, fingerprint, neighbors):
        distances, indices = neighbors
        if harm == "index":
            indices = indices + 10**6
        if harm == "shape":
            distances, indices = distances[:-1], indices[:-1]
        arrays = {"distances": distances, "indices": indices, "fingerprint": np.array(fingerprint)}
        if harm == "other":
            arrays = {**arrays, "fingerprint": np.array("0" * 64), "indices": np.zeros_like(indices)}
        np.savez(path, **arrays)
        if harm in ("cut", "empty"):
            path.write_bytes(path.read_bytes()[: 100 if harm == "cut" else 0])
        written[path] = path.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "_write", write)
        chunks.neighbors_in_chunks(model, queries, tmp_path, identity)
    for path, content in written.items():
        path.write_bytes(content)
    again = chunks.neighbors_in_chunks(model, queries, tmp_path, identity)
    np.testing.assert_array_equal(again[1], expected_neighbors[1])


def test_restored_from_the_training_images():
    config = configure(arch="knn", k=3, normalize="zscore")
    scores = fitted(k=3, normalize="zscore").score(DATA.test.images, "test")
    again = restore(config, VARIANTS["knn"], None, lambda: DATA)(DATA.test.images, "test")
    np.testing.assert_array_equal(scores, again)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"distance": "manhattan"}, "unknown --distance"),
        ({"k": 81}, "from 1 to the 80 training images, got 81"),
        ({"memory": "lots"}, "--memory"),
    ],
)
def test_bad_configs(fields, message):
    with pytest.raises(InputError, match=message):
        fitted(**fields)


def test_neither_keras_nor_numba_is_imported_to_list_the_rows():
    import subprocess
    import sys

    code = "import sys, kerascifar.baselines; print({'keras', 'tensorflow', 'numba', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("distance", ["l1", "ssim"])
def test_without_numba_a_line_says_how_long_it_takes(distance, monkeypatch, capsys):
    whole = fitted(distance=distance).score(DATA.test.images, "test")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(search, "numba_installed", lambda: False)
    np.testing.assert_array_equal(fitted(distance=distance).score(DATA.test.images, "test"), whole)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"numba is not installed (python -m pip install numba), so {distance} neighbours are searched "
    )
    assert re.search(r": about \d+ s for 30 images among 80$", line)
    fitted(distance="euclidean").score(DATA.test.images, "test")
    assert capsys.readouterr().err == ""


def test_a_long_search_is_told_in_minutes(monkeypatch):
    monkeypatch.setattr(search, "numba_installed", lambda: False)
    ticks = iter([0.0, 8.0])
    monkeypatch.setattr(search.time, "perf_counter", lambda: next(ticks))
    images = Images(DATA.train.images)
    line = search.slowness(DISTANCES["l1"], images, images, threads=2)  # 80 pairs in 8 s, 6,400 by two threads
    assert line.endswith("about 5 minutes for 80 images among 80")
