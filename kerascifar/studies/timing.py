"""What a run of a recipe costs in seconds, and how much of it a share of time pays for."""

import dataclasses
import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.config import FIELDS, RunConfig
from kerascifar.core.contracts import StepTime
from kerascifar.data.datasets import load
from kerascifar.studies.lengths import FEWEST_IMAGES, FULL, Length
from kerascifar.training.early_epochs import epoch_work

FORWARD = 1 / 3  # of a training step: the backward pass takes twice as long
# Rows of an ablation differ in other fields, so they get the same number of epochs.
_TIMED = tuple(name for name, f in FIELDS.items() if f.metadata["timed"])


@dataclass(frozen=True)
class Cost:
    """What a run costs.

    Attributes:
        once: seconds of all that happens once, such as building and tracing the net; without scoring.
        image: seconds an image and epoch in training; for a baseline, seconds a test image.
        train: training images an epoch.
        validation: validation images, scored after each epoch.
        test: test images.
        epochs: epochs of the full recipe; None where nothing is trained by steps.
        least: the fewest epochs, one for each phase.
        repeats: how many such trainings there are: the trials of a search, or folds and what comes after them.
    """

    once: float
    image: float
    train: int
    validation: int
    test: int
    epochs: int | None
    least: int = 1
    repeats: int = 1

    def seconds(self, length: Length = FULL) -> float:
        """Return the time of a run of `length`."""
        test = min(length.test_limit or self.test, self.test)
        if self.epochs is None:
            return self.once + self.image * test
        share = min(1.0, (length.train_limit or np.inf) / (self.train + self.validation))
        epoch = self.image * share * (self.train + FORWARD * self.validation)
        epochs = min(length.epochs or self.epochs, self.epochs)
        scored = test + share * self.validation
        return self.repeats * (self.once + epochs * epoch + self.image * FORWARD * scored)

    def length(self, seconds: float) -> Length:
        """Return the longest run that `seconds` pay for; where they pay for none, the shortest that makes sense."""
        seconds *= 1 + 1e-9  # what fits exactly is not to be lost to rounding
        if seconds >= self.seconds():
            return FULL
        if self.epochs is None:
            affordable = int((seconds - self.once) / self.image)
            return Length(test_limit=min(self.test, max(FEWEST_IMAGES, affordable)))
        test = None
        if self.repeats * self.image * FORWARD * self.test > seconds / 2:  # leave half of it for training
            test = min(self.test, max(FEWEST_IMAGES, int(seconds / 2 / (self.repeats * self.image * FORWARD))))
        one, two = (self.seconds(Length(epochs, None, test)) for epochs in (1, 2))
        epochs = int((seconds - one) / (two - one) + 1) if two > one else 1
        if epochs >= self.least:
            return Length(epochs, None, test)
        images = self.train + self.validation
        least = Length(self.least, None, test)
        step = (self.seconds(least) - self.seconds(dataclasses.replace(least, train_limit=1))) / (images - 1)
        affordable = int(images - (self.seconds(least) - seconds) / step)
        limit = min(images, max(FEWEST_IMAGES, affordable))
        return dataclasses.replace(least, train_limit=limit if limit < images else None)


Measure = Callable[[RunConfig], Cost]


def meter(machine: Mapping[str, Any]) -> Measure:
    """Return a function that measures what a run of a config costs, and remembers what it has measured.

    `machine` holds RunConfig fields that are no part of a recipe, such as data_dir and device.
    """
    timed: dict[str, StepTime] = {}
    sizes: dict[str, dict[str, int]] = {}

    def measure(config: RunConfig) -> Cost:
        config = dataclasses.replace(config, **machine)
        key = json.dumps([repr(getattr(config, name)) for name in _TIMED])
        if key not in timed:
            print(f"measuring how long {config.arch} takes on {config.dataset}", flush=True)
            variant = ARCHITECTURES[config.arch]
            timed[key] = engine(config.arch).time_step(config, variant, lambda: load(config))
        limits = config.validation, config.exclude, config.train_limit, config.test_limit
        data = json.dumps([config.dataset, *limits, config.data_dir])
        if data not in sizes:
            loaded = load(config)
            sizes[data] = {name: len(split) for name, split in loaded.splits.items()} | {"side": loaded.side}
        splits = {name: sizes[data].get(name, 0) for name in ("train", "validation", "test")}
        small = statistics.fmean(epoch_work(config, sizes[data]["side"]))  # measured steps are of the images' own side
        return Cost(
            timed[key].once,
            timed[key].image * small,
            **splits,
            epochs=config.epochs if engine(config.arch).TRAINED else None,
            least=len(config.phases or [0]),
            repeats=1 + (config.folds or 0),
        )

    return measure
