"""Labels + scores -> metrics, the same for every net and baseline. NumPy, SciPy and scikit-learn only."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def evaluate(
    labels: np.ndarray, scores: np.ndarray, classes: Sequence[str], probabilities: bool = True
) -> dict[str, Any]:
    """Return accuracy with its interval, averages, a row a class, the confusion matrix and NLL, as JSON types.

    Args:
        labels: integer (N,), the true classes.
        scores: (N, classes); the largest wins, the lowest class id in a tie.
        classes: names, in the order of the labels.
        probabilities: False where scores are vote shares; NLL is then left out.

    Raises:
        ValueError: shapes do not fit, or there is nothing to score.
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    if len(labels) == 0 or scores.shape != (len(labels), len(classes)):
        raise ValueError(f"{len(labels)} labels and {len(classes)} classes do not fit scores of shape {scores.shape}")
    predicted = scores.argmax(1)
    every = np.arange(len(classes))
    right = int((predicted == labels).sum())

    def prf(average: str | None) -> tuple[Any, ...]:
        return precision_recall_fscore_support(labels, predicted, labels=every, average=average, zero_division=0.0)

    found = {
        "images": len(labels),
        "accuracy": right / len(labels),
        "accuracy_interval": list(wilson_interval(right, len(labels))),
        "macro": dict(zip(("precision", "recall", "f1"), map(float, prf("macro")[:3]), strict=True)),
        "weighted": dict(zip(("precision", "recall", "f1"), map(float, prf("weighted")[:3]), strict=True)),
        "per_class": [
            {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "images": int(n)}
            for name, p, r, f, n in zip(classes, *prf(None), strict=True)
        ],
        "confusion_matrix": confusion_matrix(labels, predicted, labels=every).tolist(),
    }
    if probabilities:
        # scikit-learn wants rows that sum to 1 within its tolerance; float32 softmax is renormalised in float64.
        p = scores.astype(np.float64)
        found["nll"] = float(log_loss(labels, p / p.sum(1, keepdims=True), labels=every))
    return found


def wilson_interval(right: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927), without continuity correction."""
    from scipy.stats import binomtest

    interval = binomtest(right, images).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
