import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.data.split import check_labels, split, stratified

label_lists = st.lists(st.integers(0, 6), min_size=2, max_size=200).filter(lambda x: max(np.bincount(x)) > 1)


@given(labels=label_lists, share=st.floats(0.01, 0.5), seed=st.integers(0, 2**31))
def test_split_is_a_partition_in_order_and_stratified(labels, share, seed):
    labels = np.array(labels)
    kept, held = stratified(labels, share, seed)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held) > 0).all()
    counts = np.bincount(labels)
    here = np.bincount(labels[held], minlength=len(counts))
    eligible = counts * (counts > 1)  # single images stay
    # The number held out is rounded for the whole; each class gets its share of that to within one image.
    number = max(1, round(share * eligible.sum()))
    assert len(held) == number
    assert (np.abs(here - number * eligible / eligible.sum()) < 1).all()
    assert (counts - here)[counts > 0].min() >= 1


@given(labels=label_lists, share=st.floats(0.01, 0.5), seed=st.integers(0, 2**31))
def test_the_seed_decides(labels, share, seed):
    labels = np.array(labels)
    np.testing.assert_array_equal(stratified(labels, share, seed)[1], stratified(labels, share, seed)[1])


def test_another_seed_another_split():
    labels = np.arange(1000) % 10
    held = [stratified(labels, 0.1, seed)[1] for seed in range(3)]
    assert [np.bincount(labels[h]).tolist() for h in held] == [[10] * 10] * 3  # 10 of 100 of each class
    # Two random tenths share a tenth of a tenth: about 10 of 100, far from all.
    assert len(np.intersect1d(held[0], held[1])) < 40
    assert len(np.intersect1d(held[0], held[2])) < 40


def test_every_image_is_as_likely_to_be_held_out():
    labels = np.array([0] * 5 + [1] * 20)
    times = np.zeros(25)
    for seed in range(2000):
        times[stratified(labels, 0.2, seed)[1]] += 1
    # 5 of 25 are held out: 0.2 each; the standard deviation of a share of 2,000 is sqrt(.2 * .8 / 2000) = 0.009.
    np.testing.assert_allclose(times / 2000, 0.2, atol=5 * 0.009)


def test_fewer_held_out_than_classes():
    labels = np.repeat(np.arange(10), 2)
    assert len(stratified(labels, 0.1, 0)[1]) == 2


def test_too_few_images():
    with pytest.raises(InputError, match="no class has two images"):
        stratified(np.arange(5), 0.1, 0)
    with pytest.raises(InputError, match=r"would take all 2 images of class 0"):
        stratified(np.array([0, 0, 1, 1]), 0.9, 0)


def test_parts_keep_images_and_labels_together():
    labels = np.arange(40) % 4
    images = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, 2, 2, 3))
    for part in split(Split(images, labels), 0.25, 1):
        np.testing.assert_array_equal(part.images[:, 0, 0, 0] % 4, part.labels)


def test_labels_are_checked():
    images = np.zeros((3, 1, 1, 3), np.uint8)
    check_labels(Split(images, np.array([0, 1, 1])), "ab", "x")
    with pytest.raises(InputError, match=r"x \(train\): the label of image 1 is 2, expected 0 to 1"):
        check_labels(Split(images, np.array([0, 2, -1])), "ab", "x (train)")
    with pytest.raises(InputError, match="no images"):
        check_labels(Split(images[:0], np.array([], np.int64)), "ab", "x")
