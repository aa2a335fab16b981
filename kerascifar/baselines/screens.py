"""Fast estimates of distances with a bound on their error: images that are certainly too far are screened out.

A screen returns estimates for a block of training images that rank them roughly as the distance does, and a lower bound
of the distance for each estimate. `search` computes the distance by its definition for all images that could be among
the k nearest, so the answer is exact whatever the precision of the screen.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kerascifar.baselines.distances import Distance
from kerascifar.baselines.images import Images


@dataclass(frozen=True)
class Queries:
    """Prepared queries: `data` in the screen's own form, and `size` (Q,), from which it computes its error."""

    data: tuple[np.ndarray, ...]
    size: np.ndarray


class Screen(Protocol):
    """What `search` asks of a screen; one object serves all threads.

    Attributes:
        training: the images searched.
        query_bytes: memory of one prepared query.
        training_bytes: memory of one training image while it is compared.
        kept_bytes: memory that the screen itself holds.
        spare: candidates to keep beside the k with the smallest estimates.
        exact: whether estimates are distances by definition.
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

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Return lower bounds of the distances, float64 (Q, n); called when all blocks have been estimated."""


class ByDefinition:
    """The definition itself: slow, exact, and the last resort where many distances are equal."""

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

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Return the estimates."""
        return estimates


class Product:
    """Euclidean distances through one matrix product: |x - y|^2 = |x|^2 - 2 x.y + |y|^2.

    The estimate omits |x|^2, which is the same for all candidates of a query. Images are shifted so that the mean image
    lies at the origin, which changes no distance and reduces cancellation. The bound is the worst case for a sum of n
    products in any order, n u / (1 - n u) (Higham 2002, section 3.1), so it holds for every BLAS.
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
        if np.isnan(self.squares[rows]).any():  # once per block, for all queries to come
            self.squares[rows] = squares_of(y)
        product = queries.data[0] @ y.T
        product += self.squares[rows].astype(self.dtype)
        return product

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Subtract the possible rounding errors of the product, the sums and the shift."""
        u, n = np.finfo(self.dtype).eps / 2, self.training.pixels
        x, y = queries.size, np.sqrt(self.squares.max())
        shifted = 2 * (x + y) * u * (3 * (x + y) + queries.data[1] + self._shift_norm(self.training))
        error = 2 * n * u / (1 - n * u) * x * y + 4 * u * (x + y) ** 2 + shifted
        squares = estimates.astype(np.float64) + (x**2 - error)[:, None]
        return self.distance.of_squares(np.maximum(squares, 0), n)

    def _shift(self, images: Images) -> np.ndarray:
        return images.mean + images.std * self.centre

    def _shift_norm(self, images: Images) -> np.ndarray:
        return np.linalg.norm(self._shift(images) / images.std)

    def _rows(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        shifted = np.subtract(images.stored[rows], self._shift(images).astype(self.dtype), dtype=self.dtype)
        if np.any(images.std != 1):
            shifted /= np.asarray(images.std, self.dtype)
        return shifted.reshape(len(shifted), -1)


class Cosine:
    """Cosines as a matrix product of unit rows; `sign` -1 ranks the most similar first, +1 the least similar."""

    spare, exact, kept_bytes = 16, False, 0

    def __init__(self, training: Images, dtype: type, sign: int) -> None:
        self.training, self.dtype, self.sign = training, np.dtype(dtype), sign
        self.query_bytes = self.training_bytes = (self.dtype.itemsize + 16) * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return unit rows times `sign`, or zeros for an image of zeros."""
        return Queries((self.sign * self._unit(queries, rows),), np.ones(len(rows)))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return cosines times `sign`."""
        return queries.data[0] @ self._unit(self.training, rows).T

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Subtract the possible rounding errors of unit rows and their product."""
        u, n = np.finfo(self.dtype).eps / 2, self.training.pixels
        error = n * u / (1 - n * u) + 8 * u
        return estimates + ((1.0 if self.sign < 0 else 0.0) - error)

    def _unit(self, images: Images, rows: slice | np.ndarray) -> np.ndarray:
        x = images.flat(rows)
        norm = np.sqrt(squares_of(x))[:, None]
        return np.divide(x, norm, out=np.zeros(x.shape, self.dtype), where=norm > 0, casting="same_kind")


def squares_of(x: np.ndarray) -> np.ndarray:
    """Return the sum of squares of each row, in float64."""
    return np.einsum("ij,ij->i", x, x, dtype=np.float64, casting="safe")
