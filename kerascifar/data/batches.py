"""Arrays + config -> tf.data. Every batch is a pure function of (seed, epoch, batch index).

Hence two runs see the same pixels, and a resumed run may start at any step.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascifar.core.contracts import Split
from kerascifar.core.processor import cores

# Images (B, H, W, C) uint8 and one-hot labels (B, classes) float32 in, the same out; `index` (B,) int64 are the
# images' places in the training set, `epoch` and `batch` int64 scalars.
Augment = Callable[..., tuple[Any, Any]]


def steps_per_epoch(images: int, batch_size: int, replicas: int = 1) -> int:
    """Return how many batches an epoch has; the last one may be smaller, but divides evenly by `replicas`."""
    return math.ceil((images - images % replicas) / batch_size)


def training_batches(
    split: Split,
    classes: int,
    batch_size: int,
    seed: int,
    epochs: int,
    first_step: int = 0,
    augment: Augment | None = None,
    replicas: int = 1,
    own: range = range(1),
) -> Any:
    """Return a tf.data.Dataset of (images uint8 (B, H, W, C), labels float32 (B, classes)) from `first_step` on.

    The order within an epoch is a permutation drawn from (seed, epoch); the last batch of an epoch may be smaller.

    Of `replicas` that divide each batch evenly, those numbered `own` are served, one element after the other. The
    images left over at an epoch's end, fewer than `replicas` and other ones each epoch, are left out: TensorFlow cannot
    give a replica nothing, and with uneven shares the mean over replicas is not the mean over images.
    """
    import tensorflow as tf

    from kerascifar.data import draws

    n, steps = len(split) - len(split) % replicas, steps_per_epoch(len(split), batch_size, replicas)
    take = _taker(split, classes)

    @tf.autograph.experimental.do_not_convert
    def make(step):
        epoch, batch = step // steps, step % steps
        places = tf.range(batch * batch_size, tf.minimum((batch + 1) * batch_size, n))
        index = draws.order(seed, epoch, places, len(split))
        x, y = take(index)
        # The whole batch is augmented, so that its random numbers are those of one device; then it is divided.
        return (x, y) if augment is None else augment(x, y, index, epoch, batch)

    def divide(*batch):
        share = tf.shape(batch[0])[0] // replicas
        ours = [t[own.start * share : own.stop * share] for t in batch]
        return tuple(tf.reshape(t, (len(own), share, *t.shape[1:])) for t in ours)

    threads = tf.config.threading.get_inter_op_parallelism_threads() or cores()
    ordered = tf.data.Dataset.range(first_step, epochs * steps)
    batches = ordered.map(make, num_parallel_calls=threads, deterministic=True)
    return _untuned((batches if replicas == 1 else batches.map(divide).unbatch()).prefetch(4))


def evaluation_steps(images: int, batch_size: int) -> int:
    """Return in how many steps replicas evaluate, so that each has an image in each step and each image counts once."""
    return max(1, images // batch_size)


def evaluation_batches(split: Split, classes: int, batch_size: int, replicas: int = 1, own: range = range(1)) -> Any:
    """Return a tf.data.Dataset of (images, one-hot labels) in order, untouched.

    Of `replicas` that divide the images, those numbered `own` are served, in evaluation_steps() steps.
    """
    import tensorflow as tf

    n, take = len(split), _taker(split, classes)
    if replicas > 1:
        pieces = evaluation_steps(n, batch_size) * replicas
        mine = [piece for piece in range(pieces) if piece % replicas in own]
        ordered = tf.data.Dataset.from_tensor_slices(np.array(mine, np.int64))
        return _untuned(
            ordered.map(lambda piece: take(tf.range(piece * n // pieces, (piece + 1) * n // pieces))).prefetch(2)
        )

    def make(step):
        return take(tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, n)))

    return _untuned(tf.data.Dataset.range(steps_per_epoch(n, batch_size)).map(make).prefetch(2))


def _untuned(batches: Any) -> Any:
    """Return the tf.data.Dataset without TensorFlow's tuning of its parallelism.

    The tuner sleeps for as long as it has run, up to a minute, and whoever ends an iteration waits for it: TensorFlow
    wakes it before it says that all is cancelled, so that it may go to sleep again. One in four trainings ended so much
    later (tools/decisions/0009-training-speed.md).
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def _taker(split: Split, classes: int) -> Callable[[Any], tuple[Any, Any]]:
    """Return a graph function from indices (B,) to images and one-hot labels.

    NumPy gathers them, as fast as tf.gather: an array made a tensor would be copied once for the tensor and once more
    when tf.data optimises its graph, so that 154 MB of CIFAR-10 took 483 MB instead of 164.
    """
    import tensorflow as tf

    shape = split.images.shape[1:]

    def take(index):
        x, labels = tf.numpy_function(_gather, [index], (tf.uint8, tf.int64), stateful=False)
        return tf.ensure_shape(x, (None, *shape)), tf.one_hot(tf.ensure_shape(labels, (None,)), classes)

    def _gather(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return split.images[index], split.labels[index]

    return take


def training_arrays(
    split: Split,
    classes: int,
    batch_size: int,
    seed: int,
    epochs: int,
    first_step: int = 0,
    augment: Augment | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Yield (images uint8 (B, H, W, C), labels float32 (B, classes)) from `first_step` to the end of the last epoch.

    Arguments, order and draws are those of training_batches().
    """
    from kerascifar.data import draws

    n, steps, one_hot = len(split), steps_per_epoch(len(split), batch_size), np.eye(classes, dtype=np.float32)
    change = draws.compiled(augment) if augment else None
    for step in range(first_step, epochs * steps):
        epoch, batch = divmod(step, steps)
        places = np.arange(batch * batch_size, min((batch + 1) * batch_size, n))
        index = np.asarray(draws.order(seed, epoch, places, n))
        x, y = split.images[index], one_hot[split.labels[index]]
        if change is not None:
            x, y = change(x, y, index, np.array(epoch), np.array(batch))  # arrays: a compiler takes ints for constants
        yield x, y


def evaluation_arrays(split: Split, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images as they are and their labels one-hot, float32 (N, classes)."""
    return split.images, np.eye(classes, dtype=np.float32)[split.labels]
