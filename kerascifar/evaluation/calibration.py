"""Whether a confidence can be believed: reliability bins, ECE, Brier score, temperature. NumPy and SciPy only."""

from dataclasses import dataclass

import numpy as np

from kerascifar.evaluation.scored_run import Member

BINS = 15  # Guo et al. 2017, Table 1
# The temperature is looked for between these: a net that is right everywhere would be sharpened without end.
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Reliability:
    """The images sorted into bins of equal width by the confidence in their predicted class.

    Attributes:
        edges: (bins + 1,), from 0 to 1; a confidence on an edge belongs to the bin below it.
        images: (bins,), how many fell into each.
        confidence: (bins,), their mean confidence, NaN where there are none.
        accuracy: (bins,), the share of them that was right, NaN where there are none.
    """

    edges: np.ndarray
    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: the mean over images of their bin's |accuracy - confidence|."""
        filled = self.images > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.average(gaps, weights=self.images[filled]))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort images into `bins` by confidence; the largest probability predicts, the lowest class id in a tie.

    Args:
        probabilities: (N, classes), rows that sum to 1.
        labels: integer (N,), the true classes.
        bins: how many, of equal width over 0 to 1.

    Raises:
        ValueError: the shapes do not fit, or there is nothing to sort.
    """
    _check(probabilities, labels)
    confidence, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")
    images = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0/0 in an empty bin is its NaN
        mean = np.bincount(place, confidence, bins) / images
        accuracy = np.bincount(place, right, bins) / images
    return Reliability(edges, images, mean, accuracy)


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Return the ECE (Naeini et al. 2015; Guo et al. 2017, equation 3), 0 to 1. Arguments as `reliability`'s."""
    return reliability(probabilities, labels, bins).error


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over images of the squared distance to the one-hot label, 0 to 2 (Brier 1950).

    Args:
        probabilities: (N, classes), rows that sum to 1.
        labels: integer (N,), the true classes.

    Raises:
        ValueError: the shapes do not fit, or there is nothing to score.
    """
    _check(probabilities, labels)
    p = probabilities.astype(np.float64)
    return float(np.mean((p**2).sum(1) - 2 * p[np.arange(len(p)), labels] + 1))


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the T, from COLDEST to HOTTEST, for which `soften` gives the least NLL (Guo et al. 2017, section 4.2).

    Above 1 the net was too sure of itself. Fit it on validation images: a temperature fitted on the test images
    flatters them.

    Args:
        probabilities: (N, classes), as a softmax gave them.
        labels: integer (N,), the true classes.

    Raises:
        ValueError: the shapes do not fit, or there is nothing to fit.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    _check(probabilities, labels)
    logits = _logits(probabilities)
    of_label = logits[np.arange(len(labels)), labels]

    def nll(log_t: float) -> float:
        scale = np.exp(-log_t)
        return float(np.mean(logsumexp(logits * scale, axis=1) - of_label * scale))

    # Convex in 1/T, hence with a single minimum in log T.
    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log(probabilities) / temperature), float64 (N, classes): the order of the classes stays.

    Raises:
        ValueError: the temperature is not above 0.
    """
    from scipy.special import softmax

    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, got {temperature!r}")
    return softmax(_logits(probabilities) / temperature, axis=1)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Return log p, which are the logits up to a constant a row; a p that float32 rounded to 0 is its smallest."""
    return np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))


def _check(probabilities: np.ndarray, labels: np.ndarray) -> None:
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:
        raise ValueError(f"labels of shape {labels.shape} do not fit probabilities of shape {probabilities.shape}")


@dataclass(frozen=True)
class Quality:
    """What probabilities are worth on the test images: NLL, Brier score and reliability."""

    nll: float
    brier: float
    bins: Reliability


@dataclass(frozen=True)
class Calibrated:
    """A run as it was trained, and softened; the latter None where it has no validation images to fit on."""

    before: Quality
    temperature: float | None = None
    after: Quality | None = None


def calibrate(member: Member) -> Calibrated | None:
    """Return what the run's probabilities are worth; None where its scores are shares of a vote."""
    if not member.probabilities:
        return None
    labels, scores = member.test
    before = _quality(_normalized(scores), labels)
    if member.validation is None:
        return Calibrated(before)
    of_validation, validation = member.validation
    fitted = temperature(validation, of_validation)
    return Calibrated(before, fitted, _quality(soften(scores, fitted), labels))


def _quality(probabilities: np.ndarray, labels: np.ndarray) -> Quality:
    from sklearn.metrics import log_loss

    return Quality(
        float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]))),
        brier_score(probabilities, labels),
        reliability(probabilities, labels),
    )


def _normalized(scores: np.ndarray) -> np.ndarray:
    """Return rows that sum to 1 in float64, as metrics.evaluate takes them."""
    p = scores.astype(np.float64)
    return p / p.sum(1, keepdims=True)
