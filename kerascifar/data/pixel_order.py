"""The order in which an image's bytes are read: right, or scrambled as in study 000."""

from collections.abc import Callable

import numpy as np


def planar_as_hwc(images: np.ndarray) -> np.ndarray:
    """Read planar bytes (all red, all green, all blue) as if they were interleaved, (H, W, C): scrambled pictures.

    Study 000's baselines reshaped CIFAR's rows of 3,072 to (32, 32, 3) without a transpose. Distances that treat every
    pixel alike do not mind; SSIM, which looks at neighbourhoods, does.

    Args:
        images: (N, H, W, C).
    """
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(images.shape)


def interleaved_as_planar(images: np.ndarray) -> np.ndarray:
    """Read interleaved bytes (red, green and blue of each pixel) as if they were planar: the other way round.

    Study 000's ready nets got arrays (N, 32, 32, 3) by ``reshape(N, 3, 32, 32)``. What they took for one colour is one
    third of the picture's height, in which a row of 32 bytes holds 10 2/3 pixels, red, green and blue in turn.

    Args:
        images: (N, H, W, C), and so is what comes back: the (N, C, H, W) of such a reshape, channels put last.
    """
    count, height, width, channels = images.shape
    return np.ascontiguousarray(images.reshape(count, channels, height, width).transpose(0, 2, 3, 1))


READINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "hwc": lambda images: images,
    "planar": planar_as_hwc,
    "interleaved": interleaved_as_planar,
}


def read(images: np.ndarray, order: str | None) -> np.ndarray:
    """Return `images` (N, H, W, C) as a program reads them that takes them in `order`, of READINGS; None: hwc."""
    return READINGS[order or "hwc"](images)
