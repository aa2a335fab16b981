"""How far to trust a net's probabilities, and what to say of an answer: from the scores that its run saved."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascifar.evaluation.calibration import soften, temperature
from kerascifar.evaluation.scored_run import ScoredRun, read_scored_run
from kerascifar.results import SCORES

UNSURE = 0.7  # a calibrated confidence below this is wrong more than three times in ten
# Below the confidence that all but this share of its own images reach, a picture is unlike them (the baseline of
# Hendrycks and Gimpel 2017); a net that is almost always sure does not reject what it is fairly sure of.
UNUSUAL, UNUSUAL_AT_MOST = 0.01, 0.5


@dataclass(frozen=True)
class Hint:
    """A sentence for answers whose calibrated confidence lies below `below`, 0 to 1."""

    below: float
    text: str


@dataclass(frozen=True)
class Confidence:
    """How far to trust a net's probabilities.

    Attributes:
        temperature: by which logits are divided; 1 where it could not be fitted.
        hints: by `below`, ascending; of those that apply the first is said.
    """

    temperature: float = 1.0
    hints: tuple[Hint, ...] = ()


def read_confidence(folder: Path) -> Confidence:
    """Return what the scores of the run in `folder` say; without saved scores, no hints.

    Raises InputError: the scores are corrupt or of another run.
    """
    return confidence(read_scored_run(folder)) if (folder / SCORES).is_file() else Confidence()


def confidence(run: ScoredRun) -> Confidence:
    """Fit temperature and hints on the run's validation images; where it has none, hints come from the test images."""
    name, (labels, scores) = ("test", run.test) if run.validation is None else ("validation", run.validation)
    fitted = temperature(scores, labels) if run.probabilities and run.validation is not None else 1.0
    calibrated = soften(scores, fitted) if run.probabilities else scores
    sure, right = calibrated.max(1), calibrated.argmax(1) == labels
    unusual = min(float(np.quantile(sure, UNUSUAL)), UNUSUAL_AT_MOST)
    images, below = f"{len(labels):,} {name} images", sure < UNSURE
    known = f"of its {images} it was as unsure of {below.sum():,}"
    if below.any():
        known += f", and labelled {100 * right[below].mean():.0f} % of those right"
    surer = float(np.floor(1000 * (sure >= unusual).mean()) / 10)
    return Confidence(
        fitted,
        (
            Hint(unusual, f"Probably none of its classes: {surer:g} % of its {images} made it surer."),
            Hint(UNSURE, f"Unsure: {known}."),
        ),
    )
