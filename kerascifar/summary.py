"""A net, layer by layer: output shapes, parameters, multiply-adds; for Keras nets and scratch nets alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerascifar import devices
from kerascifar.config import RunConfig
from kerascifar.configure import ARCHITECTURES, options
from kerascifar.errors import InputError


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Attributes:
        name: its name; of a scratch net, its number.
        kind: its class.
        output: shape of what it gives for one image.
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


def summarize(config: RunConfig, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """Build the config's net for images of `shape` (side, side, channels) and return its layers, first to last.

    Raises:
        InputError: the architecture has no layers, or does not take such images.
    """
    variant = ARCHITECTURES[config.arch]
    if variant.engine == "baseline":
        raise InputError(f"{config.arch} has no layers; name a net, such as lenet or scratch_convnet")
    return (_keras_rows if variant.engine == "keras" else _scratch_rows)(config, shape, classes)


def table(rows: Sequence[LayerRow]) -> str:
    """Return a line a layer, then the totals."""
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


def _keras_rows(config: RunConfig, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    from kerascifar import models

    models.check(config.arch, shape, classes, **options(config))
    devices.start(RunConfig(device="cpu"))
    from kerascifar.models.counting import layer_multiply_adds

    def count(variables: Sequence[Any]) -> int:
        return sum(math.prod(v.shape) for v in variables)

    return [
        LayerRow(
            layer.name,
            type(layer).__name__,
            tuple(layer.output.shape[1:]),
            count(layer.trainable_variables),
            count(layer.weights),
            layer_multiply_adds(layer),
        )
        for layer in models.build(config.arch, shape, classes, **options(config)).layers
    ]


def _scratch_rows(config: RunConfig, shape: tuple[int, int, int], classes: int) -> list[LayerRow]:
    from kerascifar.scratch import Network
    from kerascifar.scratch.served import arguments_of, check

    variant = ARCHITECTURES[config.arch]
    check(config, variant)
    network = Network(variant.build(shape, classes, **arguments_of(config, variant)), shape)
    rows = []
    for place, layer in enumerate(network.layers):
        trainable = sum(math.prod(s) for s in layer.parameter_shapes.values())
        kept = trainable + sum(a.size for a in layer.state.values())
        kind = type(layer).__name__
        rows.append(LayerRow(str(place), kind, layer.output_shape, trainable, kept, layer.multiply_adds))
    return rows
