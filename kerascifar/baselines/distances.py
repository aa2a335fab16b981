"""The distances, each defined once: plain NumPy in float64, every query against every training image.

How they are searched fast is screens.py's business; a screen is held against the definition here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from kerascifar.baselines.images import Images
from kerascifar.baselines.ssim import ssim

Definition = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Distance:
    """One row of DISTANCES.

    Attributes:
        definition: float64 queries (Q, ...) and training images (T, ...) to distances (Q, T).
        search: which of ``screens.SCREENS`` find the candidates.
        of_squares: the distance from a sum of squared differences and the number of pixels, where that is all it is.
        power: scaling all pixels by s scales the distance by s**power, and shifting them changes nothing;
            None where that does not hold.
        images: the definition wants (N, H, W, C); otherwise rows (N, D).
        data_range: of SSIM; None where each query has its own.
    """

    definition: Definition
    search: str
    of_squares: Callable[[np.ndarray, int], np.ndarray] | None = None
    power: int | None = None
    images: bool = False
    data_range: float | None = None

    def with_range(self, data_range: float) -> "Distance":
        """Return the same distance with one data range for all pairs."""
        return replace(self, definition=partial(self.definition, fixed_range=data_range), data_range=data_range)

    def between(self, x: Images, rows: slice | np.ndarray, y: Images, columns: slice | np.ndarray) -> np.ndarray:
        """Return the distances (n, m) of `rows` of x from `columns` of y."""
        return self.definition(self.shaped(x, rows), self.shaped(y, columns))

    def shaped(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        """Return normalised float64 `rows`, in the shape that the definition wants."""
        return images[rows] if self.images else images.flat(rows)


def _root(squares: np.ndarray, pixels: int) -> np.ndarray:
    return np.sqrt(squares)


def _mean(squares: np.ndarray, pixels: int) -> np.ndarray:
    return squares / pixels


def l1(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum of absolute differences (Manhattan distance)."""
    return np.stack([np.abs(one - y).sum(1) for one in x])


def euclidean(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Root of the sum of squared differences."""
    return np.sqrt(np.stack([((one - y) ** 2).sum(1) for one in x]))


def mse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean of squared differences."""
    return np.stack([((one - y) ** 2).mean(1) for one in x])


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - cosine of the angle between two images; 1 where either is all zeros."""
    dot = np.stack([(one * y).sum(1) for one in x])
    norms = np.sqrt((x * x).sum(1))[:, None] * np.sqrt((y * y).sum(1))
    return 1 - np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0)


def cosine_inverted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosine similarity taken for a distance, so that the least similar image wins: a fault of study 000's k-NN."""
    return 1 - cosine(x, y)


def structural(x: np.ndarray, y: np.ndarray, fixed_range: float | None = None) -> np.ndarray:
    """1 - SSIM: 0 for equal images, 2 at most; the data range is the query's if none is fixed."""
    return 1 - ssim(x, y, fixed_range)


# `Pair` in study 000's tables is euclidean: its text defines l1, its code takes the Euclidean distance.
DISTANCES: dict[str, Distance] = {
    "l1": Distance(l1, search="l1", power=1),
    "euclidean": Distance(euclidean, search="product", of_squares=_root, power=1),
    "mse": Distance(mse, search="product", of_squares=_mean, power=2),
    "cosine": Distance(cosine, search="cosine"),
    "cosine_inverted": Distance(cosine_inverted, search="cosine_inverted"),
    "ssim": Distance(structural, search="ssim", images=True),
}
