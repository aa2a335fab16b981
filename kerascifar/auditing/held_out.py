"""Probabilities from nets that did not learn from the image: by folds, or from finished runs."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.auditing.features import feature_probabilities
from kerascifar.auditing.kept import Arrays, kept
from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset, Split, Whole
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.evaluation.scored_run import read_scored_run
from kerascifar.run import read_run

# Below so many training images a net learns less than a linear classifier on the features of one that comes with us.
FEW = 5_000
# The net of a fold: the recipe of `speedrun90` (studies/recipes/records.toml), 0.91 on CIFAR-10 in minutes.
FOLD_NET = {"arch": "airbench94", "widths": (32, 128, 128), "epochs": 7, "whiten_epochs": 3}
Probabilities = dict[str, np.ndarray]  # by split, float32 (N, classes)


def by_folds(whole: Whole, folds: int, seed: int, folder: Path, machine: Mapping[str, Any]) -> Probabilities:
    """Return probabilities of all splits: of a training image by the one fold that held it out, else the folds' mean.

    Each fold's are kept in `folder`, so that an audit that was killed goes on; a net in training goes on from its
    checkpoint.

    Args:
        whole: the data set.
        folds: how many, at least 2; as many training images per class as images of that class can be spread.
        seed: decides the folds and the nets.
        folder: of this data set, folds and seed alone.
        machine: fields of RunConfig that do not change numbers, such as threads.
    """
    train = whole.splits["train"]
    summed = {name: np.zeros((len(split), len(whole.classes)), np.float64) for name, split in whole.splits.items()}
    for number, held in enumerate(_folds(train.labels, folds, seed), start=1):
        print(f"fold {number} of {folds}", file=sys.stderr, flush=True)
        others = {name: split for name, split in whole.splits.items() if name != "train"}

        def trained(held: np.ndarray = held, number: int = number, others: Mapping[str, Split] = others) -> Arrays:
            learned = _part(train, np.delete(np.arange(len(train)), held))
            data = Dataset("folds", whole.classes, learned, None, _part(train, held))
            return _trained(data, others, seed, folder / f"fold-{number}", machine)

        count = len(whole.classes)
        shapes = {"train": (len(held), count)} | {name: (len(split), count) for name, split in others.items()}
        arrays = dict(kept(folder / f"fold-{number}.npz", shapes, trained))
        shutil.rmtree(folder / f"fold-{number}", ignore_errors=True)
        summed["train"][held] = arrays.pop("train")
        for name, values in arrays.items():
            summed[name] += values / folds
    return {name: values.astype(np.float32) for name, values in summed.items()}


def by_runs(whole: Whole, folders: Sequence[Path], data_dir: str | None) -> Probabilities:
    """Return the mean of the probabilities that finished runs saved for their test and validation images; else NaN.

    Raises:
        InputError: a run's scores are no probabilities, or its images are not those of `whole`.
    """
    sums = {name: np.zeros((len(split), len(whole.classes)), np.float64) for name, split in whole.splits.items()}
    counts = {name: np.zeros(len(split), np.int64) for name, split in whole.splits.items()}
    places = {name: _places(split) for name, split in whole.splits.items() if folders}
    for folder in folders:
        for name, rows, values in _saved(whole, folder, data_dir, places):
            sums[name][rows] += values
            counts[name][rows] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: (sums[name] / counts[name][:, None]).astype(np.float32) for name in sums}


def _saved(
    whole: Whole, folder: Path, data_dir: str | None, places: Mapping[str, Mapping[bytes, int]]
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return (split, rows, probabilities) of a finished run's test and validation images."""
    run = read_scored_run(folder)
    if not run.probabilities:
        raise InputError(f"--scores-of {folder}: its scores are vote shares, not probabilities")
    if run.classes != tuple(whole.classes):
        raise InputError(f"--scores-of {folder}: its classes are not those of the data set")
    found = []
    if "test" in whole.splits:
        if run.checksum != whole.splits["test"].checksum:
            raise InputError(f"--scores-of {folder}: it scored other test images than those of the data set")
        found.append(("test", np.arange(len(run.test[0])), run.test[1]))
    if run.validation is not None:
        config, result = read_run(folder, **({"data_dir": data_dir} if data_dir else {}))
        held_out = load(config).validation
        if held_out is None or held_out.checksum != result.provenance.sha256.get("validation"):
            raise InputError(f"--scores-of {folder}: it held out other validation images than there are here")
        name = "validation" if "validation" in whole.splits else "train"
        try:
            rows = np.array([places[name][checksum] for checksum in held_out.image_checksums()])
        except KeyError:
            raise InputError(
                f"--scores-of {folder}: its validation images are not among those of the data set"
            ) from None
        found.append((name, rows, run.validation[1]))
    return found


def _places(split: Split) -> dict[bytes, int]:
    return {checksum: place for place, checksum in enumerate(split.image_checksums())}


def _folds(labels: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Return the indices that each fold holds out, ascending: the same share of each class, to within one image."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    return [np.sort(order[first::folds]) for first in range(folds)]


def _part(split: Split, rows: np.ndarray) -> Split:
    return Split(split.images[rows], split.labels[rows])


def _trained(
    data: Dataset, others: Mapping[str, Split], seed: int, folder: Path, machine: Mapping[str, Any]
) -> Probabilities:
    """Return the probabilities of the images held out, as "train", and of `others`, from what learned the rest."""
    if len(data.train) < FEW:
        images = {"train": data.test.images} | {name: split.images for name, split in others.items()}
        return feature_probabilities(data.train, len(data.classes), images)
    config = configure(**FOLD_NET, seed=seed, validation=0, runs=str(folder), name="net", **machine)
    folder.mkdir(parents=True, exist_ok=True)
    fitted = engine(config.arch).fit(config, ARCHITECTURES[config.arch], data, folder)
    found = {"train": fitted.score(data.test.images, "test")}
    return found | {name: fitted.score(split.images, name) for name, split in others.items()}
