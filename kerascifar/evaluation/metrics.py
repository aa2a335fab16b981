"""From labels and scores to metrics, the same for every net and baseline. NumPy, SciPy and scikit-learn only."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

TOP = 5
_RATES = ("precision", "recall", "f1")


def evaluate(
    labels: np.ndarray, scores: np.ndarray, classes: Sequence[str], probabilities: bool = True, top: bool = True
) -> dict[str, Any]:
    """Return accuracy with its 95 % interval, averages, one row per class, the confusion matrix and NLL, as JSON types.

    Args:
        labels: integer (N,), the true classes.
        scores: (N, classes); the largest wins, the lowest class id in a tie.
        classes: names, in the order of the labels.
        probabilities: False where scores are vote shares; NLL and top-5 accuracy are then left out. So is top-5
            accuracy where there are no more than 5 classes.
        top: False for files that never had a top-5 accuracy, and are compared as a whole.

    Raises:
        ValueError: the shapes do not match, or there is nothing to score.

    A class without images has no precision, recall or F1: they are None, and the macro averages leave it out.

    >>> scores = np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    >>> metrics = evaluate(np.array([0, 1, 1]), scores, ("cat", "dog"))
    >>> round(metrics["accuracy"], 3), metrics["confusion_matrix"]
    (0.667, [[1, 0], [1, 1]])
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    if len(labels) == 0 or scores.shape != (len(labels), len(classes)):
        raise ValueError(f"{len(labels)} labels and {len(classes)} classes do not fit scores of shape {scores.shape}")
    predicted = scores.argmax(1)
    ids = np.arange(len(classes))
    right = int((predicted == labels).sum())

    present = np.unique(labels)

    def prf(average: str | None, of: np.ndarray = ids) -> tuple[Any, ...]:
        return precision_recall_fscore_support(labels, predicted, labels=of, average=average, zero_division=0.0)

    metrics = {
        "images": len(labels),
        "accuracy": right / len(labels),
        "accuracy_interval": list(wilson_interval(right, len(labels))),
        "macro": dict(zip(_RATES, map(float, prf("macro", present)[:3]), strict=True)),
        "weighted": dict(zip(_RATES, map(float, prf("weighted")[:3]), strict=True)),
        "per_class": [
            {
                "class": name,
                **{rate: float(x) if n else None for rate, x in zip(_RATES, rates, strict=True)},
                "images": int(n),
            }
            for name, *rates, n in zip(classes, *prf(None), strict=True)
        ],
        "confusion_matrix": confusion_matrix(labels, predicted, labels=ids).tolist(),
    }
    if probabilities:
        metrics["nll"] = float(log_loss(labels, normalize(scores), labels=ids))
        if top and len(classes) > TOP:
            metrics["top_5_accuracy"] = float(np.mean(ranks(labels, scores) < TOP))
    return metrics


def ranks(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return, int (N,), how many classes come before the true one: 0 where it wins; arguments are those of `evaluate`.

    >>> ranks(np.array([0, 1]), np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]))
    array([2, 1])
    """
    own = np.take_along_axis(scores, labels[:, None], 1)
    lower = np.arange(scores.shape[1]) < labels[:, None]
    return ((scores > own) | ((scores == own) & lower)).sum(1)


def agree(metrics: Mapping[str, Any], saved: Mapping[str, Any]) -> bool:
    """Whether `metrics` equal those `saved`, perhaps by an earlier version.

    One had no top-5 accuracy, one counted a class without images as 0 % right.
    """
    metrics = {key: value for key, value in metrics.items() if key in saved or key != "top_5_accuracy"}
    rows = [{key: 0.0 if value is None else value for key, value in row.items()} for row in metrics["per_class"]]
    macro = {rate: float(np.mean([row[rate] for row in rows])) for rate in _RATES}
    return saved in (metrics, {**metrics, "per_class": rows, "macro": macro})


def normalize(probabilities: np.ndarray) -> np.ndarray:
    """Return rows that sum to 1 in float64; those of a float32 softmax are off by more than scikit-learn tolerates."""
    p = probabilities.astype(np.float64)
    return p / p.sum(1, keepdims=True)


def wilson_interval(right: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927), without continuity correction.

    >>> low, high = wilson_interval(8, 10)
    >>> f"{low:.3f} to {high:.3f}"
    '0.490 to 0.943'
    """
    from scipy.stats import binomtest

    interval = binomtest(right, images).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> dict[str, Any]:
    """Compare two models on the same images by McNemar's exact test (McNemar 1947), two-sided.

    Args:
        first_right: bool (N,), which images the first model labels correctly.
        second_right: bool (N,), the same for the second.

    Returns:
        only_first and only_second, how many images only that model has right; p, the probability of a split at least
        as uneven if both models were equally good.

    >>> mcnemar(np.array([True, True, True, False]), np.array([True, False, False, False]))
    {'only_first': 2, 'only_second': 0, 'p': 0.5}
    """
    from scipy.stats import binomtest

    only_first, only_second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    disagreements = only_first + only_second
    p = float(binomtest(only_first, disagreements).pvalue) if disagreements else 1.0
    return {"only_first": only_first, "only_second": only_second, "p": p}


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.array(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(stepped)) if len(p) else []
    return corrected.tolist()
