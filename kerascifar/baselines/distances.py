"""The distances, each defined once: plain NumPy in float64, every query against every training image.

`screens` makes the search fast; a screen is tested against the definition here.
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
        search: the row of ``search.SCREENS`` that finds the candidates.
        of_squares: the distance as a function of the sum of squared differences and the number of pixels; else None.
        power: scaling all pixels by s scales the distance by s**power, and shifting them changes nothing;
            None if that does not hold.
        images: whether the definition takes (N, H, W, C); else it takes rows (N, D).
        data_range: of SSIM; None means that each query has its own.
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
        """Return normalised float64 `rows`, in the shape that the definition takes."""
        return images[rows] if self.images else images.flat(rows)


def _root(squares: np.ndarray, pixels: int) -> np.ndarray:
    return np.sqrt(squares)


def _mean(squares: np.ndarray, pixels: int) -> np.ndarray:
    return squares / pixels


def l1(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the sum of absolute differences (Manhattan distance)."""
    return np.stack([np.abs(image - y).sum(1) for image in x])


def euclidean(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the root of the sum of squared differences."""
    return np.sqrt(np.stack([((image - y) ** 2).sum(1) for image in x]))


def mse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mean of squared differences."""
    return np.stack([((image - y) ** 2).mean(1) for image in x])


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 - the cosine of the angle between two images; 1 if either is all zeros."""
    dot = np.stack([(image * y).sum(1) for image in x])
    norms = np.sqrt((x * x).sum(1))[:, None] * np.sqrt((y * y).sum(1))
    return 1 - np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0)


def cosine_inverted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the cosine similarity as a distance, so that the least similar image wins: a fault of study 000's k-NN."""
    return 1 - cosine(x, y)


def structural(x: np.ndarray, y: np.ndarray, fixed_range: float | None = None) -> np.ndarray:
    """Return 1 - SSIM: 0 for equal images, at most 2; without `fixed_range` the data range is the query's."""
    return 1 - ssim(x, y, fixed_range)


# `Pair` in study 000's tables is euclidean: its text defines l1, its code computes the Euclidean distance.
DISTANCES: dict[str, Distance] = {
    "l1": Distance(l1, search="l1", power=1),
    "euclidean": Distance(euclidean, search="product", of_squares=_root, power=1),
    "mse": Distance(mse, search="product", of_squares=_mean, power=2),
    "cosine": Distance(cosine, search="cosine"),
    "cosine_inverted": Distance(cosine_inverted, search="cosine_inverted"),
    "ssim": Distance(structural, search="ssim", images=True),
}
