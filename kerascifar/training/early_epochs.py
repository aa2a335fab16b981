"""Cheaper epochs: progressive resizing (--sides), and a whitening bias that learns only at first (--whiten-epochs)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascifar import models
from kerascifar.augment.policies import check_augment
from kerascifar.config import RunConfig, changed, flag
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant
from kerascifar.data.sources.images import resize

# Fields that need the validation accuracy of each epoch, several optimizers, or every variable in each epoch.
_REFUSED = {"sides": ("patience", "phases", "strategy"), "whiten_epochs": ("ema", "phases")}


@dataclass(frozen=True)
class Stretch:
    """Consecutive epochs that are trained alike.

    Attributes:
        end: index of the epoch after its last.
        side: of the training images, in pixels.
        whitens: whether the bias of the whitening layer learns.
    """

    end: int
    side: int
    whitens: bool


def stretch_at(config: RunConfig, epoch: int, side: int) -> Stretch:
    """Return the stretch that contains the epoch with index `epoch`; `side` is that of the original images."""

    def kind(e: int) -> tuple[int, bool]:
        return config.sides[e] if e < len(config.sides) else side, e < (config.whiten_epochs or config.epochs)

    end = epoch + 1
    while end < config.epochs and kind(end) == kind(epoch):
        end += 1
    return Stretch(end, *kind(epoch))


def epoch_work(config: RunConfig, side: int) -> list[float]:
    """Return the work of each epoch, as a share of one with images of the original `side`, by their pixels.

    Measured: an epoch of `airbench95` with sides of 24 instead of 32 took 0.59 of the time; the pixels are 0.56.
    """
    small = [(s / side) ** 2 for s in config.sides]
    return small + [1.0] * (config.epochs - len(small))


def shrunk(split: Split, side: int) -> Split:
    """Return `split` with its images resized to `side` pixels."""
    return Split(np.stack([resize(image, side) for image in split.images]), split.labels)


@contextmanager
def whitening_fixed(model: Any, fixed: bool) -> Iterator[None]:
    """If `fixed`, freeze the whitening layers' bias within the block, so that no gradient is computed down to it."""
    from kerascifar.layers import PatchWhitening

    layers = [layer for layer in model.layers if isinstance(layer, PatchWhitening) and layer.trainable and fixed]

    def learn(whether: bool) -> None:
        for layer in layers:
            layer.trainable = whether
        if layers:
            model.make_train_function(force=True)

    learn(False)
    try:
        yield
    finally:
        learn(True)


def check_early_epochs(config: RunConfig) -> None:
    """Refuse what does not go with --sides or --whiten-epochs, without importing Keras."""
    for name, others in _REFUSED.items():
        for other in others:
            if changed(config, name) and changed(config, other):
                raise InputError(f"{flag(name)} does not go with {flag(other)}")
    if config.sides and config.select in ("validation", "test"):
        raise InputError("--sides: small images are not validated, so --select can only be last")
    if len(config.sides) >= config.epochs:
        raise InputError(
            f"--sides: the last epoch is for images of full size: give fewer than {config.epochs} numbers, "
            f"got {len(config.sides)}"
        )


def check_sides(config: RunConfig, variant: Variant, data: Dataset) -> None:
    """Refuse --sides not below the images' own, and images that net or augmentation cannot take at one of the sides."""
    if config.sides and max(config.sides) >= data.side:
        raise InputError(f"--sides: must be below the images' own side {data.side}, got {max(config.sides)}")
    for side in (data.side, *config.sides):
        shape = (side, side, data.train.images.shape[-1])
        models.check(config.arch, shape, len(data.classes), **variant.arguments(config))
        check_augment(config.augment, shape)
