"""What ``import kerascifar as kc`` offers: fit, load and list_runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import FIELDS, RunConfig
from kerascifar.configure import configure, without_auto
from kerascifar.core.contracts import Score, Split
from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_run
from kerascifar.core.shown import cell, html_table
from kerascifar.core.summary import in_a_line, in_rows
from kerascifar.data import exclusion
from kerascifar.data.sources import arrays
from kerascifar.data.split import check_images, check_labels
from kerascifar.data.unlabelled import read_unlabelled
from kerascifar.evaluation import metrics
from kerascifar.results import Result
from kerascifar.results import list_runs as _list_runs
from kerascifar.run import load_again, restore
from kerascifar.run import run as _run
from kerascifar.training.precision import as_begun


@dataclass(frozen=True)
class Net:
    """A finished run: its config, its result, and its net, ready to label images.

    Attributes:
        folder: where it lies.
        config: what was asked for.
        result: what came of it, as in result.json.
    """

    folder: Path
    config: RunConfig
    result: Result
    _score: Score

    @cached_property
    def classes(self) -> list[str]:
        """Class names; column i of `predict` belongs to the i-th."""
        return list(self.result.dataset["classes"])

    def predict(self, images: np.ndarray | str | Path | Sequence[str | Path]) -> np.ndarray:
        """Return class probabilities, float32 (N, classes).

        Args:
            images: uint8 (N, side, side, 3) or one (side, side, 3), of the run's own side; or files and folders of
                pictures, which are resized.

        Raises InputError: the images are of another kind, or a file cannot be read.
        """
        shape = tuple(self.result.dataset["image_shape"])
        if isinstance(images, str | Path):
            images = [images]
        if not isinstance(images, np.ndarray):
            if not isinstance(images, Sequence) or not all(isinstance(path, str | Path) for path in images):
                raise InputError("images: expected an array, or files and folders of pictures")
            _, images, reader = read_unlabelled([str(path) for path in images], shape[0])
            if reader.damaged:
                raise InputError(reader.damage())
        images = images[None] if images.ndim == 3 else images
        if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
            raise InputError(f"images: expected uint8 (N, *{shape}), got {images.dtype} {images.shape}")
        return self._score(images, "unlabelled")

    def label(self, images: np.ndarray | str | Path | Sequence[str | Path]) -> list[str]:
        """Return the most probable class of each image; `images` and refusals are those of `predict`."""
        return [self.classes[best] for best in self.predict(images).argmax(1)]

    def evaluate(self, images: np.ndarray | None = None, labels: np.ndarray | None = None) -> dict[str, Any]:
        """Return metrics on `images` with integer `labels` (N,); without them, on the run's own test images."""
        if images is None and labels is not None:
            raise InputError("labels: they belong to images of your own, and those are missing")
        if images is None:
            given = load_again(self.config, self.result).test
            scores = self._score(given.images, "test")
        else:
            given = Split(np.asarray(images), np.asarray(labels))
            check_images(given, "evaluate")
            check_labels(given, self.classes, "evaluate")
            scores = self.predict(given.images)
        probabilities = "nll" in self.result.metrics["test"]  # not the vote shares of neighbours
        return metrics.evaluate(given.labels, scores, self.classes, probabilities)

    def __repr__(self) -> str:
        return f"<Net {in_a_line(self.result)}>"

    def _repr_html_(self) -> str:
        return html_table((), in_rows(self.result))


class Runs(list[dict[str, Any]]):
    """A list of dicts, one a run, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return html_table([*self[0]], [[cell(value) for value in row.values()] for row in self]) if self else "no runs"


def fit(
    config: RunConfig | None = None,
    *,
    data: arrays.Arrays | Mapping[str, arrays.Arrays] | None = None,
    classes: Sequence[str] | None = None,
    **fields: Any,
) -> Net:
    """Train, score and keep a net as ``python -m kerascifar.train`` does; finished runs are read, killed ones go on.

    Args:
        config: what to train; else it is made of `fields`, which are the flags with underscores.
        data: images and labels of your own, see ``kerascifar.data.sources.arrays.hold``; part of the run's identity.
        classes: names of your own data's classes.
        **fields: such as ``arch="resnet18", epochs=5``; with a config they replace its own.

    Raises InputError: a field, the data or the run folder cannot be used.

    >>> import tempfile
    >>> fit(arch="nearest_centroid", dataset="synthetic:100", runs=tempfile.mkdtemp()).classes[:2]
    ['grating_000', 'grating_018']
    """
    if not isinstance(config, RunConfig | None):
        raise InputError(
            f'fit: its one argument is a config; others have names, such as fit(arch="lenet"), got {config!r}'
        )
    if data is not None:
        fields["dataset"] = arrays.hold(data, classes)
    elif classes is not None:
        raise InputError("classes: they name your own data's classes; data=(images, labels) is missing")
    if config is not None:
        fields = without_auto(fields.get("arch", config.arch), fields)
    config = as_begun(exclusion.hold(configure(**fields) if config is None else replace(config, **fields)))
    _run(config)
    return load(config.folder)


def load(name: str | Path) -> Net:
    """Return the net of a run folder, of a folder that holds one finished run, or of a shipped net such as "tiny36k".

    Raises InputError: there is no such run, or it cannot be read.
    """
    folder = find_run(name)
    return Net(folder, *restore(folder))


def list_runs(*paths: str | Path) -> Runs:
    """Return a dict of numbers for each finished run in or below `paths`, without any in saved_models.

    ``pandas.DataFrame`` takes the list.

    Raises InputError: a run cannot be read; the message names all of them.
    """
    rows, unreadable = _list_runs(*(paths or (FIELDS["runs"].default,)))
    if unreadable:
        raise InputError("; ".join(unreadable))
    return Runs(rows)
