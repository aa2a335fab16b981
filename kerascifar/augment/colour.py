"""Layers that change pixels where they lie: solarize, cutout."""

from typing import Any

import keras
from keras import ops

from kerascifar.augment.base import PACKAGE, AugmentLayer


@keras.saving.register_keras_serializable(PACKAGE)
class Solarize(AugmentLayer):
    """Invert, with `probability` for each image, the pixels at or above `threshold`: x becomes 255 - x.

    keras.layers.Solarization scales only one end of its threshold's range by 255, and takes every image.
    """

    def __init__(self, threshold: float, probability: float = 1.0, **how: Any) -> None:
        super().__init__(**how)
        self.threshold, self.probability = threshold, probability

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images solarized."""
        images = data["images"]
        bright = ops.cast(images, "float32") >= self.threshold
        inverted = ops.cast(255, images.dtype) - images
        return {"images": ops.where(bright & self.chosen(images, self.probability), inverted, images)}


@keras.saving.register_keras_serializable(PACKAGE)
class Cutout(AugmentLayer):
    """Grey out a square of `size` pixels around a pixel drawn for each image, as far as it lies in the image.

    DeVries and Taylor 2017: there the square is 0 after normalisation, the data set's mean; here it is mid-grey,
    which is near the mean of photographs.
    """

    GREY = 128

    def __init__(self, size: int, **how: Any) -> None:
        super().__init__(**how)
        self.size = size

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images with their squares."""
        images = data["images"]
        n, height, width = ops.shape(images)[:3]
        square = self.span(n, height, self.size)[:, :, None, None] & self.span(n, width, self.size)[:, None, :, None]
        return {"images": ops.where(square, ops.cast(self.GREY, images.dtype), images)}
