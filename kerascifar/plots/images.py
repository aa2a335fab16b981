"""Pictures of training images: by class, drawn at random, and beside their augmented versions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_CLASS = 10  # images shown per class
SIDE = 4  # images per side of the random grid; study 000 shows 16
ORIGINALS = 10  # images shown beside their augmented versions
AUGMENTED = 7  # epochs shown beside each original


def draw_classes(data: Dataset, config: RunConfig) -> "Figure":
    """Draw one row per class: its first training images, and bars for its number of images in each split."""
    figure = new_figure(12, 1.2 + 0.52 * len(data.classes))
    grid, bars = figure.subplots(1, 2, sharey=True, width_ratios=(PER_CLASS, 6))
    rows = np.arange(len(data.classes))
    for row in rows:
        for column, image in enumerate(data.train.images[data.train.labels == row][:PER_CLASS]):
            grid.imshow(image, extent=(column + 0.03, column + 0.97, row + 0.47, row - 0.47), interpolation="nearest")
    grid.set(xlim=(0, PER_CLASS), ylim=(len(rows) - 0.5, -0.5), aspect="equal", xticks=[])
    grid.set_yticks(rows, data.classes)
    grid.set_title(f"{data.name}: the first training images of each class", fontsize=10)
    height = 0.8 / len(data.splits)
    for place, (name, split) in enumerate(data.splits.items()):
        counts = np.bincount(split.labels, minlength=len(rows))
        bars.barh(rows - 0.4 + height * (place + 0.5), counts, height, label=f"{name} ({len(split):,})")
    bars.set_xlabel("images")
    bars.set_title("images per class", fontsize=10)
    figure.legend(loc="outside lower right", ncols=3, fontsize=8, frameon=False)
    for axes in (grid, bars):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=8)
    bars.spines["left"].set_visible(True)
    return figure


def draw_samples(data: Dataset, config: RunConfig) -> "Figure":
    """Draw a square of training images, which ``config.seed`` chooses, with their labels."""
    count = min(SIDE**2, len(data.train))
    chosen = np.random.default_rng(config.seed).choice(len(data.train), count, replace=False)
    figure = new_figure(6.4, 7)
    grid = figure.subplots(SIDE, SIDE).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, index in zip(grid, chosen, strict=False):
        axes.imshow(data.train.images[index], interpolation="nearest")
        axes.set_title(data.classes[data.train.labels[index]], fontsize=9, pad=3)
    figure.suptitle(f"{data.name}: {count} of {len(data.train):,} training images, seed {config.seed}", fontsize=10)
    return figure


def draw_augmented(data: Dataset, config: RunConfig) -> "Figure":
    """Draw one row per training image: the original, and what `config.augment` makes of it in each epoch."""
    index = pick(data.train.labels, ORIGINALS)
    originals, labels = data.train.images[index], data.train.labels[index]
    columns = [(originals, np.eye(len(data.classes), dtype="float32")[labels]), *augmented(data, config, index)]
    figure = new_figure(1.25 * len(columns) + 0.4, 1.6 * len(index) + 0.9)
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
    """Return one batch in each of AUGMENTED epochs: images uint8 (N, H, W, C) and label shares float32 (N, classes).

    The batch consists of the training images `index`, so the partners of MixUp and CutMix are among them.
    """
    from kerascifar.augment.policies import make_augment
    from kerascifar.devices import placement

    placement.start(RunConfig(device="cpu"))
    from kerascifar.data import draws

    images, one_hot = data.train.images[index], np.eye(len(data.classes), dtype=np.float32)[data.train.labels[index]]
    augment = draws.compiled(make_augment(config.augment, config.seed, images.shape[1:]))
    batches = (augment(images, one_hot, index, np.array(epoch), np.array(0)) for epoch in range(AUGMENTED))
    return [(np.asarray(changed), np.asarray(shares)) for changed, shares in batches]


def label(shares: np.ndarray, classes: Sequence[str]) -> str:
    """Return label shares (classes,) as text: ``cat``, or ``0.70 cat`` and ``+ 0.30 dog`` on two lines."""
    order = [k for k in np.argsort(-shares, kind="stable") if shares[k] >= 0.005]
    if len(order) == 1:
        return classes[order[0]]
    return "\n+ ".join(f"{shares[k]:.2f} {classes[k]}" for k in order)


def pick(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of `count` images: the first of each class, then the second, and so on."""
    rank = np.zeros(len(labels), int)
    for class_id in np.unique(labels):
        of_class = labels == class_id
        rank[of_class] = np.arange(of_class.sum())
    return np.lexsort((labels, rank))[:count]


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of `width` by `height` inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
