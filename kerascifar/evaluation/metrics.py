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


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> dict[str, Any]:
    """Compare two models on the same images by McNemar's exact test (McNemar 1947), two-sided.

    Args:
        first_right: bool (N,), whether the first model labels each image rightly.
        second_right: the same of the second.

    Returns:
        only_first and only_second, how many images only one of them has right; p, the chance that images on which
        just one is right divide so unevenly if both were equally good.
    """
    from scipy.stats import binomtest

    only_first, only_second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    apart = only_first + only_second
    p = float(binomtest(only_first, apart).pvalue) if apart else 1.0
    return {"only_first": only_first, "only_second": only_second, "p": p}
