"""How an exported net compares with the Keras net that it was made from. NumPy and SciPy only."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerascifar.core.contracts import Split
from kerascifar.evaluation.equivalence import equivalence, flips
from kerascifar.evaluation.metrics import evaluate

_METRICS = ("images", "accuracy", "accuracy_interval", "nll")


def measure(logits: Mapping[str, np.ndarray], splits: Mapping[str, Split], classes: Sequence[str]) -> dict[str, Any]:
    """Return, by split, the number of images, accuracy with its interval, and NLL of `logits` (N, classes)."""
    from scipy.special import softmax

    metrics = {
        name: evaluate(splits[name].labels, softmax(values.astype(np.float64), 1), classes)
        for name, values in logits.items()
    }
    return {name: {key: of_split[key] for key in _METRICS} for name, of_split in metrics.items()}


def compare(
    exported: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray], splits: Mapping[str, Split]
) -> dict[str, Any]:
    """Return, by split, how far the logits (N, classes) of the exported net are from those of the Keras net.

    Returns:
        largest_logit_difference, absolute, over all images and classes; equal_predictions, the share of images that
        both label alike; accuracy_difference, the exported net's accuracy minus the Keras net's; flips and
        equivalence, which labels are others and whether the accuracies are equivalent, see kerascifar.evaluation.
    """
    agreement = {}
    for name, logits in exported.items():
        own, other = logits.argmax(1), keras[name].argmax(1)
        changed = flips(other, own, splits[name].labels)
        gained, lost = changed["to_right"], changed["to_wrong"]
        agreement[name] = {
            "largest_logit_difference": float(np.abs(logits - keras[name]).max()),
            "equal_predictions": float(np.mean(own == other)),
            "accuracy_difference": (gained - lost) / len(own),
            "flips": changed,
            "equivalence": equivalence(gained, lost, len(own)),
        }
    return agreement
