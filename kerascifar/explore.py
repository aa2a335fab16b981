"""Look at a data set, at what an augmentation does to it, or at a net layer by layer.

    python -m kerascifar.explore --dataset cifar10
    python -m kerascifar.explore --dataset cifar10 --view tsne
    python -m kerascifar.explore --augment flip_crop --out sheet.png
    python -m kerascifar.explore --augment "flip_crop mixup(0.2)" --dataset cifar100
    python -m kerascifar.explore --arch se_resnet --blocks 3,3,3

Writes a PNG: images and bars for each class, or the --view that is asked for; with --augment a sheet of originals
beside what the net will see. With --arch it prints a table of the layers, for 10 classes and images of 32x32x3, or for
those of --dataset if that is given.
"""

from argparse import SUPPRESS
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascifar.architectures import ARCHITECTURES, engine, print_layers, summarize
from kerascifar.augment.policies import check_augment
from kerascifar.cli import Parser, add_flags, entry
from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.configure import configure
from kerascifar.core import files
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.data.datasets import check_name, load
from kerascifar.plots.images import draw_augmented, draw_classes, draw_samples
from kerascifar.plots.projections import draw_pca, draw_tsne

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA_FLAGS = (
    "dataset", "data_dir", "unverified", "validation", "train_limit", "test_limit", "image_size", "augment", "seed",
)  # fmt: skip
# The arguments of the nets' builders, in the order of RunConfig.
_TAKEN = {name for arch, variant in ARCHITECTURES.items() if engine(arch).TRAINED for name in variant.args}
NET_FLAGS = tuple(name for name in FIELDS if name in _TAKEN)


@dataclass(frozen=True)
class View:
    """One kind of picture: what it shows, how it is drawn, and whether it needs --augment."""

    shows: str
    draw: Callable[[Dataset, RunConfig], "Figure"]
    augments: bool = False


VIEWS: dict[str, View] = {
    "classes": View("images and counts of each class", draw_classes),
    "samples": View("16 images drawn at random", draw_samples),
    "pca": View("images along the two directions of greatest variance", draw_pca),
    "tsne": View("similar images close together", draw_tsne),
    "augment": View("originals beside augmented images", draw_augmented, augments=True),
}


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.explore", description=__doc__)
    views = "; ".join(f"{name}: {view.shows}" for name, view in VIEWS.items())
    parser.add_argument("--view", metavar="VIEW", help=f"{views} (default augment with --augment, else classes)")
    parser.add_argument("--out", metavar="FILE.png", type=Path, help="where to write (explore-VIEW-DATASET.png)")
    add_flags(parser, DATA_FLAGS)
    net = parser.add_argument_group("layers of a net")
    net.add_argument("--arch", metavar="NAME", default=SUPPRESS, help="print this net's layers, draw nothing")
    add_flags(net, NET_FLAGS)
    given = vars(parser.parse_args(argv))
    view, out = given.pop("view"), given.pop("out")
    if "arch" in given:
        for name, value in (("--view", view), ("--out", out), ("--augment", given.get("augment"))):
            if value is not None:
                raise InputError(f"{name} is for pictures of a data set; --arch prints a table of layers")
        show_layers(given)
        return
    for name in NET_FLAGS:
        if name in given:
            raise InputError(f"{flag(name)} is for the layers of a net: name it with --arch")
    draw(view, out, given)


def draw(name: str | None, out: Path | None, given: dict[str, Any]) -> None:
    """Write a picture of the data set that the RunConfig fields `given` name, and say what it holds."""
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
    for name, split in data.splits.items():
        counts = np.bincount(split.labels, minlength=len(data.classes))
        spread = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
        print(f"{name:10} {len(split):8,} images of {len(data.classes)} classes, {spread} a class")


def show_layers(given: dict[str, Any]) -> None:
    """Print the layers of the net that the RunConfig fields `given` describe."""
    config = configure(**given)
    shape, classes = ARCHITECTURES[config.arch].input_shape, 10
    if "dataset" in given:
        data = load(config)
        shape, classes = data.train.images.shape[1:], len(data.classes)
    rows = summarize(config, shape, classes)
    print(f"{config.arch}: {classes} classes, images of {'x'.join(map(str, shape))}")
    print_layers(rows)


if __name__ == "__main__":
    entry(main)
