"""Arrays + config -> tf.data. Every batch is a pure function of (seed, epoch, batch index).

Hence two runs see the same pixels, and a resumed run may start at any step.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kerascifar.contracts import Part

# Images (B, H, W, C) uint8 and one-hot labels (B, classes) float32 in, the same out; `index` (B,) int64 are the
# images' places in the training set, `epoch` and `batch` int64 scalars.
Augment = Callable[..., tuple[Any, Any]]

# Keeps the order apart from other random numbers that are keyed by the same seed and epoch.
_ORDER = 0x0E1


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return how many batches an epoch has; the last one may be smaller."""
    return math.ceil(images / batch_size)


def training_batches(
    part: Part,
    classes: int,
    batch_size: int,
    seed: int,
    epochs: int,
    first_step: int = 0,
    augment: Augment | None = None,
) -> Any:
    """Return a tf.data.Dataset of (images uint8 (B, H, W, C), labels float32 (B, classes)) from `first_step` on.

    The order within an epoch is a permutation drawn from (seed, epoch); the last batch of an epoch may be smaller.
    """
    import tensorflow as tf

    n, steps = len(part), steps_per_epoch(len(part), batch_size)
    take = _taker(part, classes)

    def make(step):
        epoch, batch = step // steps, step % steps
        place = tf.range(batch * batch_size, tf.minimum((batch + 1) * batch_size, n))
        key = tf.random.experimental.stateless_fold_in(tf.constant([seed, _ORDER], tf.int64), epoch)
        key = tf.concat([tf.cast(key, tf.uint32), tf.constant([1], tf.uint32)], 0)
        # tf.random.experimental.index_shuffle stops at 4 rounds of its cipher and takes the seed as it is: orders of
        # neighbouring seeds then share their batches (pairs of images met again 41 to 84 times as often as by chance).
        index = tf.raw_ops.RandomIndexShuffle(index=place, seed=key, max_index=n - 1, rounds=16)
        x, y = take(index)
        return (x, y) if augment is None else augment(x, y, index=index, epoch=epoch, batch=batch)

    ordered = tf.data.Dataset.range(first_step, epochs * steps)
    return ordered.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(4)


def evaluation_batches(part: Part, classes: int, batch_size: int) -> Any:
    """Return a tf.data.Dataset of (images, one-hot labels) in order, untouched."""
    import tensorflow as tf

    n, take = len(part), _taker(part, classes)

    def make(step):
        return take(tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, n)))

    return tf.data.Dataset.range(steps_per_epoch(n, batch_size)).map(make).prefetch(2)


def _taker(part: Part, classes: int) -> Callable[[Any], tuple[Any, Any]]:
    """Return a graph function from indices (B,) to images and one-hot labels.

    NumPy gathers them, as fast as tf.gather: an array made a tensor would be copied once for the tensor and once more
    when tf.data optimises its graph, so that 154 MB of CIFAR-10 took 483 MB instead of 164.
    """
    import tensorflow as tf

    shape = part.images.shape[1:]

    def take(index):
        x, labels = tf.numpy_function(_gather, [index], (tf.uint8, tf.int64), stateful=False)
        return tf.ensure_shape(x, (None, *shape)), tf.one_hot(tf.ensure_shape(labels, (None,)), classes)

    def _gather(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return part.images[index], part.labels[index]

    return take
