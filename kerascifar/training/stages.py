"""Cheap epochs: small images first (--sides), and the whitening's bias fixed after a while (--whiten-epochs)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascifar.config import RunConfig, changed, flag
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.data.sources.images import resize

# What would need the validation accuracy of each epoch, several optimizers, or every variable in each epoch.
_REFUSED = {
    "sides": ("patience", "phases", "strategy"),
    "whiten_epochs": ("ema", "phases"),
}


@dataclass(frozen=True)
class Stage:
    """Epochs that are trained alike.

    Attributes:
        end: index of the epoch after its last.
        side: of the training images, in pixels.
        whitens: whether the bias of the whitening layer learns.
    """

    end: int
    side: int
    whitens: bool


def stage_at(config: RunConfig, epoch: int, side: int) -> Stage:
    """Return the stage that the epoch with index `epoch` belongs to; `side` is that of the images themselves."""

    def kind(e: int) -> tuple[int, bool]:
        return config.sides[e] if e < len(config.sides) else side, e < (config.whiten_epochs or config.epochs)

    end = epoch + 1
    while end < config.epochs and kind(end) == kind(epoch):
        end += 1
    return Stage(end, *kind(epoch))


def shrunk(split: Split, side: int) -> Split:
    """Return `part` with its images resized to `side` pixels."""
    return Split(np.stack([resize(image, side) for image in split.images]), split.labels)


@contextmanager
def whitening_fixed(model: Any, fixed: bool) -> Iterator[None]:
    """Keep the bias of whitening layers as it is, so that no gradient is computed down to it."""
    from kerascifar.layers import PatchWhitening

    layers = [layer for layer in model.layers if isinstance(layer, PatchWhitening) and layer.trainable and fixed]
    for layer in layers:
        layer.trainable = False
    if layers:
        model.make_train_function(force=True)
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True
        if layers:
            model.make_train_function(force=True)


def check_stages(config: RunConfig) -> None:
    """Refuse what does not go with --sides or --whiten-epochs, without importing Keras.

    Raises:
        InputError: names both flags.
    """
    for name, others in _REFUSED.items():
        if not changed(config, name):
            continue
        for other in others:
            if changed(config, other):
                raise InputError(f"{flag(name)} does not go with {flag(other)}")
        if config.select in ("validation", "test") and name == "sides":
            raise InputError("--sides: small images are not validated, so --select can only be last")
    if len(config.sides) >= config.epochs:
        raise InputError(
            f"--sides: the last epoch is for images of full size: give fewer than {config.epochs} numbers, "
            f"got {len(config.sides)}"
        )
