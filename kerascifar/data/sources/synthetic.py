"""Images drawn by NumPy: for tests and benchmarks, of any number, and learnable."""

import re
from collections.abc import Sequence

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError

SIDE = 32
CLASSES = 10
TRAIN = 2000
_LEAST = 4 * CLASSES  # so that the test split, a quarter, holds every class
# Of data sets that have not 10; the head's size hardly counts.
_CLASSES = {"cifar100": 100, "cifar100_coarse": 20}
_CHUNK = 1000  # images drawn at once: 12 MB of float32


def check(argument: str) -> None:
    """Check the N of ``synthetic:N``; empty means 2,000. Raises InputError: not a whole number of at least 40."""
    if argument and (not re.fullmatch(r"[0-9]{1,9}", argument) or int(argument) < _LEAST):
        raise InputError(
            f"--dataset: synthetic:N needs a whole number of at least {_LEAST}, such as synthetic:2000; "
            f"got {argument!r}"
        )


def read(config: RunConfig, argument: str = "") -> Dataset:
    """Draw N training images (2,000 unless `argument` says otherwise) and N // 4 test images, uint8 32x32x3.

    Class k is a grating at about k x 18 degrees, with a period of 4 to 8 pixels, any phase, and a faint tint of its
    own, in noise. The orientation decides, so a convolution can learn it nearly perfectly; what a linear model sees is
    the tint. The seed is fixed: the data do not change with the training's.

    Raises:
        InputError: see ``check``.
    """
    check(argument)
    count = int(argument or TRAIN)
    classes = tuple(f"grating_{180 // CLASSES * k:03d}" for k in range(CLASSES))
    return Dataset(config.dataset, classes, _draw(count, seed=0), None, _draw(count // 4, seed=1))


def noise(count: int, shape: Sequence[int]) -> np.ndarray:
    """Return `count` images of noise, uint8 (count, *shape), the same each time: enough where only time is measured."""
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


def noise_dataset(config: RunConfig, count: int) -> Dataset:
    """Return `count` training images of noise, of the shape and classes that the data set of `config` has."""
    side, classes = config.image_size or SIDE, _CLASSES.get(config.dataset, CLASSES)
    names = tuple(f"class {i}" for i in range(classes))
    return Dataset(config.dataset, names, Split(noise(count, (side, side, 3)), np.arange(count) % classes), None, None)


def _draw(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % CLASSES)
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, _CHUNK):
        images[start : start + _CHUNK] = _gratings(labels[start : start + _CHUNK], rng)
    return Split(images, labels.astype(np.int64))


def _gratings(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 (N, 32, 32, 3)."""

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.uniform(low, high, (len(labels), *shape)).astype(np.float32)

    angle = np.pi / CLASSES * (labels + uniform(-0.3, 0.3))
    frequency = 2 * np.pi / uniform(4, 8)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    wave = np.sin(frequency[:, None, None] * along + uniform(0, 2 * np.pi)[:, None, None])
    colour = uniform(20, 60, 1, 1, 3)  # amplitude per channel
    hue = 2 * np.pi * (labels[:, None] / CLASSES + np.arange(3) / 3)
    tint = 22 * np.cos(hue)[:, None, None, :] + uniform(-40, 40, 1, 1, 3)
    noise = rng.standard_normal((len(labels), SIDE, SIDE, 3), np.float32) * 25
    pixels = 127.5 + wave[..., None] * colour + tint + noise
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
