import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascifar.core.contracts import Split
from kerascifar.data.batches import evaluation_batches, steps_per_epoch, training_batches


def numbered(n):
    """Images that carry their own number in their first two pixels."""
    images = np.zeros((n, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(n) // 256, np.arange(n) % 256
    return Split(images, np.arange(n) % 3)


def numbers(batches):
    return [x[:, 0, 0, 0].astype(int) * 256 + x[:, 0, 0, 1] for x, _ in batches.as_numpy_iterator()]


@settings(deadline=None, max_examples=8)
@given(st.integers(2, 300), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_each_epoch_is_a_permutation_of_all_images(n, batch_size, seed):
    steps = steps_per_epoch(n, batch_size)
    seen = numbers(training_batches(numbered(n), 3, batch_size, seed, epochs=2))
    assert len(seen) == 2 * steps
    for epoch in (seen[:steps], seen[steps:]):
        assert sorted(np.concatenate(epoch)) == list(range(n))


def test_epochs_and_seeds_differ():
    order = [np.concatenate(numbers(training_batches(numbered(200), 3, 64, seed, 2))) for seed in (0, 1)]
    assert not np.array_equal(order[0][:200], order[0][200:])
    assert not np.array_equal(order[0], order[1])


def test_orders_share_their_batches_no_more_than_chance_does():
    # Of n = 4,000 images in batches of 100, a pair that shared a batch meets again with probability 99 / 3,999. There
    # are 40 x 100 x 99 / 2 = 198,000 pairs, so 4,902 meet again by chance; 6 sigma of a Poisson count are 420.
    def batch_of(seed, epoch):
        order = np.concatenate(
            numbers(training_batches(numbered(4000), 3, 100, seed, epoch + 1, first_step=40 * epoch))
        )
        place = np.empty(4000, int)
        place[order] = np.arange(4000) // 100
        return place

    def meetings(a, b):
        together = np.zeros((40, 40), int)
        np.add.at(together, (a, b), 1)
        return (together * (together - 1) // 2).sum()

    first = batch_of(0, 0)
    for other in (batch_of(1, 0), batch_of(2, 0), batch_of(0, 1)):
        assert abs(meetings(first, other) - 4902) < 420


@pytest.mark.parametrize("first", [1, 3, 4, 7])
def test_a_start_at_any_step_gives_what_follows_it(first):
    whole = list(training_batches(numbered(200), 3, 64, 5, 3).as_numpy_iterator())
    split = list(training_batches(numbered(200), 3, 64, 5, 3, first_step=first).as_numpy_iterator())
    assert len(split) == len(whole) - first
    for (x, y), (u, v) in zip(whole[first:], split, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def test_labels_stay_with_their_images():
    for x, y in training_batches(numbered(200), 3, 64, 0, 1).as_numpy_iterator():
        number = x[:, 0, 0, 0].astype(int) * 256 + x[:, 0, 0, 1]
        np.testing.assert_array_equal(y.argmax(1), number % 3)
        assert x.dtype == np.uint8
        assert y.dtype == np.float32


def test_no_iteration_waits_for_tensorflows_tuner():
    some = numbered(8)
    served = {
        "training": training_batches(some, 3, 2, seed=0, epochs=1),
        "replicas": training_batches(some, 3, 2, seed=0, epochs=1, replicas=2, own=range(2)),
        "evaluation": evaluation_batches(some, 3, 2),
        "evaluation by replicas": evaluation_batches(some, 3, 2, replicas=2, own=range(2)),
    }
    assert [name for name, batches in served.items() if batches.options().autotune.enabled is not False] == []


def test_evaluation_keeps_order_and_pixels():
    split = Split(np.random.default_rng(0).integers(0, 256, (70, 4, 4, 3), dtype=np.uint8), np.arange(70) % 3)
    batches = list(evaluation_batches(split, 3, 32).as_numpy_iterator())
    assert [len(x) for x, _ in batches] == [32, 32, 6]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), split.images)
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]).argmax(1), split.labels)


def test_augment_is_told_the_place_in_the_run():
    told = []

    def augment(x, y, index, epoch, batch):
        import tensorflow as tf

        tf.py_function(lambda i, e, b: told.append((i.numpy().tolist(), int(e), int(b))), [index, epoch, batch], [])
        return x, y

    batches = training_batches(numbered(10), 3, 4, 0, 2, augment=augment)
    wanted = numbers(batches)
    told.sort(key=lambda t: t[1:])
    assert [t[1:] for t in told] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [t[0] for t in told] == [w.tolist() for w in wanted]
