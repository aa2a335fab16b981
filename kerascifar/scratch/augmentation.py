"""AUGMENTATIONS: randomly changed copies of a batch of training images, in NumPy."""

from collections.abc import Callable

import numpy as np

# Pixels of zeros around an image before it is cropped (He et al. 2015, section 4.2).
_PADDING = 4


def flip_crop(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift each image (N, h, w, c) by up to 4 pixels each way, filling with zeros, and mirror half of them."""
    n, h, w, c = images.shape
    padded = np.zeros((n, h + 2 * _PADDING, w + 2 * _PADDING, c), images.dtype)
    padded[:, _PADDING : _PADDING + h, _PADDING : _PADDING + w] = images
    tops, lefts = rng.integers(0, 2 * _PADDING + 1, (2, n))
    mirrored = rng.random(n) < 0.5
    augmented = np.empty_like(images)
    for i, (top, left, mirror) in enumerate(zip(tops, lefts, mirrored, strict=True)):
        crop = padded[i, top : top + h, left : left + w]
        augmented[i] = crop[:, ::-1] if mirror else crop
    return augmented


AUGMENTATIONS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray] | None] = {
    "none": None,
    "flip_crop": flip_crop,
}
