"""The engine of the Keras nets: the functions of ``architectures.Engine``."""

import contextlib
import dataclasses
import io
import itertools
import math
import statistics as stats
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import models, results
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, LayerRow, Score, Served, Split, StepTime
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.core.registry import Variant
from kerascifar.data.batches import steps_per_epoch
from kerascifar.data.sources import synthetic
from kerascifar.devices import placement
from kerascifar.training.building import build_model, compiled_model
from kerascifar.training.fit import fit
from kerascifar.training.phases import phases_of
from kerascifar.training.sweep import sweep

__all__ = ["MODEL", "TITLE", "TRAINED", "check", "fit", "layers", "restore", "serve", "sweep", "time_step"]

TITLE, TRAINED, MODEL = "Keras nets", True, results.KERAS_MODEL
_TIMED_STEPS = 6


def check(config: RunConfig, variant: Variant) -> None:
    """Refuse a --pixels that only the baselines have, and what ``kerascifar.models.check`` refuses."""
    if config.pixels == "planar_queries":
        raise InputError(f"--pixels planar_queries is for knn and nearest_centroid; {config.arch} has planar")
    if config.image_size is None:
        models.check(config.arch, **variant.arguments(config))


def restore(config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset]) -> Score:
    """Return the scorer of the finished run in `folder`, from its model.keras; `load` is not used."""
    placement.start(dataclasses.replace(config, strategy="none"))  # one device scores
    from kerascifar.training.scoring import load_model, scorer

    return scorer(load_model(folder), config)


def layers(config: RunConfig, variant: Variant, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """Build the config's net for images of `shape` and return its layers, first to last."""
    arguments = variant.arguments(config)
    models.check(config.arch, shape, classes, **arguments)
    placement.start(RunConfig(device="cpu"))
    from kerascifar.models.counting import layer_multiply_adds

    return [
        LayerRow(
            layer.name,
            type(layer).__name__,
            tuple(layer.output.shape[1:]),
            _size(layer.trainable_variables),
            _size(layer.weights),
            layer_multiply_adds(layer),
        )
        for layer in models.build(config.arch, shape, classes, **arguments).layers
    ]


def time_step(config: RunConfig, variant: Variant, load: Callable[[], Dataset]) -> StepTime:
    """Time a few real steps on images of noise, since pixel values do not affect the time; `load` is not used.

    The net is built, compiled and fed as in a run, augmentation included. Frozen layers make a phase faster, so the
    time per image is the mean over the epochs of all phases. Validation is left out: it has only a forward pass, about
    a third of the work. If the net is so small that a run makes several steps per call, this overestimates by up to a
    tenth. Steps divided by a strategy are refused.
    """
    if config.strategy != "none":
        raise InputError(f"steps are timed on one device, got --strategy {config.strategy}")
    placement.start(config)
    import keras  # noqa: F401  so that the time does not include the import

    begun = time.perf_counter()
    data = synthetic.noise_dataset(config, (_TIMED_STEPS + 1) * config.batch_size)
    fresh = dataclasses.replace(config, init_weights=None)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # progress bars
        if (weights := results.first_weights(config.init_weights)) is not None and weights.is_file():
            compiled_model(config, data)  # refuses weights that do not fit
        seconds = sum(phase.config.epochs * _step_seconds(phase.config, data) for phase in phases_of(fresh))
    # The measurement builds the net and traces its step; a run also traces validation and scoring, and saves.
    return StepTime(2 * (time.perf_counter() - begun), seconds / (config.epochs * config.batch_size))


def serve(
    config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset], shape: Sequence[int]
) -> Served:
    """Return the net of a finished run as one graph, with images of noise: its time does not depend on the pixels.

    Nor does it depend on the weights, so a run that kept no net is timed with fresh ones.
    """
    placement.need_tensorflow("a net's latency")
    device = placement.start(dataclasses.replace(config, strategy="none"))
    import tensorflow as tf

    from kerascifar.training.scoring import compiled, load_model, tta_variants

    machine = processor()
    for gpu in tf.config.get_visible_devices("GPU"):
        machine["gpu"] = tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    facts = {
        "call": "one compiled graph",
        "device": device["device"],
        "threads": device["threads"],
        "machine": machine,
        "tta": config.tta,
    }
    if (folder / MODEL).is_file():
        model = load_model(folder)
    else:
        facts["weights"] = "fresh, since the run kept no net"
        data = synthetic.noise_dataset(config, 64)
        noise = Split(synthetic.noise(64, tuple(shape)), data.train.labels)
        model = build_model(config, dataclasses.replace(data, train=noise))
    graph = compiled(model)

    def predict(images: np.ndarray) -> np.ndarray:  # test-time augmentation counts towards the latency
        return sum(weight * graph(variant) for weight, variant in tta_variants(images, config.tta))

    return Served(predict, synthetic.noise(64, model.input_shape[1:]), facts)


def _size(variables: Sequence[Any]) -> int:
    return sum(math.prod(v.shape) for v in variables)


def _step_seconds(config: RunConfig, data: Dataset) -> float:
    """Return the median time of a training step of the net that `config` describes."""
    import keras

    from kerascifar.training.feeding import training_feed

    class Clock(keras.callbacks.Callback):
        """Records when each step ends."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            float(logs["loss"])  # waits for the device, as Recorder does
            ends.append(time.perf_counter())

    ends: list[float] = []
    # At this learning rate nothing diverges; it does not affect the time.
    model = compiled_model(dataclasses.replace(config, learning_rate=1e-6), data)
    steps = steps_per_epoch(len(data.train), config.batch_size)
    feed = training_feed(config, data.train, len(data.classes), 1)
    model.fit(feed, steps_per_epoch=steps, verbose=0, callbacks=[Clock()])
    return stats.median(b - a for a, b in itertools.pairwise(ends))
