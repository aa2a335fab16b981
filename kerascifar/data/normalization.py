"""How pixels are normalised: x becomes (x - mean) / std, in units of pixels from 0 to 255.

The Keras nets put the two numbers into the model's first layer; baselines and scratch nets apply them to arrays.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from kerascifar.core.registry import lookup

Statistics = tuple[np.ndarray, np.ndarray]


def _channel(images: np.ndarray) -> Statistics:
    """Mean and population standard deviation per channel; a constant channel keeps std 1."""
    # Sums over a 256-bin histogram are exact and need no float copy of the images; bincount itself makes an int64
    # copy, so it gets 4 Mi pixels at a time.
    step, channels = max(1, 2**22 // images[0].size), images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), step):
        block = images[start : start + step].reshape(-1, channels)
        counts += [np.bincount(block[:, c], minlength=256) for c in range(channels)]
    pixels = np.arange(256)
    mean = counts @ pixels / counts.sum(1)
    std = np.sqrt(counts @ pixels**2 / counts.sum(1) - mean**2)
    return mean, np.where(std > 0, std, 1.0)


def _zscore(images: np.ndarray) -> Statistics:
    mean, std = _channel(images.reshape(-1, 1))
    return mean[0], std[0]


def _constant(mean: ArrayLike, std: ArrayLike) -> Callable[[np.ndarray], Statistics]:
    return lambda images: (np.float64(mean), np.float64(std))  # arrays where sequences are given


def _minmax(images: np.ndarray) -> Statistics:
    low, high = int(images.min()), int(images.max())
    return np.float64(low), np.float64(max(high - low, 1))


NORMALIZATIONS: dict[str, Callable[[np.ndarray], Statistics]] = {
    "channel": _channel,  # mean and std per channel, of the training images
    "zscore": _zscore,  # one mean and std over everything (study 000)
    "minmax": _minmax,  # to 0..1 by the smallest and largest pixel (study 000)
    "half": _constant(127.5, 127.5),  # to -1..1 (study 004)
    "study003": _constant((125.307, 122.961, 113.8575), (51.5865, 50.847, 51.255)),  # what its text prints, x 255
    "unit": _constant(0.0, 255.0),  # to 0..1
    "none": _constant(0.0, 1.0),
}


def statistics(name: str, images: np.ndarray) -> Statistics:
    """Return mean and std, scalars or one per channel, of uint8 `images` (N, H, W, C).

    Raises InputError: unknown name.
    """
    return lookup(NORMALIZATIONS, name, "--normalize")(images)
