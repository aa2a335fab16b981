"""How long a training will take: seconds an image, from a few real steps on images made up for it."""

import contextlib
import dataclasses
import io
import itertools
import statistics as stats
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.configure import ARCHITECTURES
from kerascifar.contracts import Dataset, Part
from kerascifar.data.pipeline import steps_per_epoch
from kerascifar.errors import InputError
from kerascifar.training.phases import phases_of

SIDE = 32  # of all data sets but folder and tfds:, whose images get it too unless --image-size says otherwise
# Where they are not 10; the head's size hardly counts.
CLASSES = {"cifar100": 100, "cifar100_coarse": 20}


def seconds_per_image(config: RunConfig, steps: int = 6) -> float:
    """Return the seconds that one image of one epoch takes, measured in `steps` training steps.

    The net is built, compiled and fed as run() does it, augmentation included, on images of noise; whose values they
    are makes no difference to the time. Validation is left out: it has a forward pass only, about a third of the work.
    Of a net so small that run() makes several steps in one call, this overestimates by up to a tenth.

    Args:
        config: a checked and completed RunConfig of a Keras or scratch net, for one device.
        steps: how many steps to time; one more comes before, in which the step is traced.

    Raises:
        InputError: nothing is trained by steps, or a strategy divides them.
    """
    engine = ARCHITECTURES[config.arch].engine
    if engine == "baseline":
        raise InputError(f"{config.arch} is not trained by steps, so no step can be timed")
    if config.strategy != "none":
        raise InputError(f"steps are timed on one device, got --strategy {config.strategy}")
    data = _noise(config, (steps + 1) * config.batch_size)
    told = io.StringIO()  # progress bars, and the device taken
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        return _scratch_seconds(config, data) if engine == "scratch" else _keras_seconds(config, data)


def _keras_seconds(config: RunConfig, data: Dataset) -> float:
    """Return the mean over the epochs; frozen layers make a phase quicker."""
    phases = phases_of(dataclasses.replace(config, init_weights=None))
    return sum(phase.config.epochs * _step_seconds(phase.config, data) for phase in phases) / (
        config.epochs * config.batch_size
    )


def _step_seconds(config: RunConfig, data: Dataset) -> float:
    from kerascifar.training import fit

    fit.devices.start(config)
    # Only now may Keras be imported: the device has been chosen.
    import keras

    from kerascifar.training.feeding import training_feed

    class Clock(keras.callbacks.Callback):
        """Notes when each step ends."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            float(logs["loss"])  # waits for the device, as run() does
            ends.append(time.perf_counter())

    ends: list[float] = []
    model = fit.compiled_model(config, data)
    steps = steps_per_epoch(len(data.train), config.batch_size)
    model.fit(
        training_feed(config, data.train, len(data.classes), 1), steps_per_epoch=steps, verbose=0, callbacks=[Clock()]
    )
    return stats.median(b - a for a, b in itertools.pairwise(ends))


def _scratch_seconds(config: RunConfig, data: Dataset) -> float:
    from kerascifar.scratch import fit

    # One plain epoch: folds only repeat it.
    faults = tuple(name for name in config.faults if name != "folds_kept")
    alone = dataclasses.replace(config, epochs=1, warmup=0.0, folds=None, faults=faults, patience=0)
    with tempfile.TemporaryDirectory() as folder:
        return 1 / fit.fit(alone, ARCHITECTURES[config.arch], data, Path(folder)).images_per_second


def _noise(config: RunConfig, count: int) -> Dataset:
    """Return `count` training images of noise, of the shape that the data set of `config` has."""
    side, classes = config.image_size or SIDE, CLASSES.get(config.dataset, 10)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    names = tuple(f"class {i}" for i in range(classes))
    return Dataset(config.dataset, names, Part(images, np.arange(count) % classes), None, None)
