"""Training batches without tf.data (--input arrays): the same pixels on TensorFlow, and the same distribution on JAX.

A machine with a GPU may have JAX and no TensorFlow. There Keras's layers augment each batch outside of tf.data.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascifar.contracts import Part
from kerascifar.data.pipeline import Augment, steps_per_epoch


def training_arrays(
    part: Part,
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

    n, steps, one_hot = len(part), steps_per_epoch(len(part), batch_size), np.eye(classes, dtype=np.float32)
    change = draws.compiled(augment) if augment else None
    for step in range(first_step, epochs * steps):
        epoch, batch = divmod(step, steps)
        places = np.arange(batch * batch_size, min((batch + 1) * batch_size, n))
        index = np.asarray(draws.order(seed, epoch, places, n))
        x, y = part.images[index], one_hot[part.labels[index]]
        if change is not None:
            x, y = change(x, y, index, np.array(epoch), np.array(batch))  # arrays: a compiler takes ints for constants
        yield x, y


def evaluation_arrays(part: Part, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images as they are and their labels one-hot, float32 (N, classes)."""
    return part.images, np.eye(classes, dtype=np.float32)[part.labels]
