"""Test-time augmentation: the views of an image whose logits are averaged, each with its weight."""

from collections.abc import Iterator

import numpy as np


def views(images: np.ndarray, tta: str) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (weight, images) for each view of `images`, (N, H, W, C); the weights sum to 1.

    Args:
        images: the images themselves are always the first view.
        tta: "none"; "mirror": half the weight to the images mirrored left to right; "mirror_translate": half the
            weight to the two of mirror, the other half to both moved one pixel down and right, and up and left, over
            reflected edges (airbench94_muon.py, tta_level 2).
    """
    if tta == "none":
        yield 1.0, images
        return
    moved = [(1.0, images)]
    if tta == "mirror_translate":
        height, width = images.shape[1:3]
        padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
        moved = [(0.5, images), (0.25, padded[:, :height, :width]), (0.25, padded[:, 2:, 2:])]
    for weight, view in moved:
        yield weight / 2, view
        yield weight / 2, view[:, :, ::-1]
