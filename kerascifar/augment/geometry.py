"""Layers that move pixels: flips and crops, drawn for each image."""

import math
from typing import Any

import keras
from keras import ops

from kerascifar.augment.base import PACKAGE, AugmentLayer, like, take_pixels
from kerascifar.core.errors import InputError
from kerascifar.data import draws


def _flipped(images: Any, flip: Any) -> Any:
    """Mirror the images whose boolean in `flip` (B, 1) is true, left to right."""
    height, width = ops.shape(images)[1:3]
    columns = ops.arange(width)[None]
    return take_pixels(images, ops.arange(height)[None], ops.where(flip, width - 1 - columns, columns))


@keras.saving.register_keras_serializable(PACKAGE)
class Flip(AugmentLayer):
    """Mirror an image left to right with `probability`.

    keras.layers.RandomFlip does so with 1/2 only, and turns uint8 images into float32.
    """

    def __init__(self, probability: float = 0.5, **how: Any) -> None:
        super().__init__(**how)
        self.probability = probability

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images flipped."""
        images = data["images"]
        return {"images": _flipped(images, self.chosen(images, self.probability)[:, :, 0, 0])}


@keras.saving.register_keras_serializable(PACKAGE)
class AlternatingFlip(AugmentLayer):
    """Mirror an image on every other epoch; which ones, is drawn once from the seed and the image's index.

    So on epoch 2k + 1 an image gets the flip it did not get on epoch 2k, and no two epochs in a row show
    the same side (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds", section 3.6).
    Called with a dict of "images", "index" (B,) and "epoch", a scalar, both integers.
    """

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images flipped."""
        if "index" not in data or "epoch" not in data:
            raise InputError("AlternatingFlip: expected a dict of images, index and epoch")
        sides = draws.sides(self.seed or 0, data["index"])
        odd = (sides + ops.cast(data["epoch"], sides.dtype)) % 2 == 1
        return {"images": _flipped(data["images"], odd[:, None])}


@keras.saving.register_keras_serializable(PACKAGE)
class PadCrop(AugmentLayer):
    """Pad an image by `pad` pixels on each side, then cut its own size out at a place drawn for each image.

    The usual augmentation of CIFAR (He et al. 2015, section 4.2). keras.layers.RandomCrop cannot pad and
    draws one place for a whole batch.

    Args:
        pad: pixels, less than height and width.
        edges: "zeros" pads black; "reflect" mirrors at the outermost pixel, which is not repeated.
    """

    def __init__(self, pad: int, edges: str = "zeros", **how: Any) -> None:
        super().__init__(**how)
        self.pad, self.edges = pad, edges

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images cropped."""
        images = data["images"]
        n, height, width = ops.shape(images)[:3]
        shift = self.whole((2, n, 1), 2 * self.pad + 1)
        rows, columns = ops.arange(height)[None] + shift[0], ops.arange(width)[None] + shift[1]
        if self.edges == "reflect":  # the padding need not be made: 0 1 2 is read as 2 1 [0 1 2] 1 0
            rows, columns = _mirrored(rows - self.pad, height), _mirrored(columns - self.pad, width)
        else:
            images = ops.pad(images, ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0)))
        return {"images": take_pixels(images, rows, columns)}


def _mirrored(place: Any, size: Any) -> Any:
    """Reflect places from -(size - 1) to 2 (size - 1) into 0 to size - 1."""
    return size - 1 - ops.abs(size - 1 - ops.abs(place))


@keras.saving.register_keras_serializable(PACKAGE)
class ResizedCrop(AugmentLayer):
    """Cut out a rectangle drawn for each image and scale it, bilinearly, to the image's own size.

    Its area is drawn from `low` to `high` of the image's, its width over height log-uniformly from 3/4 to 4/3,
    ten tries to fit, else the whole image (Szegedy et al. 2014, as torchvision's RandomResizedCrop does it).
    Keras has no such layer.
    """

    ASPECT = math.log(4 / 3)
    TRIES = 10

    def __init__(self, low: float = 0.08, high: float = 1.0, **how: Any) -> None:
        super().__init__(**how)
        self.low, self.high = low, high

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images cropped and scaled."""
        images = data["images"]
        n, height, width, channels = ops.shape(images)
        (top, tall), (left, wide) = self.boxes(n, height, width)
        x = ops.cast(images, "float32")
        x = ops.matmul(_scaling(top, tall, height), ops.reshape(x, (n, height, width * channels)))
        x = ops.transpose(ops.reshape(x, (n, height, width, channels)), (0, 2, 1, 3))
        x = ops.matmul(_scaling(left, wide, width), ops.reshape(x, (n, width, height * channels)))
        x = ops.transpose(ops.reshape(x, (n, width, height, channels)), (0, 2, 1, 3))
        return {"images": like(images, x)}

    def boxes(self, n: Any, height: Any, width: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Draw rectangles in whole pixels: (top, height), (left, width), each float32 (n, 1)."""
        area = ops.cast(height * width, "float32") * (self.low + (self.high - self.low) * self.uniform((n, self.TRIES)))
        root = ops.exp(self.ASPECT * (self.uniform((n, self.TRIES)) - 0.5))  # square root of width over height
        tall, wide = ops.round(ops.sqrt(area) / root), ops.round(ops.sqrt(area) * root)
        height, width = ops.cast(height, "float32"), ops.cast(width, "float32")
        fits = (tall >= 1) & (tall <= height) & (wide >= 1) & (wide <= width)
        first = ops.argmax(ops.cast(fits, "int32"), axis=1)[:, None]  # the first try that fits
        tall = ops.where(ops.any(fits, axis=1, keepdims=True), ops.take_along_axis(tall, first, axis=1), height)
        wide = ops.where(ops.any(fits, axis=1, keepdims=True), ops.take_along_axis(wide, first, axis=1), width)
        top = ops.floor(self.uniform((n, 1)) * (height - tall + 1))
        left = ops.floor(self.uniform((n, 1)) * (width - wide + 1))
        return (top, tall), (left, wide)


def _scaling(start: Any, length: Any, size: Any) -> Any:
    """Return matrices (B, size, size) that stretch pixels `start` to `start + length` of an axis over all of it."""
    place = ops.arange(size, dtype="float32")
    # Pixel centres lie at halves; beyond the outermost centre of the rectangle, its value goes on.
    source = (place[None] + 0.5) * length / ops.cast(size, "float32") - 0.5
    source = start + ops.clip(source, 0.0, length - 1.0)
    return ops.relu(1.0 - ops.abs(source[:, :, None] - place[None, None]))
