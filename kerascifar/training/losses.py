"""LOSSES: functions of one-hot labels and logits, averaged over the batch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.registry import lookup


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return one weight per class, float64 (classes,): n / (classes x count), by scikit-learn's "balanced" rule.

    The `labels`, int (n,), begin at 0; a class without images is weighted as if it had one.

    >>> class_weights(np.array([0, 0, 0, 1]), classes=2).round(3).tolist()
    [0.667, 2.0]
    """
    counts = np.bincount(labels, minlength=classes)
    return counts.sum() / (classes * np.maximum(counts, 1))


def _cross_entropy(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    import keras

    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)


def _class_weighted(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    """Return the cross-entropy weighted by ``class_weights``.

    The sum over a batch is divided by the sum of its weights, as torch.nn.CrossEntropyLoss(weight=...) does; the weight
    of a mixed label is the mean of its classes' weights.
    """
    import keras
    from keras import ops

    weights = class_weights(labels, classes).astype("float32")

    def loss(y_true, y_pred):
        each = keras.losses.categorical_crossentropy(
            y_true, y_pred, from_logits=True, label_smoothing=config.label_smoothing
        )
        weight = ops.cast(ops.sum(y_true * weights, axis=-1), each.dtype)
        # Keras averages over the batch, hence the division by the mean weight.
        return each * weight / ops.mean(weight)

    return loss


LOSSES: dict[str, Callable[[RunConfig, np.ndarray, int], Any]] = {
    "cross_entropy": _cross_entropy,
    "class_weighted": _class_weighted,
}


def make_loss(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    """Return the config's Keras loss for one-hot labels and logits.

    The training `labels`, int (N,), give the class weights. An unknown loss is refused.
    """
    return lookup(LOSSES, config.loss, "--loss")(config, labels, classes)
