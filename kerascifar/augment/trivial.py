"""TrivialAugment, its "wide" space: one operation of fourteen an image, of a strength drawn at random."""

import math
from typing import Any

import keras
from keras import ops

from kerascifar.augment.base import PACKAGE, AugmentLayer, like

# Operation and its strongest magnitude in the "wide" space of Müller and Hutter 2021, as torchvision has it too.
STRONGEST: dict[str, float] = {
    "identity": 0.0,
    "shear_x": 0.99,  # pixels sideways a pixel down
    "shear_y": 0.99,
    "translate_x": 32.0,  # pixels
    "translate_y": 32.0,
    "rotate": 135.0,  # degrees
    "brightness": 0.99,  # 1 +- this times the distance from black
    "color": 0.99,  # the same from the grey image
    "contrast": 0.99,  # the same from the mean grey
    "sharpness": 0.99,  # the same from the smoothed image
    "posterize": 6.0,  # bits taken away
    "solarize": 255.0,  # 255 less the threshold
    "autocontrast": 0.0,
    "equalize": 0.0,
}
LEVELS = 31  # from no strength, 0, to the strongest, 30
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow takes it


@keras.saving.register_keras_serializable(PACKAGE)
class TrivialAugment(AugmentLayer):
    """Apply to each image one operation of STRONGEST, of one of 31 strengths, either sign, all equally likely.

    Müller and Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation". The operations are
    Pillow's; pixels from outside are black, and pixels are rounded to whole numbers first.
    """

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the images augmented."""
        images = data["images"]
        operation, strength, sign = self.draw(ops.shape(images)[0])
        strongest = ops.take(ops.convert_to_tensor(list(STRONGEST.values()), dtype="float32"), operation)
        magnitude = strongest * ops.cast(strength, "float32") / (LEVELS - 1)
        chosen = {name: operation == number for number, name in enumerate(STRONGEST)}
        x = ops.round(ops.cast(images, "float32"))
        x = _look_up(x, chosen, magnitude, sign)
        x = _blend(x, chosen, 1.0 + sign * magnitude)
        x = _move(x, chosen, sign * magnitude)
        return {"images": like(images, x)}

    def draw(self, n: Any) -> tuple[Any, Any, Any]:
        """Draw for n images the operation, the strength (both int32) and the sign (float32, -1 or 1)."""
        sign = ops.cast(2 * self.whole((n,), 2) - 1, "float32")
        return self.whole((n,), len(STRONGEST)), self.whole((n,), LEVELS), sign


def _look_up(x: Any, chosen: dict[str, Any], magnitude: Any, sign: Any) -> Any:
    """Do what a table of 256 values an image and channel can do; `x` are whole float pixels (B, H, W, C)."""
    n, channels = ops.shape(x)[0], ops.shape(x)[3]
    value = ops.arange(256, dtype="float32")[None, None]
    histogram_of = ops.arange(n * channels) * 256
    place = ops.cast(x, "int32") + ops.reshape(histogram_of, (n, 1, 1, channels))
    flat = ops.reshape(place, (-1,))
    counts = ops.segment_sum(ops.ones_like(flat), flat, num_segments=n * channels * 256)
    counts = ops.reshape(counts, (n, channels, 256))

    def each(values: Any) -> Any:
        return ops.reshape(values, (n, 1, 1))

    mean_grey = ops.floor(each(ops.mean(ops.round(_grey(x)), axis=(1, 2, 3))) + 0.5)
    factor = each(1.0 + sign * magnitude)
    dropped = 2.0 ** each(ops.round(magnitude))
    tables = {
        "brightness": value * factor,
        "contrast": mean_grey + (value - mean_grey) * factor,
        "posterize": ops.floor(value / dropped) * dropped,
        "solarize": ops.where(value >= 255.0 - each(magnitude), 255.0 - value, value),
        "autocontrast": _stretched(value, counts),
        "equalize": _equalized(value, counts),
    }
    table = ops.broadcast_to(value, (n, channels, 256))
    for name, values in tables.items():
        table = ops.where(each(chosen[name]), values, table)
    table = ops.floor(ops.clip(table, 0.0, 255.0))  # Pillow cuts fractions off
    return ops.take(ops.reshape(table, (-1,)), place)


def _stretched(value: Any, counts: Any) -> Any:
    """Stretch each channel's values to 0..255."""
    there = counts > 0
    low = ops.min(ops.where(there, value, 255.0), axis=2, keepdims=True)
    high = ops.max(ops.where(there, value, 0.0), axis=2, keepdims=True)
    return ops.where(high > low, (value - low) * 255.0 / ops.maximum(high - low, 1.0), value)


def _equalized(value: Any, counts: Any) -> Any:
    """Spread each channel's values evenly, in Pillow's whole numbers."""
    before = ops.cumsum(counts, axis=2) - counts
    last = ops.max(ops.where(counts > 0, before, 0), axis=2, keepdims=True)  # pixels below the largest value
    step = last // 255
    spread = (before + step // 2) // ops.maximum(step, 1)
    return ops.where(step > 0, ops.cast(spread, "float32"), value)


def _grey(x: Any) -> Any:
    """Return (B, H, W, 1), the luma of RGB images, the mean of others."""
    if x.shape[-1] != len(GREY):
        return ops.mean(x, axis=-1, keepdims=True)
    return ops.sum(x * ops.convert_to_tensor(GREY, dtype="float32"), axis=-1, keepdims=True)


def _blend(x: Any, chosen: dict[str, Any], factor: Any) -> Any:
    """Move the chosen images away from, or towards, their grey or smoothed selves."""

    def each(values: Any) -> Any:
        return ops.reshape(values, (-1, 1, 1, 1))

    # Pillow's SMOOTH: a pixel weighs 5, its neighbours 1, by 13; the outermost pixels stay.
    inner = x[:, 1:-1, 1:-1]
    smooth = (9.0 * ops.average_pool(x, 3, strides=1, padding="valid") + 4.0 * inner) / 13.0
    smooth = x + ops.pad(ops.floor(smooth + 0.5) - inner, ((0, 0), (1, 1), (1, 1), (0, 0)))
    base = ops.where(each(chosen["color"]), ops.floor(_grey(x) + 0.5), smooth)
    blended = ops.floor(ops.clip(base + (x - base) * each(factor), 0.0, 255.0))
    return ops.where(each(chosen["color"] | chosen["sharpness"]), blended, x)


def _move(x: Any, chosen: dict[str, Any], magnitude: Any) -> Any:
    """Shear, translate or rotate the chosen images; nearest pixel, black outside."""

    def only(name: str, of: Any = 1.0) -> Any:
        return ops.where(chosen[name], magnitude * of, 0.0)

    height, width = (ops.cast(side, "float32") for side in ops.shape(x)[1:3])
    angle = only("rotate", math.pi / 180)
    cos, sin = ops.cos(angle), ops.sin(angle)
    shear_x, shear_y = only("shear_x"), only("shear_y")
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    # An output pixel's place in the input. Shears fix the upper left corner, half a pixel outside the first centre.
    transform = [
        cos,
        shear_x - sin,
        middle_x - cos * middle_x + sin * middle_y + shear_x / 2 + ops.trunc(only("translate_x")),
        shear_y + sin,
        cos,
        middle_y - sin * middle_x - cos * middle_y + shear_y / 2 + ops.trunc(only("translate_y")),
        ops.zeros_like(cos),
        ops.zeros_like(cos),
    ]
    return ops.image.affine_transform(x, ops.stack(transform, axis=1), interpolation="nearest", fill_mode="constant")
