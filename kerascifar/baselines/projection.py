"""A coarse screen for Euclidean distances: the few directions in which images differ most, and the length of the rest.

Rotated so that these directions come first, x = (p, r), and |x - y|^2 = |p - q|^2 + |r - s|^2, where the last term is
at least (|r| - |s|)^2. So the d + 1 numbers (p, |r|) of two images are never farther apart than the images themselves,
and their product takes d + 1 multiplications per pair instead of 3,072. On CIFAR-10 an eighth of the directions leaves
5 candidates per query for its nearest image, on average; on noise it would leave all images.
"""

import numpy as np

from kerascifar.baselines.distances import Distance
from kerascifar.baselines.images import Images
from kerascifar.baselines.screens import Queries, squares_of

SAMPLE = 1000  # images whose principal directions are taken
SHARE = 8  # pixels per direction
LEAST_PIXELS, LEAST_IMAGES = 512, 4000  # with fewer, the plain product is as fast
EXPLAINED = 0.9  # share of the sample's variance that the directions must explain to be useful


class Projection:
    """Lower bounds of Euclidean distances from the first principal directions of a sample.

    Projected images are kept as float32: (directions + 1) x 4 bytes per training image.
    """

    spare, exact = 64, False

    def __init__(self, training: Images, distance: Distance) -> None:
        self.training, self.distance = training, distance
        self.centre = (training.stored[:SAMPLE].mean(0, dtype=np.float64) - training.mean) / training.std
        sample = self._centred(training, slice(0, SAMPLE))
        self.directions, self.explained = _directions(sample, training.pixels // SHARE)
        self.errors = np.full(len(training), np.nan)
        size = self.directions.shape[1] + 1
        self.projected = np.empty((len(training), size), np.float32)
        self.kept_bytes = kept_bytes(training)
        self.query_bytes = 8 * size + 32 * training.pixels
        self.training_bytes = 32 * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return -2 (p, |r|), the error of (p, |r|), and |x|."""
        x, errors, squares = self._project(queries, rows)
        return Queries((-2 * x, errors), np.sqrt(squares))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return |y|^2 - 2 (p, |r|).(q, |s|)."""
        if np.isnan(self.errors[rows]).any():  # once per block, for all queries to come
            self.projected[rows], self.errors[rows], _ = self._project(self.training, rows)
        y = self.projected[rows]
        product = queries.data[0] @ y.T
        product += squares_of(y).astype(np.float32)
        return product

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Subtract the possible rounding errors of the product, then those of both projections."""
        u, n = np.finfo(np.float32).eps / 2, self.projected.shape[1]
        x, y = queries.size, np.sqrt(squares_of(self.projected).max())
        error = 2 * n * u / (1 - n * u) * x * y + 4 * u * (x + y) ** 2
        squares = estimates + (x**2 - error)[:, None]
        roots = np.sqrt(np.maximum(squares, 0)) - (queries.data[1] + self.errors.max())[:, None]
        return self.distance.of_squares(np.maximum(roots, 0) ** 2, self.training.pixels)

    def _centred(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        centred = images[rows] - self.centre
        return centred.reshape(len(centred), -1)

    def _project(self, images: Images, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (p, |r|) in float32, a bound of its error, and its squared length."""
        centred = self._centred(images, rows)
        first = centred @ self.directions
        squares = squares_of(centred)
        # The error of float64 sums of n products, in every direction; then its effect on |r|, the root of a difference.
        u, n, d = np.finfo(np.float64).eps / 2, *self.directions.shape
        error = 4 * n * u * np.sqrt(d) * np.sqrt(squares)
        rest = squares - squares_of(first)
        rest_error = 2 * error * np.sqrt(squares) + error**2 + 4 * n * u * squares
        last = np.sqrt(np.maximum(rest, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            last_error = np.fmin(np.sqrt(rest_error), rest_error / last)
        x = np.concatenate([first, last[:, None]], axis=1)
        narrow = x.astype(np.float32)
        return narrow, error + last_error + np.linalg.norm(x - narrow, axis=1), squares_of(narrow)


def kept_bytes(training: Images) -> int:
    """Return the memory that projected training images and the directions would keep."""
    return (len(training) + 2 * training.pixels) * (training.pixels // SHARE + 1) * 4


def projections(distance: Distance, training: Images, memory: int) -> list[Projection]:
    """Return a list with the screen, or an empty list if it would not make the search faster.

    Args:
        distance: a row of DISTANCES that is a function of the sum of squared differences.
        training: the images searched.
        memory: bytes in all; projected images may take a quarter.
    """
    needed = max(4 * kept_bytes(training), 32 * SAMPLE * training.pixels)
    if training.pixels < LEAST_PIXELS or len(training) < LEAST_IMAGES or needed > memory:
        return []
    screen = Projection(training, distance)
    return [screen] if screen.explained >= EXPLAINED else []


def _directions(sample: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Return `count` orthonormal columns and the share of the variance that they explain.

    They are the principal directions of `sample` (N, pixels), from its Gram matrix; QR makes them orthonormal up to
    rounding, however accurate the Gram matrix is.
    """
    values, vectors = np.linalg.eigh(sample @ sample.T)
    first = sample.T @ vectors[:, ::-1][:, :count]
    share = values[::-1][:count].sum() / max(values.sum(), np.finfo(float).tiny)
    return np.linalg.qr(first)[0], float(share)
