"""Structural similarity of two images, by its definition; the compiled version is tested against this one."""

import numpy as np

from kerascifar.core.errors import InputError

WINDOW = 7
K1, K2 = 0.01, 0.03
SAMPLE = WINDOW**2 / (WINDOW**2 - 1)  # population moment -> sample moment


def window_sums(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the sum of every WINDOW x WINDOW window that lies wholly inside.

    Args:
        images: any shape and numeric type.
        rows: axis of image rows.
        columns: axis of image columns.

    Returns:
        The same shape but WINDOW - 1 smaller along both axes.
    """
    for axis in (rows, columns):
        size = images.shape[axis] - WINDOW + 1
        shifted = [images[(slice(None),) * axis + (slice(i, i + size),)] for i in range(WINDOW)]
        images = shifted[0] + shifted[1]
        for addend in shifted[2:]:
            images += addend
    return images


def data_range(images: np.ndarray) -> np.ndarray:
    """Return the largest minus the smallest pixel of each image (N, ...); 1 for a constant image, to stay defined."""
    flat = images.reshape(len(images), -1)
    span = flat.max(1) - flat.min(1)
    return np.where(span > 0, span, 1.0)


def ssim(x: np.ndarray, y: np.ndarray, fixed_range: float | None = None) -> np.ndarray:
    """Return the SSIM of every pair (Wang et al. 2004, equation 13, averaged over windows and channels).

    Equal to ``skimage.metrics.structural_similarity(x[i], y[j], channel_axis=-1, data_range=...)``: 7x7 uniform
    windows wholly inside the image, sample covariance, K1 = 0.01, K2 = 0.03.

    Args:
        x: float64 (Q, H, W, C).
        y: float64 (T, H, W, C).
        fixed_range: data range of all pairs; None means max - min of x[i] for its pairs, as in study 000.

    Returns:
        float64 (Q, T), from -1 to 1.

    Raises:
        InputError: images are not (N, H, W, C), or smaller than a window.
    """
    check_ssim(x.shape)
    ranges = data_range(x) if fixed_range is None else np.full(len(x), fixed_range)
    mean_x, mean_y = _means(x), _means(y)
    var_x, var_y = SAMPLE * (_means(x * x) - mean_x**2), SAMPLE * (_means(y * y) - mean_y**2)
    similarity = np.empty((len(x), len(y)))
    for i, image in enumerate(x):
        c1, c2 = (K1 * ranges[i]) ** 2, (K2 * ranges[i]) ** 2
        covariance = SAMPLE * (_means(image * y) - mean_x[i] * mean_y)
        luminance = (2 * mean_x[i] * mean_y + c1) / (mean_x[i] ** 2 + mean_y**2 + c1)
        structure = (2 * covariance + c2) / (var_x[i] + var_y + c2)
        similarity[i] = (luminance * structure).mean((1, 2, 3))
    return similarity


def check_ssim(shape: tuple[int, ...]) -> None:
    """Refuse images that hold no window. Raises InputError: not (N, H, W, C), or smaller than a window."""
    if len(shape) != 4:
        raise InputError(f"ssim compares images (N, height, width, channels), got an array of shape {shape}")
    if min(shape[1:3]) < WINDOW:
        raise InputError(f"ssim needs images of at least {WINDOW}x{WINDOW} pixels, got {shape[1]}x{shape[2]}")


def _means(images: np.ndarray) -> np.ndarray:
    return window_sums(images, 1, 2) / WINDOW**2
