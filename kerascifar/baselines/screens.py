"""Fast estimates of distances with a bound on their error: what is surely too far is screened out.

A screen returns, for a block of training images, numbers that rank them roughly as the distance does, and says how
near an image with such a number could be at the least. search.py works out all that could be among the k nearest by
the distance's definition, so that the answer is exact whatever the screen's precision.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kerascifar.baselines.distances import Distance
from kerascifar.baselines.images import Images


@dataclass(frozen=True)
class Queries:
    """Prepared queries: `data` in the screen's own form, `size` (Q,) what its error is worked out from."""

    data: tuple[np.ndarray, ...]
    size: np.ndarray


class Screen(Protocol):
    """What search.py asks of a screen; one object serves all threads.

    Attributes:
        training: the images searched.
        query_bytes: memory of one prepared query.
        training_bytes: memory of one training image while it is compared.
        kept_bytes: memory kept for good.
        spare: candidates to keep beside the k with the smallest estimates.
        exact: estimates are distances by definition.
    """

    training: Images
    query_bytes: int
    training_bytes: int
    kept_bytes: int
    spare: int
    exact: bool

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Bring `rows` of the queries into the screen's form."""

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return estimates (Q, T) against `rows` of the training images."""

    def least(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Return float64 (Q, n): no image with this estimate is nearer. Asked when all blocks were estimated."""


class ByDefinition:
    """No screen at all: the definition itself. Slow, exact, and the last resort where ties abound."""

    spare, exact, kept_bytes = 16, True, 0

    def __init__(self, training: Images, distance: Distance) -> None:
        self.training, self.distance = training, distance
        self.query_bytes = 8 * training.pixels
        # Differences and their squares, or the products and windows of SSIM, in float64.
        self.training_bytes = (64 if distance.images else 32) * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return float64 images or rows."""
        return Queries((self.distance.shaped(queries, rows),), np.zeros(len(rows)))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return exact distances."""
        return self.distance.definition(queries.data[0], self.distance.shaped(self.training, rows))

    def least(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Return the estimates."""
        return estimates


class Product:
    """Euclidean distances through one matrix product: |x - y|^2 = |x|^2 - 2 x.y + |y|^2.

    The estimate leaves out |x|^2, which is the same for all candidates of a query. Images are moved so that the mean
    image lies at the origin, which changes no distance and leaves less to cancel. The bound is the worst case for a
    sum of n products in any order, n u / (1 - n u) (Higham 2002, section 3.1), so it holds for every BLAS.
    """

    spare, exact, kept_bytes = 16, False, 0

    def __init__(self, training: Images, distance: Distance, dtype: type) -> None:
        self.training, self.distance, self.dtype = training, distance, np.dtype(dtype)
        self.centre = (training.stored[:1000].mean(0, dtype=np.float64) - training.mean) / training.std
        self.squares = np.full(len(training), np.nan)
        self.query_bytes = (self.dtype.itemsize + 8) * training.pixels
        self.training_bytes = (self.dtype.itemsize * 2) * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return -2 x."""
        x = self._rows(queries, rows)
        return Queries((-2 * x, self._shift_norm(queries)), np.sqrt(squares_of(x)))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return |y|^2 - 2 x.y."""
        y = self._rows(self.training, rows)
        if np.isnan(self.squares[rows]).any():  # once a block, for all queries to come
            self.squares[rows] = squares_of(y)
        product = queries.data[0] @ y.T
        product += self.squares[rows].astype(self.dtype)
        return product

    def least(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Take off what the product, the sums and moving the images may have been rounded by."""
        u, n = np.finfo(self.dtype).eps / 2, self.training.pixels
        x, y = queries.size, np.sqrt(self.squares.max())
        moved = 2 * (x + y) * u * (3 * (x + y) + queries.data[1] + self._shift_norm(self.training))
        bound = 2 * n * u / (1 - n * u) * x * y + 4 * u * (x + y) ** 2 + moved
        squares = estimates.astype(np.float64) + (x**2 - bound)[:, None]
        return self.distance.of_squares(np.maximum(squares, 0), n)

    def _shift(self, images: Images) -> np.ndarray:
        return images.mean + images.std * self.centre

    def _shift_norm(self, images: Images) -> np.ndarray:
        return np.linalg.norm(self._shift(images) / images.std)

    def _rows(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        moved = np.subtract(images.stored[rows], self._shift(images).astype(self.dtype), dtype=self.dtype)
        if np.any(images.std != 1):
            moved /= np.asarray(images.std, self.dtype)
        return moved.reshape(len(moved), -1)


class Cosine:
    """Cosines as a matrix product of unit rows; `sign` -1 ranks the most alike first, +1 the least alike."""

    spare, exact, kept_bytes = 16, False, 0

    def __init__(self, training: Images, dtype: type, sign: int) -> None:
        self.training, self.dtype, self.sign = training, np.dtype(dtype), sign
        self.query_bytes = self.training_bytes = (self.dtype.itemsize + 16) * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return unit rows, or zeros for an image of zeros."""
        return Queries((self.sign * self._unit(queries, rows),), np.ones(len(rows)))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return cosines, with the sign."""
        return queries.data[0] @ self._unit(self.training, rows).T

    def least(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Take off what a product of unit rows, and making them, may have been rounded by."""
        u, n = np.finfo(self.dtype).eps / 2, self.training.pixels
        bound = n * u / (1 - n * u) + 8 * u
        return estimates + ((1.0 if self.sign < 0 else 0.0) - bound)

    def _unit(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        x = images.flat(rows)
        norm = np.sqrt(squares_of(x))[:, None]
        return np.divide(x, norm, out=np.zeros(x.shape, self.dtype), where=norm > 0, casting="same_kind")


def squares_of(x: np.ndarray) -> np.ndarray:
    """Sum the squares of each row, in float64."""
    return np.einsum("ij,ij->i", x, x, dtype=np.float64, casting="safe")
