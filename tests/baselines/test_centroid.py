"""Nearest centroid: by hand, against scikit-learn, and with every distance."""

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid as TheirCentroid

from kerascifar.baselines import centroid, memory
from kerascifar.baselines.centroid import NearestCentroid
from kerascifar.baselines.distances import DISTANCES
from kerascifar.baselines.images import Images
from kerascifar.core.errors import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (60, 8, 9, 3), dtype=np.uint8), RNG.integers(0, 4, 60)


def test_by_hand():
    # Class 3: mean of (0, 0) and (2, 4) is (1, 2). Class 5: (7, 2). (4, 2) is 3 from both: the lower class wins.
    model = NearestCentroid().fit(np.array([[0, 0], [2, 4], [7, 2]]), np.array([3, 3, 5]))
    assert model.centroids_.tolist() == [[1, 2], [7, 2]]
    assert model.predict(np.array([[4, 2], [5, 2], [1, 3]])).tolist() == [3, 5, 3]
    np.testing.assert_allclose(model.distances(np.array([[1, 5]])), [[3, 45**0.5]])  # 6 x 6 + 3 x 3
    assert model.predict_proba(np.array([[5, 2]])).tolist() == [[0, 1]]


def test_agrees_with_scikit_learn():
    flat = X.reshape(60, -1).astype(float)
    queries = RNG.normal(128, 50, (40, flat.shape[1]))
    ours, theirs = NearestCentroid().fit(flat, Y), TheirCentroid().fit(flat, Y)
    np.testing.assert_allclose(ours.centroids_, theirs.centroids_)
    np.testing.assert_array_equal(ours.predict(queries), theirs.predict(queries))


@pytest.mark.parametrize("name", DISTANCES)
def test_every_distance_takes_the_nearest(name, monkeypatch):
    images = Images(X, np.float64(120), np.float64(60))
    model = NearestCentroid(name, n_jobs=3).fit(images, Y)
    full = DISTANCES[name].between(images, slice(None), Images(model.centroids_), slice(None))
    np.testing.assert_allclose(model.centroids_[1], images[:][Y == 1].mean(0))
    np.testing.assert_array_equal(model.distances(images), full)
    np.testing.assert_array_equal(model.predict(images), full.argmin(1))
    monkeypatch.setattr(centroid, "block_sizes", lambda *_: memory.BlockSizes(1, 7))  # 60 is no multiple of 7
    np.testing.assert_array_equal(model.distances(images), full)


def test_bad_input():
    with pytest.raises(InputError, match="unknown --distance 'manhattan'"):
        NearestCentroid("manhattan").fit(X, Y)
    with pytest.raises(InputError, match="--memory: 9 bytes are too few"):
        NearestCentroid(memory=9).fit(X, Y).predict(X)
    with pytest.raises(InputError, match=r"of shape \(8, 9, 3\)"):
        NearestCentroid().fit(X, Y).predict(X[:, :7])
