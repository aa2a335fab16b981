"""Several models, one answer: soft and hard voting over saved scores. NumPy only."""

from collections.abc import Callable

import numpy as np


def soft(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the members' probabilities.

    Args:
        scores: (members, N, classes), rows that sum to 1.
        weights: (members,), above 0; only their ratios count.

    Returns:
        Probabilities, float64 (N, classes).
    """
    return np.average(scores.astype(np.float64), axis=0, weights=weights)


def hard(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return shares of a vote in which each member votes for its largest score.

    A tie goes to the most confident model (study 002): of the members that voted for one of the tied classes, the one
    with the largest score decides, the first of them if there are several.

    Args:
        scores: (members, N, classes).
        weights: (members,), above 0: how many votes a member has; only their ratios count.

    Returns:
        Shares, float64 (N, classes). The largest of a row is the winner: where it won a tie, its share is raised by
        one float64 step above the others.
    """
    images = np.arange(scores.shape[1])
    chosen, confidence = scores.argmax(2), scores.max(2)
    shares = np.zeros(scores.shape[1:])
    for vote, weight in zip(chosen, weights / weights.sum(), strict=True):
        shares[images, vote] += weight
    most = shares.max(1)
    # 0.1 + 0.2 against 0.3 is a tie, whatever floating point says.
    ahead = shares[images, chosen] > most - 1e-9
    winner = chosen[np.where(ahead, confidence, -np.inf).argmax(0), images]
    lost = shares.argmax(1) != winner
    shares[images[lost], winner[lost]] = np.nextafter(most[lost], 2)
    return shares


# How the members' scores become the ensemble's.
VOTES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"soft": soft, "hard": hard}
