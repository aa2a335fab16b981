"""How one picture may lie in another: a table of scales, shifts and mirrors, and descriptors of images so placed."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

SIDE = 32  # pixels: every image is described at this size, whatever its own
CELLS = 12  # the middle of an image, as CELLS x CELLS means of 2x2 pixels
CELL = 2  # pixels
BAND = 3.0  # pixels: sigma of the blur that is taken off, so that flat skies do not look alike


@dataclass(frozen=True)
class Pose:
    """Where the middle of one image lies in another.

    Attributes:
        scale: pixels of the other image per pixel of this one.
        y: downwards from its middle, in pixels of a side of 32.
        x: to the right, likewise, before mirroring.
        mirror: whether left and right are exchanged.
    """

    scale: float
    y: float
    x: float
    mirror: bool


# scale: greatest shift, step. The piece of 24 pixels, times the scale, stays inside the 32.
_WIDE = {0.8: (6, 2), 0.9: (4, 2), 1.0: (4, 2), 1.12: (2, 2), 1.25: (1, 1)}
_NARROW = {1.0: (2, 2)}


def _poses(table: dict[float, tuple[int, int]]) -> tuple[Pose, ...]:
    return tuple(
        Pose(scale, y, x, mirror)
        for scale, (reach, step) in table.items()
        for mirror in (False, True)
        for y in range(-reach, reach + 1, step)
        for x in range(-reach, reach + 1, step)
    )


WIDE = _poses(_WIDE)  # 234: between test and training images, and wherever few are compared
NARROW = _poses(_NARROW)  # 18: within a large split, whose pairs are many and do not touch a score


def banded(images: np.ndarray) -> np.ndarray:
    """Return images of 32x32 as float32 (N, 32, 32, C) without what varies slowly.

    Args:
        images: uint8 (N, H, W, C), of one side, at least 1.
    """
    whole = resized(images, SIDE)
    return whole - gaussian_filter(whole, (0, BAND, BAND, 0), mode="nearest")


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Return square images as means of the pixels under each new one: float32 (N, side, side, C)."""
    whole = images.astype(np.float32)
    if images.shape[1] == side:
        return whole
    shrink = _means(0, images.shape[1] / side, side, images.shape[1])
    return _sampled(whole, shrink, shrink)


def descriptors(banded_images: np.ndarray, pose: Pose) -> np.ndarray:
    """Return the images as seen from `pose`: float32 (N, 12 * 12 * C), each channel of mean 0, each row of length 1.

    Products of two rows are correlations. A blank image has a row of zeros.

    >>> images = banded(np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8))
    >>> row = descriptors(images, Pose(1, 0, 0, False))
    >>> row.shape, bool(np.isclose(row @ row.T, 1).all())
    ((1, 432), True)
    """
    size, middle = CELL * pose.scale, SIDE / 2
    down = _means(middle + pose.y - CELLS / 2 * size, size, CELLS, SIDE)
    across = _means(middle + pose.x - CELLS / 2 * size, size, CELLS, SIDE)
    cells = _sampled(banded_images, down, across[::-1] if pose.mirror else across)
    cells = (cells - cells.mean((1, 2), keepdims=True)).reshape(len(cells), -1)
    return cells / np.maximum(np.linalg.norm(cells, axis=1, keepdims=True), 1e-6)


def _means(start: float, size: float, cells: int, side: int) -> np.ndarray:
    """Return the matrix (cells, side) that takes means of `cells` intervals of `size` pixels, the first at `start`."""
    edges = start + size * np.arange(cells + 1)
    pixels = np.arange(side)
    weights = np.clip(edges[1:, None], pixels, pixels + 1) - np.clip(edges[:-1, None], pixels, pixels + 1)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _sampled(images: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    rows = np.einsum("ih,nhwc->niwc", down, images, optimize=True)
    return np.einsum("jw,niwc->nijc", across, rows, optimize=True)
