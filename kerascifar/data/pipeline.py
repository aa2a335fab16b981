"""Arrays + config -> tf.data. Every batch is a pure function of (seed, epoch, batch index).

Hence two runs see the same pixels, and a resumed run may start at any step.
"""

import math
from collections.abc import Callable
from typing import Any

from kerascifar.contracts import Part

# Images (B, H, W, C) uint8 and one-hot labels (B, classes) float32 in, the same out; `index` (B,) int64 are the
# images' places in the training set, `epoch` and `batch` int64 scalars.
Augment = Callable[..., tuple[Any, Any]]


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

    images, labels = tf.constant(part.images), tf.one_hot(part.labels, classes)
    n = len(part)
    steps = steps_per_epoch(n, batch_size)

    def make(step):
        epoch, batch = step // steps, step % steps
        place = tf.range(batch * batch_size, tf.minimum((batch + 1) * batch_size, n))
        index = tf.random.experimental.index_shuffle(place, tf.stack([seed, epoch]), n - 1)
        x, y = tf.gather(images, index), tf.gather(labels, index)
        x = tf.ensure_shape(x, (None, *part.images.shape[1:]))
        return (x, y) if augment is None else augment(x, y, index=index, epoch=epoch, batch=batch)

    ordered = tf.data.Dataset.range(first_step, epochs * steps)
    return ordered.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(4)


def evaluation_batches(part: Part, classes: int, batch_size: int) -> Any:
    """Return a tf.data.Dataset of (images, one-hot labels) in order, untouched."""
    import tensorflow as tf

    images, labels = tf.constant(part.images), tf.one_hot(part.labels, classes)
    n = len(part)

    def make(step):
        span = slice(step * batch_size, tf.minimum((step + 1) * batch_size, n))
        return images[span], labels[span]

    return tf.data.Dataset.range(steps_per_epoch(n, batch_size)).map(make).prefetch(2)
