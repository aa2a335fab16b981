"""What the stages of a run hand to one another: splits of a data set in, a fitted model out.

NumPy only, so that the baselines and the from-scratch nets share it with the Keras nets.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError

# The square of the number of classes is the size of a confusion matrix, which a file of a few bytes must not fill.
MOST_CLASSES = 2048

# From uint8 images (N, H, W, C) and the name of their split, such as "test", to probabilities float32 (N, classes).
Score = Callable[[np.ndarray, str], np.ndarray]
# From uint8 images (N, H, W, C) to scores (N, classes), as a program would call a net.
Predict = Callable[[np.ndarray], np.ndarray]
# What a training says of one epoch: its number, an int, which a reader must not turn into a float, and its metrics.
Epoch = dict[str, int | float]


def check_class_count(count: int, where: str) -> None:
    """Refuse more classes than MOST_CLASSES. Raises InputError: names `where` they stand."""
    if count > MOST_CLASSES:
        raise InputError(f"{where}: {count} classes; at most {MOST_CLASSES} are read")


@dataclass(frozen=True)
class Split:
    """Images and labels of one split.

    Attributes:
        images: uint8 (N, H, W, C), pixels 0 to 255, as stored.
        labels: int64 (N,), from 0.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def image_checksums(self) -> list[bytes]:
        """Return the SHA-256 of the pixels of each image; equal only for images of the same shape and pixels."""
        rows = np.ascontiguousarray(self.images)
        shape = repr(rows.shape[1:]).encode()
        return [hashlib.sha256(shape + row.tobytes()).digest() for row in rows]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of shape, pixels and labels."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images))
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """A data set, split and ready.

    Attributes:
        name: as given to --dataset.
        classes: class names; a label is an index into them.
        train: what a model learns from.
        validation: held out of the training images for selection; None where the share is 0.
        test: scored once, at the end; None where it is out of reach, in the trials of a search.
        notes: facts for result.json, such as ``{"split": "ours"}``.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split | None
    test: Split | None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def overlap(self) -> int:
        """Return how many test images the training data, validation included, holds pixel for pixel."""
        if self.test is None:
            return 0
        learned = set(self.train.image_checksums())
        if self.validation is not None:
            learned.update(self.validation.image_checksums())
        return sum(checksum in learned for checksum in self.test.image_checksums())

    @property
    def side(self) -> int:
        """Height and width of an image in pixels."""
        return self.train.images.shape[1]


@dataclass(frozen=True)
class Whole:
    """A data set as its files give it, before anything of it is held out.

    Attributes:
        classes: class names; a label is an index into them.
        splits: by name; train is always there.
        files: by split, the file of each image; a split whose images lie in no files of their own is not in it.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """What every engine hands back, so that all nets and baselines end in the same metrics.

    Attributes:
        score: see ``Score``.
        probabilities: False where scores are vote shares, for which NLL and calibration mean nothing.
        trainable_parameters: exact count; 0 for baselines.
        multiply_adds: for one image, forward; None where it has no meaning.
        history: one dict per epoch; empty for baselines.
        seconds_per_epoch: median over the epochs trained here; None where nothing was.
        images_per_second: training images a second, from the same epochs.
        save: writes the fitted model into a folder; None where there is nothing to save.
        notes: further facts for result.json, such as the device chosen.
    """

    score: Score
    probabilities: bool = True
    trainable_parameters: int = 0
    multiply_adds: int | None = None
    history: list[Epoch] = field(default_factory=list)
    seconds_per_epoch: float | None = None
    images_per_second: float | None = None
    save: Callable[[Path], None] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerRow:
    """One layer of a net.

    Attributes:
        name: its name; of a scratch net, its number.
        kind: its class.
        output: shape of its output for one image.
        trainable: parameters that are trained.
        parameters: all that are saved, those too that are not trained, such as moving statistics.
        multiply_adds: of one image, forward.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    trainable: int
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class StepTime:
    """How long a training takes.

    Attributes:
        once: seconds of what happens once, such as building the net and tracing its step.
        image: seconds per image and epoch; of a baseline, per image that is scored.
    """

    once: float
    image: float


@dataclass(frozen=True)
class Served:
    """A finished run to be called.

    Attributes:
        predict: uint8 (N, H, W, C) to scores (N, classes): logits of a Keras net, probabilities or shares of others.
        images: uint8 (M, H, W, C) to try it with.
        facts: what its time depends on: call, device, threads, machine.
    """

    predict: Predict
    images: np.ndarray
    facts: Mapping[str, Any]
