"""How far a run's confidence can be believed, before and after a temperature fitted on its validation images."""

from dataclasses import dataclass

import numpy as np

from kerascifar import calibration
from kerascifar.members import Member


@dataclass(frozen=True)
class Told:
    """What probabilities are worth on the test images: NLL, Brier score and reliability."""

    nll: float
    brier: float
    bins: calibration.Reliability


@dataclass(frozen=True)
class Calibrated:
    """A run as it was trained, and softened; the latter None where it has no validation images to fit on."""

    before: Told
    temperature: float | None = None
    after: Told | None = None


def calibrate(member: Member) -> Calibrated | None:
    """Return what the run's probabilities are worth; None where its scores are shares of a vote."""
    if not member.probabilities:
        return None
    labels, scores = member.test
    before = _told(_normalized(scores), labels)
    if member.validation is None:
        return Calibrated(before)
    of_validation, validation = member.validation
    fitted = calibration.temperature(validation, of_validation)
    return Calibrated(before, fitted, _told(calibration.soften(scores, fitted), labels))


def _told(probabilities: np.ndarray, labels: np.ndarray) -> Told:
    from sklearn.metrics import log_loss

    return Told(
        float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]))),
        calibration.brier_score(probabilities, labels),
        calibration.reliability(probabilities, labels),
    )


def _normalized(scores: np.ndarray) -> np.ndarray:
    """Return rows that sum to 1 in float64, as metrics.evaluate takes them."""
    p = scores.astype(np.float64)
    return p / p.sum(1, keepdims=True)
