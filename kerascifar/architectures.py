"""ARCHITECTURES, the one table of all nets and baselines, and the engines that fit them."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from kerascifar import baselines, models, scratch
from kerascifar.cli import print_table
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Fitted, LayerRow, Score, Served, StepTime
from kerascifar.core.registry import Variant


class Engine(Protocol):
    """What fits one kind of architecture: the modules in ENGINES.

    Importing one imports neither Keras nor TensorFlow; its functions do, where they need them.

    Attributes:
        TITLE: its architectures, in the plural: "Keras nets".
        TRAINED: whether they are trained in steps, by an optimizer.
        MODEL: the file in the run folder that holds the fitted model; None where the training images are the model.
    """

    TITLE: str
    TRAINED: bool
    MODEL: str | None

    def check(self, config: RunConfig, variant: Variant) -> None:
        """Refuse what the engine or the net cannot do. Raises InputError."""

    def fit(self, config: RunConfig, variant: Variant, data: Dataset, folder: Path) -> Fitted:
        """Fit, from the checkpoint in `folder` if there is one. Raises InputError, TrainingDiverged."""

    def restore(self, config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset]) -> Score:
        """Return the scorer of the finished run in `folder`; `load()` gives its data. Raises InputError."""

    def layers(self, config: RunConfig, variant: Variant, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
        """Return the net's layers, first to last, for images of `shape` (side, side, channels). Raises InputError."""

    def time_step(self, config: RunConfig, variant: Variant, load: Callable[[], Dataset]) -> StepTime:
        """Measure what a training takes, in a few real steps; `load()` gives its data. Raises InputError."""

    def sweep(self, config: RunConfig, variant: Variant, data: Dataset, rates: Sequence[float]) -> Iterator[float]:
        """Train for a step at each of `rates`, and yield the losses of the batches before them. Raises InputError."""

    def serve(
        self, config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset], shape: Sequence[int]
    ) -> Served:
        """Return the finished run in `folder` to be called with images of `shape` (H, W, C). Raises InputError."""


ARCHITECTURES: dict[str, Variant] = {**models.VARIANTS, **baselines.VARIANTS, **scratch.VARIANTS}
# The module that fits each kind of architecture, imported when it is needed.
ENGINES = {
    "keras": "kerascifar.training.engine",
    "baseline": "kerascifar.baselines.engine",
    "scratch": "kerascifar.scratch.engine",
}


def engine(arch: str) -> Engine:
    """Return the engine of `arch`, a name in ARCHITECTURES."""
    return import_module(ENGINES[ARCHITECTURES[arch].engine])


def summarize(config: RunConfig, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """Build the config's net for images of `shape` (side, side, channels) and return its layers; see ``Engine.layers``.

    An architecture without layers, and a shape that it cannot take, are refused.
    """
    return engine(config.arch).layers(config, ARCHITECTURES[config.arch], shape, classes)


def print_layers(rows: Sequence[LayerRow]) -> None:
    """Print one line per layer, then the totals.

    Of BatchNormalization scale and offset count, not the moving statistics, as papers and PyTorch's summaries have it.
    """
    print_table(
        ("layer", "kind", "output", "trainable", "multiply-adds"),
        (
            (row.name, row.kind, " x ".join(map(str, row.output)), *_counts(row.trainable, row.multiply_adds))
            for row in rows
        ),
    )
    print()
    trainable, parameters = sum(row.trainable for row in rows), sum(row.parameters for row in rows)
    totals = (
        ("trainable parameters", f"{trainable:,}", ""),
        ("all parameters", f"{parameters:,}", "with moving statistics" if parameters > trainable else ""),
        ("multiply-adds", f"{sum(row.multiply_adds for row in rows):,}", "of one image, forward"),
        ("size", f"{parameters * 4 / 2**20:.3f}", "MiB of float32"),
    )
    print_table(("", "", ""), totals)


def list_architectures() -> None:
    """Print every architecture with its trainable parameters, multiply-adds and source, as ARCHITECTURES has them."""
    print_table(
        ("arch", "parameters", "multiply-adds", "source (10 classes, 32x32x3 unless stated otherwise)"),
        ((name, f"{row.params:,}", *_counts(row.multiply_adds), row.source) for name, row in ARCHITECTURES.items()),
    )


def _counts(*numbers: int | None) -> list[str]:
    return [f"{n:,}" if n else "-" for n in numbers]
