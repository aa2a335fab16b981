"""Look at a data set, at what an augmentation policy does to it, or at the layers of a net.

    python -m kerascifar.explore --dataset cifar10
    python -m kerascifar.explore --dataset cifar10 --view tsne
    python -m kerascifar.explore --view neighbours --distance ssim
    python -m kerascifar.explore --augment flip_crop --out sheet.png
    python -m kerascifar.explore --augment "flip_crop mixup(0.2)" --dataset cifar100
    python -m kerascifar.explore --arch se_resnet --blocks 3,3,3

Writes a PNG: images and bars for each class, or the --view that is asked for; with --augment, a sheet of originals
beside what the net will see. With --arch it prints a table of the layers, for 10 classes and images of 32x32x3, or for
those of --dataset if that is given.
"""

from argparse import SUPPRESS
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.architectures import ARCHITECTURES, engine, print_layers, summarize
from kerascifar.cli import Parser, add_flags, as_flags, entry, suggest
from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import describe_classes, load
from kerascifar.plots.views import VIEWS, write_view
from kerascifar.plugins.loading import parse

DATA_FLAGS = (
    "dataset", "data_dir", "unverified", "validation", "train_limit", "test_limit", "image_size", "augment", "seed",
    "distance",
)  # fmt: skip
# The arguments of the nets' builders, in the order of RunConfig.
_BUILDER_ARGS = {name for arch, variant in ARCHITECTURES.items() if engine(arch).TRAINED for name in variant.args}
NET_FLAGS = tuple(name for name in FIELDS if name in _BUILDER_ARGS)


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
    fields = vars(parse(parser, argv))
    view, out = fields.pop("view"), fields.pop("out")
    if "arch" in fields:
        for name, value in (("--view", view), ("--out", out), ("--augment", fields.get("augment"))):
            if value is not None:
                raise InputError(f"{name} is for pictures of a data set; --arch prints a table of layers")
        show_layers(fields)
        return
    for name in NET_FLAGS:
        if name in fields:
            raise InputError(f"{flag(name)} is for the layers of a net: name it with --arch")
    if "distance" in fields and view != "neighbours":
        raise InputError("--distance is for --view neighbours")
    view, config = view or ("augment" if "augment" in fields else "classes"), RunConfig(**fields)
    out = out or Path(f"explore-{view}-{config.dataset.replace(':', '-').replace('/', '-')}.png")
    show_sizes(write_view(view, config, out))
    print(f"wrote {out}")
    suggest("kerascifar.train", *as_flags({name: fields[name] for name in ("dataset", "augment") if name in fields}))


def show_sizes(data: Dataset) -> None:
    """Print the first classes, how many images each split holds, and how evenly over the classes."""
    print(describe_classes(data.classes))
    for name, split in data.splits.items():
        counts = np.bincount(split.labels, minlength=len(data.classes))
        spread = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
        print(f"{name:10} {len(split):8,} images of {len(data.classes)} classes, {spread} per class")


def show_layers(fields: dict[str, Any]) -> None:
    """Print the layers of the net that the RunConfig `fields` describe."""
    config = configure(**fields)
    shape, classes = ARCHITECTURES[config.arch].input_shape, 10
    if "dataset" in fields:
        data = load(config)
        shape, classes = data.train.images.shape[1:], len(data.classes)
    rows = summarize(config, shape, classes)
    print(f"{config.arch}: {classes} classes, images of {'x'.join(map(str, shape))}")
    print_layers(rows)
    suggest("kerascifar.train", *as_flags(fields))


if __name__ == "__main__":
    entry(main)
