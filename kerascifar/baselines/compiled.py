"""The screens for L1 and SSIM that need the compiled loops of kernels.py (the extra [fast])."""

import numpy as np

from kerascifar.baselines import kernels
from kerascifar.baselines.images import Images
from kerascifar.baselines.screens import Queries
from kerascifar.baselines.ssim import K1, K2, WINDOW, data_range, window_sums

AREA = WINDOW**2


class L1Bytes:
    """Sums of absolute differences of bytes: no rounding, but perhaps many ties."""

    spare, exact, kept_bytes = 16, False, 0

    def __init__(self, training: Images) -> None:
        self.training = training
        self.query_bytes = self.training_bytes = training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return the bytes."""
        return Queries((_flat(queries.stored[rows]),), np.zeros(len(rows)))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return exact distances, int32."""
        x, y = queries.data[0], _flat(self.training.stored[rows])
        out = np.empty((len(x), len(y)), np.int32)
        kernels.l1_bytes(x, y, out)
        return out

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Return the estimates."""
        return estimates.astype(np.float64)


class L1Floats:
    """Sums of absolute differences of floats."""

    spare, exact, kept_bytes = 16, False, 0

    def __init__(self, training: Images, dtype: type) -> None:
        self.training, self.dtype = training, np.dtype(dtype)
        self.sizes = np.zeros(len(training))
        self.query_bytes = self.training_bytes = (self.dtype.itemsize + 16) * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return rows of this precision."""
        x = queries.flat(rows)
        return Queries((x.astype(self.dtype),), np.abs(x).sum(1))

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return distances."""
        y = self.training.flat(rows)
        self.sizes[rows] = np.abs(y).sum(1)
        out = np.empty((len(queries.data[0]), len(y)), self.dtype)
        kernels.l1_floats(queries.data[0], y.astype(self.dtype), out)
        return out

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Subtract the possible rounding errors of both images and of a sum of n terms in any order."""
        u, n = np.finfo(self.dtype).eps / 2, self.training.pixels
        error = (n + 2) * u / (1 - n * u) * (queries.size + self.sizes.max())
        return estimates - error[:, None]


class Structural:
    """1 - SSIM of prepared images: with the means and variances of their windows, a pair needs only the covariances.

    Bytes become integers around zero: float32 then holds each sum of 49 products exactly, as a running sum requires.
    Other images are compared in float64.
    """

    spare, exact, kept_bytes = 16, False, 0

    def __init__(self, training: Images, dtype: type, fixed_range: float | None) -> None:
        self.training, self.dtype, self.fixed_range = training, np.dtype(dtype), fixed_range
        stored = training.stored
        self.integers = stored.dtype == np.uint8
        self.centre = 128 if self.integers else 0
        self.largest = 128.0 if self.integers else float(max(stored.max(), -stored.min()))
        self.lanes = kernels.LANES[self.dtype]
        height, width, channels = self.shape = training.shape[1:]
        self.places = (height - WINDOW + 1, width - WINDOW + 1)
        self.windows = channels * self.places[0] * self.places[1]
        self.std, self.mean = (np.broadcast_to(a, channels).astype(float) for a in (training.std, training.mean))
        self.query_bytes = self.dtype.itemsize * (training.pixels + 5 * self.windows) + 64 * training.pixels
        self.training_bytes = self.dtype.itemsize * 3 * training.pixels + 24 * training.pixels

    def prepare(self, queries: Images, rows: np.ndarray) -> Queries:
        """Return pixels, the five numbers per window that the kernel takes, and C1."""
        ranges = data_range(queries[rows]) if self.fixed_range is None else np.full(len(rows), self.fixed_range)
        c1, c2 = ((k * ranges) ** 2 for k in (K1, K2))
        std, mean = (np.broadcast_to(a, self.shape[2]).astype(float) for a in (queries.std, queries.mean))
        x = self._centred(queries.stored[rows]).transpose(0, 3, 1, 2)
        sums, deviations = self._moments(x, 2, 3)
        slope = (2 / ((AREA - 1) * self.std * std))[:, None, None]
        means = (sums / AREA + self.centre - mean[:, None, None]) / std[:, None, None]
        variances = deviations / (AREA * (AREA - 1) * std[:, None, None] ** 2)
        c1_, c2_ = c1[:, None, None, None], c2[:, None, None, None]
        windows = np.empty((*sums.shape, 5), self.dtype)
        windows[..., 0] = 2 * means
        windows[..., 1] = -slope * sums * self.std[:, None, None]
        windows[..., 2] = c2_ - slope * sums * (self.mean - self.centre)[:, None, None]
        windows[..., 3] = means**2 + c1_
        windows[..., 4] = variances + c2_
        below_zeros = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0))).astype(self.dtype)
        data = (below_zeros.ravel(), windows.ravel(), slope.astype(self.dtype).ravel(), c1.astype(self.dtype))
        return Queries(data, np.abs(x).max((1, 2, 3)) * slope.max() / c2)

    def estimate(self, queries: Queries, rows: slice) -> np.ndarray:
        """Return 1 - SSIM."""
        x, x_windows, slopes, constants = queries.data
        stored = self.training.stored[rows]
        groups = -(-len(stored) // self.lanes)
        height, width, channels = self.shape
        y = np.zeros((groups * self.lanes, *self.shape), np.int32 if self.integers else np.float64)
        y[: len(stored)] = self._centred(stored)
        y = np.ascontiguousarray(y.reshape(groups, self.lanes, *self.shape).transpose(0, 4, 2, 3, 1))
        sums, deviations = self._moments(y, 2, 3)
        y_windows = np.empty((groups, channels, *self.places, 2, self.lanes), self.dtype)
        std, mean = (a[:, None, None, None] for a in (self.std, self.mean))
        np.multiply(sums, 1 / (AREA * std), out=y_windows[..., 0, :], casting="same_kind")
        y_windows[..., 0, :] += ((self.centre - mean) / std).astype(self.dtype)
        np.multiply(deviations, 1 / (AREA * (AREA - 1) * std**2), out=y_windows[..., 1, :], casting="same_kind")
        out = np.empty((len(constants), groups * self.lanes), self.dtype)
        kernels.ssim_sums(
            x,
            x_windows,
            y.astype(self.dtype).ravel(),
            y_windows.ravel(),
            slopes,
            constants,
            np.zeros(1, self.dtype),
            np.empty(width * self.lanes, self.dtype),
            out.reshape(-1),
            (channels, height, width),
        )
        return 1 - out[:, : len(stored)] / self.dtype.type(self.windows)

    def lower_bounds(self, queries: Queries, estimates: np.ndarray) -> np.ndarray:
        """Subtract the possible rounding errors of the covariances, which C2 bounds, and of the mean over windows."""
        u, (height, width, _) = np.finfo(self.dtype).eps / 2, self.shape
        # Integers are summed exactly; with other numbers every step of the running sums rounds.
        steps = 7 * AREA + (0 if self.integers else 3 * AREA * (height + width))
        offset = self.largest + 2 * np.abs(self.mean - self.centre).max()
        error = u * (steps * queries.size * offset + 2 * (height + width) * self.shape[2])
        return estimates - error[:, None]

    def _centred(self, stored: np.ndarray) -> np.ndarray:
        return stored.astype(np.int32) - np.int32(128) if self.integers else stored.astype(np.float64)

    def _moments(self, images: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of windows, and AREA times their squared deviations; exact for integers."""
        sums = window_sums(images, rows, columns)
        deviations = window_sums(images * images, rows, columns)
        deviations *= AREA
        deviations -= sums * sums
        return sums, deviations


def _flat(stored: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(stored.reshape(len(stored), -1))
