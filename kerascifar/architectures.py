"""ARCHITECTURES, the one table of all nets and baselines, and the engines that fit them."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from kerascifar import baselines, models, scratch
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

    def count(self, variant: Variant, shape: tuple[int, int, int], classes: int) -> tuple[int, int | None]:
        """Return trainable parameters, and multiply-adds of one image, counted on the net itself."""

    def layers(self, config: RunConfig, variant: Variant, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
        """Return the net's layers, first to last, for images of `shape` (side, side, channels). Raises InputError."""

    def time_step(self, config: RunConfig, variant: Variant, load: Callable[[], Dataset]) -> StepTime:
        """Measure what a training takes, in a few real steps; `load()` gives its data. Raises InputError."""

    def serve(
        self, config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset], shape: Sequence[int]
    ) -> Served:
        """Return the finished run in `folder` to be called with images of `shape` (H, W, C). Raises InputError."""


ARCHITECTURES: dict[str, Variant] = {**models.VARIANTS, **baselines.VARIANTS, **scratch.VARIANTS}
# What fits each kind of architecture; imported when it is needed.
ENGINES = {
    "keras": "kerascifar.training.engine",
    "baseline": "kerascifar.baselines.engine",
    "scratch": "kerascifar.scratch.engine",
}


def engine(arch: str) -> Engine:
    """Return what fits the architecture `arch`, a name in ARCHITECTURES."""
    return import_module(ENGINES[ARCHITECTURES[arch].engine])


def summarize(config: RunConfig, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """Build the config's net for images of `shape` (side, side, channels) and return its layers, first to last.

    Raises:
        InputError: the architecture has no layers, or does not take such images.
    """
    return engine(config.arch).layers(config, ARCHITECTURES[config.arch], shape, classes)


def table(rows: Sequence[LayerRow]) -> str:
    """Return one line per layer, then the totals."""
    shapes = [" x ".join(map(str, row.output)) for row in rows]
    name, kind = max(len(row.name) for row in rows), max(len(row.kind) for row in rows)
    wide = max(len("output"), *map(len, shapes))
    lines = [f"{'layer':{name}}  {'kind':{kind}}  {'output':>{wide}}  {'parameters':>11}  {'multiply-adds':>14}"]
    for row, shape in zip(rows, shapes, strict=True):
        counts = (f"{n:,}" if n else "-" for n in (row.parameters, row.multiply_adds))
        lines.append(
            "{:{}}  {:{}}  {:>{}}  {:>11}  {:>14}".format(row.name, name, row.kind, kind, shape, wide, *counts)
        )
    trainable, parameters = sum(row.trainable for row in rows), sum(row.parameters for row in rows)
    fixed = " (with those that are not trained, such as moving statistics)" if parameters > trainable else ""
    lines += [
        "",
        f"{'trainable parameters':22}{trainable:>14,}",
        f"{'all parameters':22}{parameters:>14,}{fixed}",
        f"{'multiply-adds':22}{sum(row.multiply_adds for row in rows):>14,} of one image, forward",
        f"{'size':22}{parameters * 4 / 2**20:>14.3f} MiB of float32",
    ]
    return "\n".join(lines) + "\n"


def list_architectures() -> None:
    """Print every architecture with trainable parameters, multiply-adds and source, as its table tells them."""
    print(f"{'arch':24} {'parameters':>12} {'multiply-adds':>14}  source (10 classes, 32x32x3 where not said)")
    for name, variant in ARCHITECTURES.items():
        multiply_adds = "-" if variant.multiply_adds is None else f"{variant.multiply_adds:,}"
        print(f"{name:24} {variant.params:12,} {multiply_adds:>14}  {variant.source}", flush=True)
