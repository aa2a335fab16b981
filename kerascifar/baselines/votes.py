"""From the labels of the nearest neighbours to shares of the vote and a winner."""

from collections.abc import Callable

import numpy as np

from kerascifar.registry import lookup

# Each rule gives, for every query and class, what the smallest wins among classes with equally many votes.
Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _lowest(voted: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return np.zeros(voted.shape[::2])


def _nearest(voted: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return voted.argmax(1)


def _sum(voted: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return (voted * distances[:, :, None]).sum(1)


TIES: dict[str, Rule] = {
    "lowest": _lowest,  # the lowest class id, as np.bincount(...).argmax() in study 000
    "nearest": _nearest,  # the class of the nearest neighbour among them
    "sum": _sum,  # the class whose neighbours' distances have the smallest sum
}


def vote(labels: np.ndarray, distances: np.ndarray, classes: int, ties: str) -> tuple[np.ndarray, np.ndarray]:
    """Let the neighbours vote, one vote each; what a rule leaves open goes to the lowest class id.

    Args:
        labels: int (N, k) of the neighbours, nearest first.
        distances: float64 (N, k), ascending.
        classes: how many there are.
        ties: a name in TIES.

    Returns:
        float64 shares (N, classes), and int64 winners (N,).

    Raises:
        InputError: unknown rule.
    """
    rule = lookup(TIES, ties, "--ties")
    voted = labels[:, :, None] == np.arange(classes)
    votes = voted.sum(1)
    order = np.where(votes == votes.max(1, keepdims=True), rule(voted, distances), np.inf)
    return votes / labels.shape[1], order.argmin(1)
