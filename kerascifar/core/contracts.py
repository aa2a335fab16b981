"""What the stages of a run hand to one another: splits of a data set in, a fitted model out; and what an engine is.

NumPy only, so that the baselines and the from-scratch nets share it with the Keras nets.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from kerascifar.config import RunConfig
    from kerascifar.core.registry import Variant

# From uint8 images (N, H, W, C) and the name of their split, such as "test", to probabilities float32 (N, classes).
Score = Callable[[np.ndarray, str], np.ndarray]
# From uint8 images (N, H, W, C) to scores (N, classes), as a program would call a net.
Predict = Callable[[np.ndarray], np.ndarray]


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
class Fitted:
    """What every engine hands back, so that all nets and baselines end in the same metrics.

    Attributes:
        score: maps uint8 images (N, H, W, C) and the name of their split, such as "test", to probabilities float32
            (N, classes).
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
    history: list[dict[str, float]] = field(default_factory=list)
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


class Engine(Protocol):
    """What fits one kind of architecture: the modules in ENGINES of architectures.py.

    Importing one imports neither Keras nor TensorFlow; its functions do, where they need them.

    Attributes:
        TITLE: its architectures, in the plural: "Keras nets".
        TRAINED: whether they are trained in steps, by an optimizer.
        MODEL: the file in the run folder that holds the fitted model; None where the training images are the model.
    """

    TITLE: str
    TRAINED: bool
    MODEL: str | None

    def check(self, config: "RunConfig", variant: "Variant") -> None:
        """Refuse what the engine or the net cannot do. Raises InputError."""

    def fit(self, config: "RunConfig", variant: "Variant", data: Dataset, folder: Path) -> Fitted:
        """Fit, from the checkpoint in `folder` if there is one. Raises InputError, TrainingDiverged."""

    def restore(self, config: "RunConfig", variant: "Variant", folder: Path, load: Callable[[], Dataset]) -> Score:
        """Return the scorer of the finished run in `folder`; `load()` gives its data. Raises InputError."""

    def count(self, variant: "Variant", shape: tuple[int, int, int], classes: int) -> tuple[int, int | None]:
        """Return trainable parameters, and multiply-adds of one image, counted on the net itself."""

    def layers(
        self, config: "RunConfig", variant: "Variant", shape: tuple[int, int, int], classes: int
    ) -> list[LayerRow]:
        """Return the net's layers, first to last, for images of `shape` (side, side, channels). Raises InputError."""

    def time_step(self, config: "RunConfig", variant: "Variant", load: Callable[[], Dataset]) -> StepTime:
        """Measure what a training takes, in a few real steps; `load()` gives its data. Raises InputError."""

    def serve(
        self, config: "RunConfig", variant: "Variant", folder: Path, load: Callable[[], Dataset], shape: Sequence[int]
    ) -> Served:
        """Return the finished run in `folder` to be called with images of `shape` (H, W, C). Raises InputError."""
