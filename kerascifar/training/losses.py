"""LOSSES: functions of one-hot labels and logits, each averaged over the batch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.registry import lookup


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return a weight per class, n / (classes x count): scikit-learn's "balanced" rule.

    >>> class_weights(np.array([0, 0, 0, 1]), classes=2).round(3).tolist()
    [0.667, 2.0]
    """
    counts = np.bincount(labels, minlength=classes)
    return counts.sum() / (classes * np.maximum(counts, 1))


def _cross_entropy(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    import keras

    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)


def _class_weighted(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    """Cross-entropy by ``class_weights``.

    A batch is averaged over its summed weights, as torch.nn.CrossEntropyLoss(weight=...) does;
    a mixed label weighs what its classes weigh.
    """
    import keras
    from keras import ops

    weights = class_weights(labels, classes).astype("float32")

    def loss(y_true, y_pred):
        each = keras.losses.categorical_crossentropy(
            y_true, y_pred, from_logits=True, label_smoothing=config.label_smoothing
        )
        weight = ops.cast(ops.sum(y_true * weights, axis=-1), each.dtype)
        # Keras takes the mean of what a loss function returns, hence the mean weight below.
        return each * weight / ops.mean(weight)

    return loss


LOSSES: dict[str, Callable[[RunConfig, np.ndarray, int], Any]] = {
    "cross_entropy": _cross_entropy,
    "class_weighted": _class_weighted,
}


def make_loss(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    """Return a Keras loss for one-hot labels and logits; `labels` (N,) are the training labels it may weigh by.

    Raises:
        InputError: unknown loss.
    """
    return lookup(LOSSES, config.loss, "--loss")(config, labels, classes)
