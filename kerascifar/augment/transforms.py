"""The transforms that augmentation policies are made of: names, arguments with their ranges, and Keras layers.

Keras is imported in the builders only, so that a policy is checked in a blink.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from kerascifar.core.fields import POSITIVE, UNIT, Check, one_of

REQUIRED = object()
DEGREES: Check = ("from -360 to 360", lambda x: -360 <= x <= 360)
PIXEL: Check = ("from 0 to 255", lambda x: 0 <= x <= 255)
SHARE: Check = ("greater than 0 and at most 1", lambda x: 0 < x <= 1)
# Below, both gamma variates that make a Beta variate can be 0 in float32, and lambda 0 / 0.
ALPHA: Check = ("from 0.05 to 1000", lambda x: 0.05 <= x <= 1000)


@dataclass(frozen=True)
class Argument:
    """An argument of a transform.

    Attributes:
        name: what it is called in messages.
        kind: float, int or str.
        check: its range.
        default: its value if left out.
        pixels: True for a length that must be less than the image's height and width.
    """

    name: str
    kind: type
    check: Check
    default: Any = REQUIRED
    pixels: bool = False


@dataclass(frozen=True)
class Transform:
    """One kind of augmentation.

    Attributes:
        does: what it does, in a line.
        build: ``build(*arguments, seed=seed)`` gives the Keras layer.
        arguments: in the order in which they are written.
        rising: the first two arguments are a range: the first must not exceed the second, if there is one.
        labels: it mixes the labels of images too.
    """

    does: str
    build: Callable[..., Any]
    arguments: tuple[Argument, ...] = ()
    rising: bool = False
    labels: bool = False

    def usage(self, name: str) -> str:
        """Return how the transform is written, such as ``crop(pad[, edges])``."""
        optional = [a.default is not REQUIRED for a in self.arguments]
        words = [
            f"[{', ' if i else ''}{a.name}]" if o else ", " * bool(i) + a.name
            for i, (a, o) in enumerate(zip(self.arguments, optional, strict=True))
        ]
        return f"{name}({''.join(words)})"


def _ours(module: str, layer: str, *names: str) -> Callable[..., Any]:
    """Return a builder of a layer of ours, with its arguments in the order of `names`."""

    def build(*arguments: Any, seed: int) -> Any:
        made = getattr(import_module(f"kerascifar.augment.{module}"), layer)
        return made(**dict(zip(names, arguments, strict=True)), seed=seed)

    return build


def _rotate(low: float, high: float | None, *, seed: int) -> Any:
    import keras

    low, high = (-low, low) if high is None else (low, high)
    # Nearest pixel, black outside: the defaults of torchvision, whose layers studies 002 and 004 used.
    return keras.layers.RandomRotation(
        (low / 360, high / 360), fill_mode="constant", interpolation="nearest", seed=seed, dtype="float32"
    )


def _translate(share: float, *, seed: int) -> Any:
    import keras

    return keras.layers.RandomTranslation(share, share, fill_mode="constant", seed=seed, dtype="float32")


def _invert(probability: float, *, seed: int) -> Any:
    import keras

    # A single number p would mean: with a probability drawn from 0 to p.
    return keras.layers.RandomInvert((probability, probability), seed=seed, dtype="float32")


_PROBABILITY = Argument("probability", float, UNIT)
_ALWAYS = Argument("probability", float, UNIT, 1.0)

TRANSFORMS: dict[str, Transform] = {
    "flip": Transform(
        "mirror left to right", _ours("geometry", "Flip", "probability"), (Argument("probability", float, UNIT, 0.5),)
    ),
    "alternating_flip": Transform(
        "mirror on every other epoch, half of the images first", _ours("geometry", "AlternatingFlip")
    ),
    "crop": Transform(
        "pad, then cut the image's own size out anywhere",
        _ours("geometry", "PadCrop", "pad", "edges"),
        (Argument("pad", int, POSITIVE, pixels=True), Argument("edges", str, one_of("zeros", "reflect"), "zeros")),
    ),
    "resized_crop": Transform(
        "cut out a rectangle of a share of the area, and scale it up",
        _ours("geometry", "ResizedCrop", "low", "high"),
        (Argument("low", float, SHARE), Argument("high", float, SHARE, 1.0)),
        rising=True,
    ),
    "rotate": Transform(
        "rotate by -degrees to degrees, or by degrees to to; counterclockwise, black outside",
        _rotate,
        (Argument("degrees", float, DEGREES), Argument("to", float, DEGREES, None)),
        rising=True,
    ),
    "translate": Transform(
        "shift by up to a share of height and width, black outside", _translate, (Argument("share", float, SHARE),)
    ),
    "invert": Transform("turn pixels x into 255 - x", _invert, (_PROBABILITY,)),
    "solarize": Transform(
        "turn pixels x at or above the threshold into 255 - x",
        _ours("colour", "Solarize", "threshold", "probability"),
        (Argument("threshold", float, PIXEL), _ALWAYS),
    ),
    "trivial_augment": Transform(
        "one of fourteen operations of random strength, drawn for each image", _ours("trivial", "TrivialAugment")
    ),
    "cutout": Transform(
        "grey out a square", _ours("colour", "Cutout", "size"), (Argument("size", int, POSITIVE, pixels=True),)
    ),
    "mixup": Transform(
        "blend with another image of the batch",
        _ours("mixing", "Mix", "mixup", "probability"),
        (Argument("alpha", float, ALPHA), _ALWAYS),
        labels=True,
    ),
    "cutmix": Transform(
        "put a rectangle of another image in",
        _ours("mixing", "Mix", "cutmix", "probability"),
        (Argument("alpha", float, ALPHA), _ALWAYS),
        labels=True,
    ),
    "mixup_or_cutmix": Transform(
        "MixUp or CutMix, drawn for each image",
        _ours("mixing", "Mix", "mixup", "cutmix", "probability"),
        (Argument("mixup_alpha", float, ALPHA), Argument("cutmix_alpha", float, ALPHA), _ALWAYS),
        labels=True,
    ),
}
