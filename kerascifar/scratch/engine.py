"""The engine of the scratch nets: the functions of ``architectures.Engine``."""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.config import RunConfig, flag
from kerascifar.core.contracts import Dataset, LayerRow, Score, Served, StepTime
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores, processor
from kerascifar.core.registry import Variant, lookup, nearest
from kerascifar.data.sources import synthetic
from kerascifar.scratch.augmentation import AUGMENTATIONS
from kerascifar.scratch.faults import check_faults
from kerascifar.scratch.fit import OPTIMIZERS, fit, scorer
from kerascifar.scratch.initializers import INITIALIZERS
from kerascifar.scratch.network import Network
from kerascifar.scratch.parallel import use_threads
from kerascifar.scratch.saving import load as load_network
from kerascifar.scratch.sweep import sweep

__all__ = ["MODEL", "TITLE", "TRAINED", "check", "fit", "layers", "restore", "serve", "sweep", "time_step"]

TITLE, TRAINED, MODEL = "scratch nets", True, results.SCRATCH_MODEL
_TIMED_STEPS = 7
_LARGEST_TIMED = 500  # a larger batch passes through the layers in pieces of this size, so an image takes as long
# The values of these fields that exist in NumPy; Keras nets take more.
_VALUES: dict[str, Sequence[Any]] = {
    "optimizer": tuple(OPTIMIZERS),
    "augment": tuple(AUGMENTATIONS),
    "device": ("auto", "cpu"),
}


def check(config: RunConfig, variant: Variant) -> None:
    """Refuse what the scratch nets do not do."""
    for name, values in _VALUES.items():
        value = getattr(config, name)
        if value not in values:
            choices = f"they take {', '.join(values)}{nearest(value, values)}"
            raise InputError(f"{flag(name)} {value} is not for the scratch nets: {choices}")
    if config.initializer is not None:
        lookup(INITIALIZERS, config.initializer, "--initializer")
    check_faults(config.faults, variant.build(variant.input_shape, 2, **variant.arguments(config)), config.folds)


def restore(config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset]) -> Score:
    """Return the scorer of the finished run in `folder`, from its model.npz; `load` is not needed."""
    use_threads(config.threads)
    return scorer(load_network(folder / MODEL))


def layers(config: RunConfig, variant: Variant, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """Build the config's net for images of `shape` and return its layers, first to last; a name is its number."""
    network = Network(variant.build(shape, classes, **variant.arguments(config)), shape)
    rows = []
    for i, layer in enumerate(network.layers):
        trainable, state = (sum(a.size for a in arrays.values()) for arrays in (layer.parameters, layer.state))
        kind = type(layer).__name__
        rows.append(LayerRow(str(i), kind, layer.output_shape, trainable, trainable + state, layer.multiply_adds))
    return rows


def time_step(config: RunConfig, variant: Variant, load: Callable[[], Dataset]) -> StepTime:
    """Train one plain epoch of a few steps on images of noise; pixel values make no difference to the time."""
    data = synthetic.noise_dataset(config, _TIMED_STEPS * min(config.batch_size, _LARGEST_TIMED))
    faults = tuple(name for name in config.faults if name != "folds_kept")  # folds only repeat it
    plain = dataclasses.replace(config, epochs=1, warmup=0.0, folds=None, faults=faults, patience=0, learning_rate=1e-6)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        image = 1 / fit(plain, variant, data, Path(folder)).images_per_second
    return StepTime(2 * (time.perf_counter() - begun), image)


def serve(
    config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset], shape: Sequence[int]
) -> Served:
    """Return the run to be called, with images of noise: its time does not depend on what is in the pixels."""
    score = restore(config, variant, folder, load)
    facts = {"call": "score", "device": "cpu", "threads": config.threads or cores(), "machine": processor()}
    return Served(lambda images: score(images, "test"), synthetic.noise(64, shape), facts)
