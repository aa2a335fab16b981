"""Are two nets equally accurate? Which labels flip from one to the other, and a paired test of equivalence."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

MARGIN = 0.005  # half a point: accuracies that differ by less count as equal
LEVEL = 0.05


def flips(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> dict[str, int]:
    """Return how many of the labels `before`, int (N,), are others in `after`: to_right, to_wrong and between_wrong.

    >>> flips(np.array([0, 1, 1, 2]), np.array([1, 0, 1, 0]), np.array([1, 1, 1, 1]))
    {'to_right': 1, 'to_wrong': 1, 'between_wrong': 1}
    """
    right, was_right, changed = after == labels, before == labels, before != after
    return {
        "to_right": int((right & ~was_right).sum()),
        "to_wrong": int((was_right & ~right).sum()),
        "between_wrong": int((changed & ~right & ~was_right).sum()),
    }


def equivalence(to_right: int, to_wrong: int, images: int, margin: float = MARGIN) -> dict[str, Any]:
    """Test whether two accuracies on the same images differ by less than `margin`: two one-sided paired tests (TOST).

    Each is the score test of Tango (1998) for a difference of paired proportions, in its normal approximation, which
    needs no more than the numbers of labels that flipped. Without a flip it still asks for enough images.

    Args:
        to_right: images that only the second net labels correctly.
        to_wrong: images that only the first does.
        images: all of them.
        margin: above 0 and below 1.

    Returns:
        margin; p, the larger of the two p-values; equivalent, whether p is below 0.05.

    >>> equivalence(5, 5, 1000, margin=0.02)["equivalent"], equivalence(0, 0, 100)["equivalent"]
    (True, False)
    """
    from scipy.stats import norm

    above = norm.sf(_score(to_right, to_wrong, images, -margin))
    below = norm.cdf(_score(to_right, to_wrong, images, margin))
    p = float(max(above, below))
    return {"margin": margin, "p": p, "equivalent": p < LEVEL}


def _score(gained: int, lost: int, images: int, difference: float) -> float:
    """Return how far the data lie from this true `difference` of the accuracies, in standard deviations."""
    # The likeliest share of lost images if the difference is so solves a q**2 + b q + c = 0.
    a = 2 * images
    b = (2 * images - gained + lost) * difference - gained - lost
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    variance = images * (2 * share + difference - difference**2)
    return (gained - lost - images * difference) / math.sqrt(variance)


def in_words(agreement: Mapping[str, Any]) -> str:
    """Return what `flips` and `equivalence` found, as export.json holds it under "agreement", as half a sentence."""
    changed, test = agreement["flips"], agreement["equivalence"]
    verdict = "equivalent" if test["equivalent"] else "not shown to be equivalent"
    return (
        f"{changed['to_right']:,} labels flip to right, {changed['to_wrong']:,} to wrong, "
        f"{changed['between_wrong']:,} from one wrong to another; {verdict} within {100 * test['margin']:g} points "
        f"(paired TOST, p = {test['p']:.2g})"
    )
