"""Stored images, normalised only when rows are read: no normalised copy is kept."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Images:
    """Stored images and the two numbers that normalise them: (stored - mean) / std.

    Indexing works as on a float64 array of the normalised images, but 50,000 CIFAR images take 154 MB, not 1.2 GB.

    Attributes:
        stored: (N, ...) of any numeric type, such as uint8 (N, H, W, C).
        mean: float64 scalar, or one per channel (C,).
        std: float64 scalar, or one per channel (C,).
    """

    stored: np.ndarray
    mean: np.ndarray = np.float64(0)
    std: np.ndarray = np.float64(1)

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the stored images."""
        return self.stored.shape

    @property
    def pixels(self) -> int:
        """Numbers per image: H x W x C."""
        return int(np.prod(self.stored.shape[1:]))

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return normalised float64 images of `rows`."""
        return (self.stored[rows] - self.mean) / self.std

    def flat(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return normalised float64 rows (n, pixels) of `rows`."""
        images = self[rows]
        return images.reshape(len(images), -1)

    def same_scale(self, other: "Images") -> bool:
        """Return whether both are normalised by the same two scalars."""
        return np.ndim(self.std) == np.ndim(self.mean) == 0 and self.mean == other.mean and self.std == other.std

    @property
    def full_range(self) -> float:
        """Largest minus smallest normalised value that a pixel from 0 to 255 can take."""
        return float(np.max((255 - self.mean) / self.std) - np.min((0 - self.mean) / self.std))
