"""What is in a data set: images and counts of each class, and a grid of images drawn at random."""

from typing import TYPE_CHECKING

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.contracts import Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10  # images a class
SIDE = 4  # images a side of the grid; study 000 shows 16


def draw_classes(data: Dataset, config: RunConfig) -> "Figure":
    """Draw a row for each class: its first training images, and a bar for its images in each part."""
    from matplotlib.figure import Figure

    rows = len(data.classes)
    figure = Figure(figsize=(12, 1.2 + 0.52 * rows), layout="constrained")
    grid, bars = figure.subplots(1, 2, sharey=True, width_ratios=(SHOWN, 6))
    for row in range(rows):
        for column, image in enumerate(data.train.images[data.train.labels == row][:SHOWN]):
            grid.imshow(image, extent=(column + 0.03, column + 0.97, row + 0.47, row - 0.47), interpolation="nearest")
    grid.set(xlim=(0, SHOWN), ylim=(rows - 0.5, -0.5), aspect="equal", xticks=[])
    grid.set_yticks(range(rows), data.classes)
    grid.set_title(f"{data.name}: the first training images of each class", fontsize=10)
    height = 0.8 / len(data.parts)
    for place, (name, part) in enumerate(data.parts.items()):
        counts = np.bincount(part.labels, minlength=rows)
        bars.barh(np.arange(rows) - 0.4 + height * (place + 0.5), counts, height, label=f"{name} ({len(part):,})")
    bars.set_xlabel("images")
    bars.set_title("images a class", fontsize=10)
    figure.legend(loc="outside lower right", ncols=3, fontsize=8, frameon=False)
    for axes in (grid, bars):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=8)
    bars.spines["left"].set_visible(True)
    return figure


def draw_samples(data: Dataset, config: RunConfig) -> "Figure":
    """Draw a square of training images, which ``config.seed`` chooses, with their labels."""
    from matplotlib.figure import Figure

    count = min(SIDE**2, len(data.train))
    chosen = np.random.default_rng(config.seed).choice(len(data.train), count, replace=False)
    figure = Figure(figsize=(6.4, 7), layout="constrained")
    grid = figure.subplots(SIDE, SIDE).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, place in zip(grid, chosen, strict=False):
        axes.imshow(data.train.images[place], interpolation="nearest")
        axes.set_title(data.classes[data.train.labels[place]], fontsize=9, pad=3)
    figure.suptitle(f"{data.name}: {count} of {len(data.train):,} training images, seed {config.seed}", fontsize=10)
    return figure


def pick(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the places of `count` images: the first of each class, then the second, and so on."""
    rank = np.zeros(len(labels), int)
    for one in np.unique(labels):
        here = labels == one
        rank[here] = np.arange(here.sum())
    return np.lexsort((labels, rank))[:count]
