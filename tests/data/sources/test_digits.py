import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from kerascifar.config import RunConfig
from kerascifar.data.sources import digits


def test_digits_are_all_there_in_both_parts():
    dataset = digits.read(RunConfig(dataset="digits"))
    assert dataset.train.images.shape[1:] == dataset.test.images.shape[1:] == (32, 32, 3)
    assert dataset.train.images.dtype == np.uint8
    assert len(dataset.train) + len(dataset.test) == 1797
    assert dataset.classes == tuple("0123456789")
    labels = load_digits().target
    both = np.bincount(dataset.train.labels) + np.bincount(dataset.test.labels)
    np.testing.assert_array_equal(both, np.bincount(labels))
    np.testing.assert_allclose(np.bincount(dataset.test.labels), 0.2 * np.bincount(labels), atol=1)


def test_the_split_is_the_same_for_every_seed():
    one, two = (digits.read(RunConfig(dataset="digits", seed=seed)) for seed in (0, 1))
    assert one.test.checksum == two.test.checksum


def test_shrunk_again_they_are_the_originals():
    dataset = digits.read(RunConfig(dataset="digits"))
    blocks = dataset.train.images[..., 0].reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(-1, 64) * 16 / 255
    originals = load_digits()
    kept = NearestNeighbors(n_neighbors=1).fit(originals.images.reshape(-1, 64)).kneighbors(blocks)
    assert np.median(kept[0]) < 12  # of at most 8 * 16 = 128; enlarging smooths and clips a little
    # Each is nearest to one of its own; a pair of near twins may meet.
    assert len(set(kept[1].ravel().tolist())) >= len(dataset.train) - 3
    np.testing.assert_array_equal(originals.target[kept[1].ravel()], dataset.train.labels)
