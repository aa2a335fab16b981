"""k-fold cross-validation: every image is held out exactly once."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.scratch.network import FOLDS, Network, random_stream


def folds(count: int, k: int, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield k pairs of sorted indices (train, held out) into `count` images; fold sizes differ by at most 1.

    Raises InputError: k is not from 2 to `count`.
    """
    if not 2 <= k <= count:
        raise InputError(f"the number of folds must be from 2 to the {count} training images, got {k}")
    held_out = np.array_split(random_stream(seed, FOLDS).permutation(count), k)
    for i in range(k):
        yield np.sort(np.concatenate(held_out[:i] + held_out[i + 1 :])), np.sort(held_out[i])


def cross_validate(
    make: Callable[[], Network],
    train: Callable[[Network, np.ndarray, np.ndarray], Any],
    images: np.ndarray,
    labels: np.ndarray,
    k: int = 5,
    seed: int = 0,
) -> list[float]:
    """Return the accuracy on each fold of a net that ``make()`` returns and ``train(net, images, labels)`` trains.

    Each fold needs a fresh net: the previous fold's has been trained on the images that are held out now.
    """
    accuracies = []
    for trained, held_out in folds(len(images), k, seed):
        network = make()
        train(network, images[trained], labels[trained])
        accuracies.append(network.evaluate(images[held_out], labels[held_out])[1])
    return accuracies
