"""Augmentation policies by name, or composed of transforms: "flip(0.5) crop(4, reflect) mixup(0.2)".

Policies are checked without Keras; layers are made in make_augment(). All randomness is a function of
(seed, epoch, batch index), so two runs, a resumed run, parallel and sequential maps see the same pixels.
"""

import functools
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascifar.augment.transforms import REQUIRED, TRANSFORMS, Argument
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup, nearest
from kerascifar.data.batches import Augment

_EXAMPLE = 'such as "flip(0.5) crop(4, reflect)"'
# Tells the draws of augmentation from the order of the images, which comes from (seed, epoch) as well.
_SALT = 0xA06
# Images that are scored get the draws of an epoch that no training reaches, in batches of a fixed size.
_SCORED_EPOCH, _SCORED_BATCH = 2**31 - 1, 128


@dataclass(frozen=True)
class Policy:
    """A named list of transforms, and the paper or code that it is from."""

    transforms: str
    source: str

    def __str__(self) -> str:
        return f"{self.transforms or '(nothing)'}  [{self.source}]"


_SIMPLE = "resized_crop(0.08, 1) rotate(0, 180) flip(0.2) invert(0.2) solarize(100, 0.2)"
_MIXED = "mixup_or_cutmix(1, 1)"

POLICIES: dict[str, Policy] = {
    "none": Policy("", "no augmentation"),
    "flip_crop": Policy("flip(0.5) crop(4)", "He et al. 2015, section 4.2; the code of study 003"),
    "flip_crop_reflect": Policy("flip(0.5) crop(4, reflect)", "the text of study 003"),
    "simple": Policy(_SIMPLE, "study 002, section 4.2.1; area 0.08 to 1 is torchvision's default"),
    "simple_alt": Policy("rotate(0, 180) flip(0.2)", "study 002, section 4.2.1, the alternative"),
    "advanced": Policy(_MIXED, "study 002, section 4.2.1; alpha 1 is torchvision's default"),
    "both": Policy(f"{_SIMPLE} {_MIXED}", "study 002, section 4.2.1"),
    "lai": Policy("flip(0.5) rotate(10)", "the code of study 004"),
    "flip_crop_cutout": Policy("flip(0.5) crop(4) cutout(16)", "DeVries and Taylor 2017, section 4.1, CIFAR-10"),
    "flip_crop_cutmix": Policy("flip(0.5) crop(4) cutmix(1, 0.5)", "Yun et al. 2019, section 4.1.2, CIFAR"),
    "trivial_augment_wide": Policy(
        "trivial_augment crop(4) flip(0.5) cutout(16)", "Müller and Hutter 2021, CIFAR; their code"
    ),
    "airbench": Policy("alternating_flip crop(2, reflect)", "Jordan 2024, 94% on CIFAR-10 in 3.29 seconds"),
    "airbench96": Policy(
        "alternating_flip crop(4, reflect) cutout(12)", "KellerJordan/cifar10-airbench, airbench96.py"
    ),
}


@dataclass(frozen=True)
class Step:
    """A transform by name, with all its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        words = [a if isinstance(a, str) else f"{a:g}" for a in self.arguments if a is not None]
        return f"{self.name}({', '.join(words)})"


def parse(text: str) -> tuple[Step, ...]:
    """Return the steps of a policy, a transform, or a list of both with blanks between.

    Raises InputError: an unknown name, a wrong number of arguments, a value out of range, or a malformed list.

    >>> [str(step) for step in parse("lai crop(4, reflect)")]
    ['flip(0.5)', 'rotate(10)', 'crop(4, reflect)']
    """
    words = list(re.finditer(r"\s*(\w+)\s*(?:\(([^()]*)\))?(?=\s|$)\s*", text))
    read = "".join(match[0] for match in words)
    if not words or read != text:
        at = next((i for i, (a, b) in enumerate(zip(read, text, strict=False)) if a != b), len(read))
        raise InputError(
            f"--augment: cannot read {text[at:] or text!r}; expected a policy or a list of transforms, {_EXAMPLE}"
        )
    return tuple(step for match in words for step in _steps(match[1], match[2]))


def _steps(name: str, arguments: str | None) -> tuple[Step, ...]:
    """Return the steps of one word of a list; `arguments` is what its brackets hold, None without brackets."""
    if name in POLICIES:
        if arguments is not None:
            raise InputError(f"--augment: {name} is a policy and takes no arguments, got {name}({arguments})")
        return parse(POLICIES[name].transforms) if POLICIES[name].transforms else ()
    if name not in TRANSFORMS and arguments is None:
        raise InputError(
            f"--augment: unknown policy {name!r}{nearest(name, [*POLICIES, *TRANSFORMS])}; choose from "
            f"{', '.join(POLICIES)}, or compose transforms, {_EXAMPLE}"
        )
    transform = lookup(TRANSFORMS, name, "transform")
    words = [word.strip() for word in arguments.split(",")] if (arguments or "").strip() else []
    fewest = sum(a.default is REQUIRED for a in transform.arguments)
    if not fewest <= len(words) <= len(transform.arguments):
        raise InputError(f"--augment: {name} is written {transform.usage(name)}, got {len(words)} arguments")
    values = [_value(name, a, word) for a, word in zip(transform.arguments, words, strict=False)]
    values += [a.default for a in transform.arguments[len(words) :]]
    if transform.rising and values[1] is not None and values[0] > values[1]:
        (first, second), (low, high) = transform.arguments[:2], values[:2]
        raise InputError(f"--augment: {first.name} of {name} must not exceed {second.name}, got {low:g} and {high:g}")
    return (Step(name, tuple(values)),)


def _value(name: str, argument: Argument, word: str) -> Any:
    wanted, holds = argument.check
    kind = {float: "a number", int: "a whole number", str: "a word"}[argument.kind]
    try:
        value = argument.kind(word)
    except ValueError:
        raise InputError(f"--augment: {argument.name} of {name} must be {kind} {wanted}, got {word!r}") from None
    if (argument.kind is float and not math.isfinite(value)) or not holds(value):
        raise InputError(f"--augment: {argument.name} of {name} must be {wanted}, got {word}")
    return value


def check_augment(text: str, image_shape: tuple[int, int, int] | None = None) -> tuple[Step, ...]:
    """Check a policy, and that its crops fit into images of `image_shape` (height, width, channels) if given.

    Returns:
        The steps, none for "none".

    Raises:
        InputError: see parse(); or a pad or a square that is not less than the image.
    """
    steps = parse(text)
    if image_shape is not None:
        height, width = image_shape[:2]
        for step in steps:
            for argument, value in zip(TRANSFORMS[step.name].arguments, step.arguments, strict=True):
                if argument.pixels and value >= min(height, width):
                    raise InputError(
                        f"--augment: {step}: {argument.name} must be less than the image's side, "
                        f"got {value} for images of {height}x{width} pixels"
                    )
    return steps


def make_augment(text: str, seed: int, image_shape: tuple[int, int, int]) -> Augment | None:
    """Return what training_batches() maps its batches with; None where nothing is to be done.

    Args:
        text: a policy, or a list of transforms.
        seed: with epoch and batch index it decides every draw.
        image_shape: height, width, channels.

    Raises:
        InputError: see check_augment().
    """
    steps = check_augment(text, image_shape)
    if not steps:
        return None
    import keras
    from keras import ops

    from kerascifar.augment.base import AugmentLayer, StatelessSeeds
    from kerascifar.data import draws

    seeds = StatelessSeeds()
    layers = [TRANSFORMS[step.name].build(*step.arguments, seed=seed) for step in steps]
    for layer in layers:
        layer.generator = seeds

    def augment(x: Any, y: Any, index: Any, epoch: Any, batch: Any) -> tuple[Any, Any]:
        data = {"images": x, "labels": y, "index": index, "epoch": epoch}
        with seeds.keyed(draws.folded(draws.folded(draws.key(seed, _SALT), epoch), batch)):
            for layer in layers:
                if isinstance(layer, AugmentLayer):
                    data = layer(data, training=True)
                else:  # Keras's own layers would cast index and epoch to float32
                    data = {**data, "images": layer(data["images"], training=True)}
        images = data["images"]
        if keras.backend.standardize_dtype(images.dtype) != "uint8":
            images = ops.cast(ops.clip(ops.round(images), 0, 255), "uint8")
        return ops.reshape(images, (-1, *image_shape)), data["labels"]  # for tf.data loses their shape

    return augment


def augment_once(images: np.ndarray, text: str, seed: int) -> np.ndarray:
    """Return uint8 `images` (N, H, W, C) augmented by the policy `text`, the same each time; labels are not mixed.

    Raises InputError: see check_augment().
    """
    if not check_augment(text, images.shape[1:]):
        return images
    apply, augmented = _once(text, seed, images.shape[1:]), np.empty_like(images)
    for batch, start in enumerate(range(0, len(images), _SCORED_BATCH)):
        index = np.arange(start, min(start + _SCORED_BATCH, len(images)))
        none = np.zeros((len(index), 1), np.float32)
        augmented[index] = apply(images[index], none, index, np.array(_SCORED_EPOCH), np.array(batch))[0]
    return augmented


@functools.lru_cache(maxsize=2)
def _once(text: str, seed: int, image_shape: tuple[int, int, int]) -> Any:
    """Return what make_augment() gives, compiled once."""
    from kerascifar.data import draws

    return draws.compiled(make_augment(text, seed, image_shape))


def list_policies() -> None:
    """Print every augmentation policy with its transforms and source, then every transform with its arguments."""
    for name, policy in POLICIES.items():
        print(f"{name:20} {policy}")
    print('\ntransforms, composed as in "flip(0.5) crop(4, reflect) mixup(0.2)":')
    for name, transform in TRANSFORMS.items():
        print(f"{transform.usage(name):50} {transform.does}")
