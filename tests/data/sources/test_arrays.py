"""Arrays of one's own: a name that follows from the pixels, a fixed test split, clear refusals."""

import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.data.sources import arrays


def own(count=40, side=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8), np.arange(count) % 4


def test_the_name_follows_from_images_labels_and_classes():
    images, labels = own()
    name = arrays.hold((images, labels))
    assert arrays.hold((images.copy(), labels.astype(np.uint8))) == name
    assert arrays.hold((images, labels), classes="abcd") != name
    assert arrays.hold((images, labels[::-1])) != name
    assert arrays.hold((255 - images, labels)) != name


def test_a_fifth_is_the_test_split_and_every_image_is_in_one_split():
    images, labels = own()
    data = load(configure(dataset=arrays.hold((images, labels)), validation=0.25))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 24, "validation": 8, "test": 8}
    together = np.concatenate([split.images for split in data.splits.values()])
    assert sorted(map(bytes, together)) == sorted(map(bytes, images))
    assert np.bincount(data.test.labels).tolist() == [2, 2, 2, 2]


def test_splits_of_ones_own_are_kept_and_column_labels_are_taken():
    (x, y), (u, v) = own(), own(8, seed=1)
    data = load(configure(dataset=arrays.hold({"train": (x, y[:, None]), "test": (u, v)}, "abcd"), validation=0))
    assert np.array_equal(data.train.images, x)
    assert np.array_equal(data.train.labels, y)
    assert np.array_equal(data.test.images, u)
    assert data.classes == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            (own()[0] / 255, own()[1]),
            "data (train): images must be uint8 (N, side, side, 3), got float64 (40, 8, 8, 3)",
        ),
        ((own()[0][..., :1], own()[1]), "got uint8 (40, 8, 8, 1)"),
        ((own()[0], own()[1][:-1]), "data (train): labels must be whole numbers of shape (40,), got int64 (39,)"),
        ((own()[0], own()[1] / 2), "got float64 (40,)"),
        ({"test": own()}, "expected (images, labels) by split, among train, validation, test, got test"),
        ({"train": own(), "test": own(side=9)}, "the splits hold images of different shapes"),
        ((own()[0], own()[1] - 1), "the label of image 0 is -1, expected 0 to 2"),
    ],
)
def test_other_arrays_are_refused(data, message):
    with pytest.raises(InputError) as refused:
        load(configure(dataset=arrays.hold(data)))
    assert message in str(refused.value)


def test_a_name_that_this_process_does_not_hold_is_refused():
    with pytest.raises(InputError, match=r"arrays:12ab: the arrays are not in this process"):
        load(configure(dataset="arrays:12ab"))
    with pytest.raises(InputError, match=r"is for kerascifar\.fit\(data="):
        load(configure(dataset="arrays"))
