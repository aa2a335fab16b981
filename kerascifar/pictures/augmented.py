"""What an augmentation does: originals beside what a net sees of them on each epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.contracts import Dataset
from kerascifar.pictures.classes import pick

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10  # originals
EPOCHS = 7  # augmented images beside each


def draw_augmented(data: Dataset, config: RunConfig) -> "Figure":
    """Draw training images, one a row, beside what `config.augment` makes of them on each epoch."""
    from matplotlib.figure import Figure

    index = pick(data.train.labels, SHOWN)
    originals, labels = data.train.images[index], data.train.labels[index]
    columns = [(originals, np.eye(len(data.classes), dtype="float32")[labels]), *augmented(data, config, index)]
    figure = Figure(figsize=(1.25 * len(columns) + 0.4, 1.6 * len(index) + 0.9), layout="constrained")
    axes = figure.subplots()
    for column, (images, shares) in enumerate(columns):
        x = column + (0.25 if column else 0)  # originals stand apart
        axes.text(x + 0.46, -0.12, f"epoch {column - 1}" if column else "original", ha="center", fontsize=9)
        for row, image in enumerate(images):
            y = 1.28 * row
            axes.imshow(image, extent=(x, x + 0.92, y + 0.92, y), interpolation="nearest")
            axes.text(x + 0.46, y + 0.95, label(shares[row], data.classes), ha="center", va="top", fontsize=6.5)
    axes.set(xlim=(-0.05, len(columns) + 0.25), ylim=(1.28 * len(index), -0.3), aspect="equal")
    axes.set_axis_off()
    axes.set_title(f'{data.name}, --augment "{config.augment}"', fontsize=10, wrap=True)
    return figure


def augmented(data: Dataset, config: RunConfig, index: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each of EPOCHS epochs images, uint8, and labels, shares of each class, of one batch.

    The batch is made of the training images `index`, so partners in MixUp and CutMix are among them.
    """
    from kerascifar import devices
    from kerascifar.data.augment import make_augment

    devices.start(RunConfig(device="cpu"))
    from kerascifar.data import draws

    shown, one_hot = data.train.images[index], np.eye(len(data.classes), dtype=np.float32)[data.train.labels[index]]
    change = draws.compiled(make_augment(config.augment, config.seed, shown.shape[1:]))
    epochs = (change(shown, one_hot, index, np.array(epoch), np.array(0)) for epoch in range(EPOCHS))
    return [(np.asarray(images), np.asarray(shares)) for images, shares in epochs]


def label(shares: np.ndarray, classes: Sequence[str]) -> str:
    """Return a label as text: ``cat``, or ``0.70 cat`` and ``+ 0.30 dog`` on two lines."""
    order = [k for k in np.argsort(-shares, kind="stable") if shares[k] >= 0.005]
    if len(order) == 1:
        return classes[order[0]]
    return "\n+ ".join(f"{shares[k]:.2f} {classes[k]}" for k in order)
