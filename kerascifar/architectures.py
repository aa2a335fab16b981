"""ARCHITECTURES, the one table of all nets and baselines, and the engines that fit them."""

from collections.abc import Sequence
from importlib import import_module

from kerascifar import baselines, models, scratch
from kerascifar.cli import print_table
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Engine, LayerRow
from kerascifar.core.registry import Variant

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
    """Build the config's net for images of `shape` (side, side, channels) and return its layers, first to last.

    Raises:
        InputError: the architecture has no layers, or cannot take images of this shape.
    """
    return engine(config.arch).layers(config, ARCHITECTURES[config.arch], shape, classes)


def print_layers(rows: Sequence[LayerRow]) -> None:
    """Print one line per layer, then the totals."""
    print_table(
        ("layer", "kind", "output", "parameters", "multiply-adds"),
        (
            (row.name, row.kind, " x ".join(map(str, row.output)), *_counts(row.parameters, row.multiply_adds))
            for row in rows
        ),
    )
    print()
    trainable, parameters = sum(row.trainable for row in rows), sum(row.parameters for row in rows)
    print_table(
        ("", "", ""),
        (
            ("trainable parameters", f"{trainable:,}", ""),
            (
                "all parameters",
                f"{parameters:,}",
                "with moving statistics and others that are not trained" * (parameters > trainable),
            ),
            ("multiply-adds", f"{sum(row.multiply_adds for row in rows):,}", "of one image, forward"),
            ("size", f"{parameters * 4 / 2**20:.3f}", "MiB of float32"),
        ),
    )


def list_architectures() -> None:
    """Print every architecture with its trainable parameters, multiply-adds and source, as ARCHITECTURES has them."""
    print_table(
        ("arch", "parameters", "multiply-adds", "source (10 classes, 32x32x3 unless stated otherwise)"),
        ((name, f"{row.params:,}", *_counts(row.multiply_adds), row.source) for name, row in ARCHITECTURES.items()),
    )


def _counts(*numbers: int | None) -> list[str]:
    return [f"{n:,}" if n else "-" for n in numbers]
