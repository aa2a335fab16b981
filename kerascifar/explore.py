"""Look at a data set, or at what an augmentation does to it.

    python -m kerascifar.explore --dataset cifar10
    python -m kerascifar.explore --augment flip_crop --out sheet.png
    python -m kerascifar.explore --augment "flip_crop mixup(0.2)" --dataset cifar100

Writes a PNG: images and bars for each class, or with --augment a sheet of originals beside what the net will see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerascifar import files
from kerascifar.cli import Parser, entry
from kerascifar.config import RunConfig, add_flags
from kerascifar.contracts import Dataset
from kerascifar.data.augment import check_augment
from kerascifar.data.datasets import check_name, load
from kerascifar.errors import InputError
from kerascifar.registry import lookup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FLAGS = (
    "dataset", "data_dir", "unverified", "validation", "train_limit", "test_limit", "image_size", "augment", "seed",
)  # fmt: skip
SHOWN = 10  # images a class, and originals on a sheet of augmentations
EPOCHS = 7  # augmented images beside each original


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.explore", description=__doc__)
    views = "; ".join(f"{name}: {view.shows}" for name, view in VIEWS.items())
    parser.add_argument("--view", metavar="VIEW", help=f"{views} (default augment with --augment, else classes)")
    parser.add_argument("--out", metavar="FILE.png", type=Path, help="where to write (explore-VIEW-DATASET.png)")
    add_flags(parser, FLAGS)
    given = vars(parser.parse_args(argv))
    name, out = given.pop("view"), given.pop("out")
    name = name or ("augment" if "augment" in given else "classes")
    view, config = lookup(VIEWS, name, "--view"), RunConfig(**given)
    check_name(config)
    if view.augments and not check_augment(config.augment):
        raise InputError(f"--augment {config.augment} changes nothing: name a policy to look at, such as flip_crop")
    out = out or Path(f"explore-{name}-{config.dataset.replace(':', '-').replace('/', '-')}.png")
    if out.suffix.lower() != ".png":
        raise InputError(f"--out: expected a file name ending in .png, got {out}")
    data = load(config)
    if view.augments:
        check_augment(config.augment, data.train.images.shape[1:])
    describe(data)
    figure = view.draw(data, config)
    files.write_atomically(out, lambda part: figure.savefig(part, format="png", dpi=120))
    print(f"wrote {out}")


def describe(data: Dataset) -> None:
    """Print how many images each part holds, and how evenly over the classes."""
    for name, part in data.parts.items():
        counts = np.bincount(part.labels, minlength=len(data.classes))
        spread = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
        print(f"{name:10} {len(part):8,} images of {len(data.classes)} classes, {spread} a class")


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


def pick(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the places of `count` images: the first of each class, then the second, and so on."""
    rank = np.zeros(len(labels), int)
    for one in np.unique(labels):
        here = labels == one
        rank[here] = np.arange(here.sum())
    return np.lexsort((labels, rank))[:count]


def augmented(data: Dataset, config: RunConfig, index: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each of EPOCHS epochs images, uint8, and labels, shares of each class, of one batch.

    The batch is made of the training images `index`, so partners in MixUp and CutMix are among them.
    """
    from kerascifar import devices
    from kerascifar.data.augment import make_augment

    devices.start(RunConfig(device="cpu"))
    import tensorflow as tf

    augment = make_augment(config.augment, config.seed, data.train.images.shape[1:])
    x, y = data.train.images[index], tf.one_hot(data.train.labels[index], len(data.classes))
    epochs = tf.data.Dataset.range(EPOCHS).map(
        lambda epoch: augment(x, y, index=tf.constant(index, tf.int64), epoch=epoch, batch=tf.constant(0, tf.int64))
    )
    return [(images.numpy(), shares.numpy()) for images, shares in epochs]


def label(shares: np.ndarray, classes: Sequence[str]) -> str:
    """Return a label as text: ``cat``, or ``0.70 cat`` and ``+ 0.30 dog`` on two lines."""
    order = [k for k in np.argsort(-shares, kind="stable") if shares[k] >= 0.005]
    if len(order) == 1:
        return classes[order[0]]
    return "\n+ ".join(f"{shares[k]:.2f} {classes[k]}" for k in order)


@dataclass(frozen=True)
class View:
    """One kind of picture: what it shows, how it is drawn, and whether it needs --augment."""

    shows: str
    draw: Callable[[Dataset, RunConfig], "Figure"]
    augments: bool = False


VIEWS: dict[str, View] = {
    "classes": View("images and counts of each class", draw_classes),
    "augment": View("originals beside augmented images", draw_augmented, augments=True),
}

if __name__ == "__main__":
    entry(main)
