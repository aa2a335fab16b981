"""A coarse screen for Euclidean distances: a few directions in which the images differ most, and the rest as a length.

Rotated so that the first directions come first, x = (p, r), and |x - y|^2 = |p - q|^2 + |r - s|^2, where the last term
is at least (|r| - |s|)^2. So images of d + 1 numbers, (p, |r|), are never farther apart than the images themselves, and
the product that compares them costs d + 1 multiplications a pair in place of 3,072. On CIFAR-10 an eighth of the
directions leaves 5 candidates a query for its nearest image, on the average; on noise it would leave all.
"""

import numpy as np

from kerascifar.baselines.distances import Distance
from kerascifar.baselines.images import Images
from kerascifar.baselines.screens import Queries, squares_of

SAMPLE = 1000  # images whose principal directions are taken
SHARE = 8  # of the pixels, how many make a direction
LEAST_PIXELS, LEAST_IMAGES = 512, 4000  # below, the plain product is as fast
EXPLAINED = 0.9  # share of the sample's variance that the directions must hold to be of use


class Projection:
    """Lower bounds of Euclidean distances from the first principal directions of a sample.

    Projected images are kept, as float32: (directions + 1) x 4 bytes a training image.
    """

    spare, exact = 64, False

    def __init__(self, training: Images, distance: Distance) -> None:
        self.training, self.distance = training, distance
        self.centre = (training.stored[:SAMPLE].mean(0, dtype=np.float64) - training.mean) / training.std
        self.directions, self.explained = _directions(self._moved(training, slice(0, SAMPLE)), training.pixels // SHARE)
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
        if np.isnan(self.errors[rows]).any():  # once a block, for all queries to come
            self.projected[rows], self.errors[rows], _ = self._project(self.training, rows)
        y = self.projected[rows]
        product = queries.data[0] @ y.T
        product += squares_of(y).astype(np.float32)
        return product

    def least(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Take off the rounding of the product, then the errors of both projections."""
        u, n = np.finfo(np.float32).eps / 2, self.projected.shape[1]
        x, y = queries.size, np.sqrt(squares_of(self.projected).max())
        bound = 2 * n * u / (1 - n * u) * x * y + 4 * u * (x + y) ** 2
        squares = estimates + (x**2 - bound)[:, None]
        roots = np.sqrt(np.maximum(squares, 0)) - (queries.data[1] + self.errors.max())[:, None]
        return self.distance.of_squares(np.maximum(roots, 0) ** 2, self.training.pixels)

    def _moved(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        moved = images[rows] - self.centre
        return moved.reshape(len(moved), -1)

    def _project(self, images: Images, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (p, |r|) in float32, how far it may be from the true one, and its squared length."""
        moved = self._moved(images, rows)
        first = moved @ self.directions
        squares = squares_of(moved)
        # float64 sums of n products, in every direction; then what that does to |r|, the root of a difference.
        u, n, d = np.finfo(np.float64).eps / 2, *self.directions.shape
        off = 4 * n * u * np.sqrt(d) * np.sqrt(squares)
        rest = squares - squares_of(first)
        rest_off = 2 * off * np.sqrt(squares) + off**2 + 4 * n * u * squares
        last = np.sqrt(np.maximum(rest, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            last_off = np.fmin(np.sqrt(rest_off), rest_off / last)
        x = np.concatenate([first, last[:, None]], axis=1)
        narrow = x.astype(np.float32)
        return narrow, off + last_off + np.linalg.norm(x - narrow, axis=1), squares_of(narrow)


def kept_bytes(training: Images) -> int:
    """Memory that projected training images would take for good, with the directions."""
    return (len(training) + 2 * training.pixels) * (training.pixels // SHARE + 1) * 4


def projections(distance: Distance, training: Images, memory: int) -> list[Projection]:
    """Return the screen in a list, or an empty one where it does not pay.

    Args:
        distance: a row of DISTANCES that is a function of the sum of squared differences.
        training: the images searched.
        memory: bytes in all; projected images may take a quarter.
    """
    wanted = max(4 * kept_bytes(training), 32 * SAMPLE * training.pixels)
    if training.pixels < LEAST_PIXELS or len(training) < LEAST_IMAGES or wanted > memory:
        return []
    screen = Projection(training, distance)
    return [screen] if screen.explained >= EXPLAINED else []


def _directions(sample: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Return `count` orthonormal columns and the share of the variance they hold.

    They are the principal directions of `sample` (N, pixels), by its Gram matrix; QR makes them orthonormal to
    rounding, whatever the Gram matrix was worth.
    """
    values, vectors = np.linalg.eigh(sample @ sample.T)
    first = sample.T @ vectors[:, ::-1][:, :count]
    share = values[::-1][:count].sum() / max(values.sum(), np.finfo(float).tiny)
    return np.linalg.qr(first)[0], float(share)
