"""The engine of knn and nearest_centroid: the functions of ``architectures.Engine``."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wrapt import lazy_import

from kerascifar.baselines.distances import DISTANCES
from kerascifar.baselines.memory import DEFAULT_MEMORY, parse_memory
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Fitted, LayerRow, Score, Served, StepTime
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores, processor
from kerascifar.core.registry import Variant, lookup

TITLE, TRAINED, MODEL = "knn and nearest_centroid", False, None
_LEAST_SECONDS = 0.3  # that a measurement must take
_fit = lazy_import("kerascifar.baselines.fit")  # imports scikit-learn


def check(config: RunConfig, variant: Variant) -> None:
    """Refuse an unknown distance, a data range for another one than ssim, and a malformed amount of memory."""
    name = variant.arguments(config)["distance"]
    distance = lookup(DISTANCES, name, "--distance")
    if config.data_range is not None and not distance.images:
        raise InputError(f"--data-range applies to ssim, not to {name}")
    parse_memory(config.memory or DEFAULT_MEMORY)


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path | None) -> Fitted:
    """See ``kerascifar.baselines.fit.fit``."""
    return _fit.fit(config, variant, data, folder)


def restore(config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset]) -> Score:
    """Return the scorer of a finished run: the training images are the model, so they are read again."""
    return fit(config, variant, load(), None).score


def layers(config: RunConfig, variant: Variant, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """Refuse: there are none."""
    raise InputError(f"{config.arch} has no layers; name a net, such as lenet or scratch_convnet")


def sweep(config: RunConfig, variant: Variant, data: Dataset, rates: Sequence[float]) -> Iterator[float]:
    """Refuse: nothing is trained in steps."""
    raise InputError(f"{config.arch} has no learning rate: nothing is trained in steps; name a net, such as lenet")


def time_step(config: RunConfig, variant: Variant, load: Callable[[], Dataset]) -> StepTime:
    """Measure the time per test image, on enough images for a reliable time."""
    data = load()
    begun = time.perf_counter()
    fitted = fit(config, variant, data, None)
    fitted.score(data.test.images[:2], "test")  # compiles the loops of numba
    once, images = time.perf_counter() - begun, 8
    while True:
        begun = time.perf_counter()
        fitted.score(data.test.images[:images], "test")
        seconds = time.perf_counter() - begun
        if seconds >= _LEAST_SECONDS or images >= len(data.test):
            return StepTime(once, seconds / min(images, len(data.test)))
        images *= 4


def serve(
    config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset], shape: Sequence[int]
) -> Served:
    """Return the run to be called, with its test images: the time depends on what is in the pixels."""
    data = load()
    score = fit(config, variant, data, None).score
    facts = {"call": "score", "device": "cpu", "threads": config.threads or cores(), "machine": processor()}
    return Served(lambda images: score(images, "test"), data.test.images, facts)
