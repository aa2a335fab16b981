"""k-fold cross-validation: every image is held out once."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.scratch.training import FOLDS

if TYPE_CHECKING:
    from kerascifar.scratch.network import Network


def folds(count: int, k: int, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield k pairs of sorted indices (learn, held out) into `count` shuffled images; sizes differ by 1 at most.

    Raises:
        InputError: k is not from 2 to `count`.
    """
    if not 2 <= k <= count:
        raise InputError(f"the number of folds must be from 2 to the {count} training images, got {k}")
    parts = np.array_split(np.random.default_rng([seed, FOLDS, 0, 0]).permutation(count), k)
    for i in range(k):
        yield np.sort(np.concatenate(parts[:i] + parts[i + 1 :])), np.sort(parts[i])


def cross_validate(
    make: Callable[[], "Network"],
    train: Callable[["Network", np.ndarray, np.ndarray], Any],
    images: np.ndarray,
    labels: np.ndarray,
    k: int = 5,
    seed: int = 0,
) -> list[float]:
    """Return the accuracy on each fold of a net that ``make()`` made and ``train(net, images, labels)`` trained.

    A fold that went on with the last fold's net would be measured on images the net has learnt from.
    """
    accuracies = []
    for learn, held_out in folds(len(images), k, seed):
        network = make()
        train(network, images[learn], labels[learn])
        accuracies.append(network.evaluate(images[held_out], labels[held_out])[1])
    return accuracies
