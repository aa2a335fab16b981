"""Calibration: reliability bins, ECE, Brier score and temperature. NumPy, SciPy and scikit-learn only."""

from dataclasses import dataclass

import numpy as np

from kerascifar.evaluation.metrics import normalize
from kerascifar.evaluation.scored_run import ScoredRun

BINS = 15  # Guo et al. 2017, Table 1
# Bounds of the temperature: the best one for a net that is always right would be 0.
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Reliability:
    """The images sorted into bins of equal width by the confidence in their predicted class.

    Attributes:
        edges: float (bins + 1,), from 0 to 1; a confidence on an edge belongs to the bin below it.
        images: int (bins,), how many images each bin holds.
        confidence: float (bins,), their mean confidence, NaN in an empty bin.
        accuracy: float (bins,), the share of them that is right, NaN in an empty bin.
    """

    edges: np.ndarray
    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: the mean over the images of their bin's |accuracy - confidence|.

        Naeini et al. 2015; Guo et al. 2017, equation 3.
        """
        filled = self.images > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.average(gaps, weights=self.images[filled]))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort images into bins by confidence; the largest probability predicts, the lowest class id in a tie.

    Args:
        probabilities: (N, classes), rows that sum to 1.
        labels: integer (N,), the true classes.
        bins: number of bins.

    Raises:
        ValueError: the shapes do not match, or there are no images.
    """
    _check(probabilities, labels)
    confidence, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    bin_of_image = np.searchsorted(edges[1:-1], confidence, side="left")
    images = np.bincount(bin_of_image, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0/0 makes the NaN of an empty bin
        mean_confidence = np.bincount(bin_of_image, confidence, bins) / images
        accuracy = np.bincount(bin_of_image, right, bins) / images
    return Reliability(edges, images, mean_confidence, accuracy)


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the images of the squared distance to the one-hot label, 0 to 2 (Brier 1950).

    Arguments and errors are those of `reliability`.
    """
    _check(probabilities, labels)
    p = probabilities.astype(np.float64)
    return float(np.mean((p**2).sum(1) - 2 * p[np.arange(len(p)), labels] + 1))


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the T from COLDEST to HOTTEST for which `soften` gives the lowest NLL (Guo et al. 2017, section 4.2).

    Above 1 the net was overconfident. Fit it on the validation images: fitted on the test images, it would make their
    numbers look better than they are.

    Arguments and errors are those of `reliability`.
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
    minimum = minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return round(float(np.exp(minimum.x)), 6)  # what lies beyond depends on the processor


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log(probabilities) / temperature), float64 (N, classes); no prediction changes.

    Raises ValueError: the temperature is not above 0.
    """
    from scipy.special import softmax

    if not temperature > 0:
        raise ValueError(f"a temperature must be above 0, got {temperature!r}")
    return softmax(_logits(probabilities) / temperature, axis=1)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Return log p, the logits up to a constant per row; a p that float32 rounded to 0 becomes its smallest number."""
    return np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))


def _check(probabilities: np.ndarray, labels: np.ndarray) -> None:
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:
        raise ValueError(f"labels of shape {labels.shape} do not fit probabilities of shape {probabilities.shape}")


@dataclass(frozen=True)
class Quality:
    """How good probabilities are on the test images: NLL, Brier score and reliability."""

    nll: float
    brier: float
    bins: Reliability


@dataclass(frozen=True)
class Calibrated:
    """A run's quality as trained and after temperature scaling; the latter is None without validation images."""

    before: Quality
    temperature: float | None = None
    after: Quality | None = None


def calibrate(run: ScoredRun) -> Calibrated | None:
    """Return how good the run's probabilities are; None where its scores are vote shares."""
    if not run.probabilities:
        return None
    labels, scores = run.test
    before = _quality(normalize(scores), labels)
    if run.validation is None:
        return Calibrated(before)
    validation_labels, validation_scores = run.validation
    fitted = temperature(validation_scores, validation_labels)
    return Calibrated(before, fitted, _quality(soften(scores, fitted), labels))


def _quality(probabilities: np.ndarray, labels: np.ndarray) -> Quality:
    from sklearn.metrics import log_loss

    return Quality(
        float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]))),
        brier_score(probabilities, labels),
        reliability(probabilities, labels),
    )
