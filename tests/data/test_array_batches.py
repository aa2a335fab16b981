"""Batches without tf.data: tf.data's on TensorFlow, their distribution on any backend (tests/test_jax.py)."""

import keras
import numpy as np
import pytest

from kerascifar.augment.policies import POLICIES, augment_once, make_augment
from kerascifar.core.contracts import Split
from kerascifar.data import draws
from kerascifar.data.batches import evaluation_arrays, training_arrays, training_batches

TENSORFLOW = keras.backend.backend() == "tensorflow"
# On JAX each takes seconds to compile.
SOME = POLICIES if TENSORFLOW else ("both", "trivial_augment_wide", "airbench")


def split_of(n=70, side=32):
    """Random images whose first pixel's red and green tell their number."""
    images = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(n) // 256, np.arange(n) % 256
    return Split(images, np.arange(n) % 3)


def arrays(split, epochs=2, first=0, policy="none", seed=3, batch_size=32):
    augment = make_augment(policy, seed, split.images.shape[1:])
    batches = training_arrays(split, 3, batch_size, seed, epochs, first, augment)
    return [(np.asarray(x), np.asarray(y)) for x, y in batches]


def numbers(x):
    return x[:, 0, 0, 0].astype(int) * 256 + x[:, 0, 0, 1]


@pytest.mark.skipif(not TENSORFLOW, reason="tf.data runs TensorFlow")
@pytest.mark.parametrize("policy", POLICIES)
def test_the_pixels_are_those_of_tf_data(policy):
    split = split_of()
    augment = make_augment(policy, 3, split.images.shape[1:])
    theirs = training_batches(split, 3, 32, 3, 2, 1, augment).as_numpy_iterator()
    for ours, piped in zip(arrays(split, first=1, policy=policy), theirs, strict=True):
        np.testing.assert_array_equal(ours[0], piped[0])
        np.testing.assert_allclose(ours[1], piped[1], atol=1e-6)


@pytest.mark.parametrize("policy", SOME)
def test_a_start_at_any_step_gives_what_follows_it(policy):
    whole, late = arrays(split_of(), policy=policy), arrays(split_of(), first=4, policy=policy)
    assert [len(x) for x, _ in whole] == [32, 32, 6] * 2
    for (x, y), (again, labels) in zip(whole[4:], late, strict=True):
        assert x.dtype == np.uint8
        np.testing.assert_array_equal(x, again)
        np.testing.assert_array_equal(y, labels)
        np.testing.assert_allclose(y.sum(1), 1, atol=1e-6)


def test_each_epoch_is_another_permutation_of_all_images():
    split = split_of(300, side=4)
    seen = np.concatenate([numbers(x) for x, _ in arrays(split)]).reshape(2, 300)
    other = np.concatenate([numbers(x) for x, _ in arrays(split, epochs=1, seed=4)])
    for epoch in (*seen, other):
        assert sorted(epoch) == list(range(300))
    # Two random permutations agree in one place in the mean; 12 have a probability below 1e-9.
    assert max((seen[0] == seen[1]).sum(), (seen[0] == other).sum()) < 12
    labels = np.concatenate([y for _, y in arrays(split)])
    np.testing.assert_array_equal(labels.argmax(1), np.concatenate(seen) % 3)


def test_half_of_the_images_are_flipped_and_the_other_half_an_epoch_later():
    n = 2000
    ramp = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, None, :, None], (n, 4, 8, 3))
    split = Split(np.ascontiguousarray(ramp), np.zeros(n, int))
    augment = make_augment("alternating_flip", 5, (4, 8, 3))
    change = draws.compiled(augment)
    labels, index = np.zeros((n, 1), np.float32), np.arange(n)
    flipped = []
    for epoch in (0, 1, 2):
        x = np.asarray(change(split.images, labels, index, np.array(epoch), np.array(0))[0])
        flipped.append(x[:, 0, 0, 0] == 7)
    assert abs(flipped[0].sum() - 1000) < 5 * np.sqrt(n / 4)  # five sigma of a binomial
    np.testing.assert_array_equal(flipped[1], ~flipped[0])
    np.testing.assert_array_equal(flipped[2], flipped[0])
    # Neighbours are independent: equal in half of the cases.
    assert abs((flipped[0][1:] == flipped[0][:-1]).sum() - 1000) < 5 * np.sqrt(n / 4)


def test_images_to_score_are_augmented_the_same_each_time():
    images = split_of().images
    once = augment_once(images, "lai", 3)
    np.testing.assert_array_equal(once, augment_once(images, "lai", 3))
    assert (once != images).any((1, 2, 3)).mean() > 0.75  # half are flipped, and most of the others visibly rotated
    assert augment_once(images, "none", 3) is images


def test_validation_images_stay_as_they_are():
    split = split_of(10)
    images, labels = evaluation_arrays(split, 3)
    assert images is split.images
    np.testing.assert_array_equal(labels.argmax(1), split.labels)
    assert labels.shape == (10, 3)
