"""How an exported net compares with the Keras net that it was made from. NumPy and SciPy only."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerascifar.core.contracts import Split
from kerascifar.evaluation.metrics import evaluate

_TOLD = ("images", "accuracy", "accuracy_interval", "nll")


def measure(logits: Mapping[str, np.ndarray], splits: Mapping[str, Split], classes: Sequence[str]) -> dict[str, Any]:
    """Return, by part, the number of images, accuracy with its interval, and NLL of `logits` (N, classes)."""
    from scipy.special import softmax

    found = {}
    for name, values in logits.items():
        told = evaluate(splits[name].labels, softmax(values.astype(np.float64), 1), classes)
        found[name] = {key: told[key] for key in _TOLD}
    return found


def compare(
    exported: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray], splits: Mapping[str, Split]
) -> dict[str, Any]:
    """Return, by part, how far the logits (N, classes) of the exported net are from those of the Keras net.

    Returns:
        largest_logit_difference, absolute, over all images and classes; equal_predictions, the share of the images
        that both label alike; accuracy_difference, the exported net's accuracy less the Keras net's.
    """
    found = {}
    for name, logits in exported.items():
        own, other = logits.argmax(1), keras[name].argmax(1)
        right = (own == splits[name].labels).sum() - (other == splits[name].labels).sum()
        found[name] = {
            "largest_logit_difference": float(np.abs(logits - keras[name]).max()),
            "equal_predictions": float(np.mean(own == other)),
            "accuracy_difference": float(right / len(own)),
        }
    return found
