"""LOSSES: functions of one-hot labels and logits, each averaged over the batch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.registry import lookup


def _cross_entropy(config: RunConfig, counts: np.ndarray) -> Any:
    import keras

    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)


def _class_weighted(config: RunConfig, counts: np.ndarray) -> Any:
    """Cross-entropy with weights n / (classes x count), scikit-learn's "balanced" rule.

    A batch is averaged over its summed weights, as torch.nn.CrossEntropyLoss(weight=...) does;
    a mixed label weighs what its classes weigh.
    """
    import keras
    from keras import ops

    weights = (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype("float32")

    def loss(y_true, y_pred):
        each = keras.losses.categorical_crossentropy(
            y_true, y_pred, from_logits=True, label_smoothing=config.label_smoothing
        )
        weight = ops.cast(ops.sum(y_true * weights, axis=-1), each.dtype)
        # Keras takes the mean of what a loss function returns, hence the mean weight below.
        return each * weight / ops.mean(weight)

    return loss


LOSSES: dict[str, Callable[[RunConfig, np.ndarray], Any]] = {
    "cross_entropy": _cross_entropy,
    "class_weighted": _class_weighted,
}


def make_loss(config: RunConfig, labels: np.ndarray, classes: int) -> Any:
    """Return a Keras loss for one-hot labels and logits; `labels` (N,) are the training labels it may weigh by.

    Raises:
        InputError: unknown loss.
    """
    row = lookup(LOSSES, config.loss, "--loss")
    return row(config, np.bincount(labels, minlength=classes))
