"""VIEWS, the table of pictures of a data set, and how one of them is written."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kerascifar.augment.policies import check_augment
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.core.shown import printable
from kerascifar.data.datasets import load
from kerascifar.plots.images import draw_augmented, draw_classes, draw_samples
from kerascifar.plots.lettering import drawing, legible
from kerascifar.plots.neighbours import draw_neighbours
from kerascifar.plots.projections import draw_pca, draw_tsne

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class View:
    """One kind of picture: what it shows, the function that draws it, and whether it needs --augment."""

    shows: str
    draw: Callable[[Dataset, RunConfig], "Figure"]
    augments: bool = False


VIEWS: dict[str, View] = {
    "classes": View("images and counts of each class", draw_classes),
    "samples": View("16 images drawn at random", draw_samples),
    "pca": View("images along the two directions of greatest variance", draw_pca),
    "tsne": View("similar images close together", draw_tsne),
    "neighbours": View("test images and the nearest training images, by --distance", draw_neighbours),
    "augment": View("originals beside augmented images", draw_augmented, augments=True),
}


def write_view(name: str, config: RunConfig, path: Path) -> Dataset:
    """Load the data set of `config`, write the view `name` of it to `path` as a PNG, and return the data set.

    Raises:
        InputError: unknown view, a policy that changes nothing, `path` does not end in .png, or the data set cannot be
            loaded or does not fit the view or the policy.
    """
    view = lookup(VIEWS, name, "--view")
    if view.augments and not check_augment(config.augment):
        raise InputError(f"--augment {config.augment} changes nothing: name a policy to look at, such as flip_crop")
    if path.suffix.lower() != ".png":
        raise InputError(f"--out: expected a file name ending in .png, got {path}")
    data = load(config)
    data = dataclasses.replace(data, classes=tuple(map(printable, data.classes)))  # Matplotlib draws no lone surrogates
    if view.augments:
        check_augment(config.augment, data.train.images.shape[1:])
    shown = replace(data, name=legible(data.name), classes=tuple(legible(data.classes)))
    with drawing({}, shown.name, shown.classes):
        figure = view.draw(shown, config)
        files.write_atomically(path, lambda part: figure.savefig(part, format="png", dpi=120))
    return data
