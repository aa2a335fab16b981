"""Probabilities from nets that did not learn from the image: by folds, or from finished runs."""

import hashlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.auditing import features
from kerascifar.auditing.kept import read_kept
from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset, Split, Whole
from kerascifar.core.errors import InputError
from kerascifar.core.files import write_atomically
from kerascifar.core.progress import bar
from kerascifar.data.datasets import load, load_whole
from kerascifar.devices import placement
from kerascifar.devices.jobs import make_executor
from kerascifar.evaluation.scored_run import read_scored_run
from kerascifar.plugins.loading import same_plugins
from kerascifar.run import read_run

# Where a fold has fewer images to learn from, a net learns less than a linear classifier on the features of one that
# comes with us.
FEW = 5_000
# The net of a fold: the recipe of `speedrun90` (studies/recipes/records.toml), narrower and shorter, for less than half
# of the multiply-adds, and in batches half as large, for half the memory.
FOLD_NET = {"arch": "airbench94", "widths": (24, 96, 96), "epochs": 5, "whiten_epochs": 2, "batch_size": 1000}
Probabilities = dict[str, np.ndarray]  # by split, float32 (N, classes)


def recipe() -> str:
    """Return what names the way in which folds are made here, eight hex digits: what another made is kept apart."""
    return hashlib.sha256(repr((FEW, FOLD_NET, features.recipe())).encode()).hexdigest()[:8]


def by_folds(config: RunConfig, whole: Whole, folds: int, folder: Path, jobs: int = 1) -> Probabilities:
    """Return probabilities of all splits: of a training image by the one fold that held it out, else the folds' mean.

    Each fold's are kept in `folder`, so that an audit that was killed goes on; a net in training goes on from its
    checkpoint.

    Args:
        config: names the data set, the seed that decides folds and nets, and the threads of a net.
        whole: that data set.
        folds: how many, from 2 to the number of training images.
        folder: of this data set, folds, seed and threads alone.
        jobs: nets trained at once; if several, each in a process of its own, which reads the data set anew.

    Raises:
        InputError: a process died, or what is kept is damaged.
    """
    held = _folds(whole.splits["train"].labels, folds, config.seed)
    missing = [number for number in range(folds) if not _file(folder, number).exists()]
    executor = make_executor(jobs, folder, same_plugins())
    with executor, bar(folds, "folds", "fold", shown=jobs > 1) as done:
        done.update(folds - len(missing))
        tasks = []
        for number in missing:
            tasks.append(executor.submit(_fold, config, whole if jobs == 1 else None, number, folds, folder))
            if jobs == 1:
                tasks[-1].result()  # what went wrong is raised before the next one begins
        for task in as_completed(tasks):
            task.result()
            done.update(1)
    summed = {name: np.zeros((len(split), len(whole.classes)), np.float64) for name, split in whole.splits.items()}
    for number, rows in enumerate(held):
        shapes = {name: (len(rows if name == "train" else values), values.shape[1]) for name, values in summed.items()}
        for name, values in read_kept(_file(folder, number), shapes).items():
            if not np.allclose(values.sum(1), 1, atol=1e-3):
                raise InputError(f"{_file(folder, number)} is damaged: what it holds are no probabilities; delete it")
            if name == "train":
                summed[name][rows] = values
            else:
                summed[name] += values / folds
    return {name: values.astype(np.float32) for name, values in summed.items()}


def _file(folder: Path, number: int) -> Path:
    return folder / f"fold-{number + 1}.npz"


def _fold(config: RunConfig, whole: Whole | None, number: int, folds: int, folder: Path) -> None:
    """Train on what fold `number` does not hold out, and keep the probabilities of all other images."""
    print(f"fold {number + 1} of {folds}", file=sys.stderr, flush=True)
    whole = whole or load_whole(config)
    train = whole.splits["train"]
    held = _folds(train.labels, folds, config.seed)[number]
    learned = _part(train, np.delete(np.arange(len(train)), held))
    data = Dataset("folds", whole.classes, learned, None, _part(train, held))
    others = {name: split for name, split in whole.splits.items() if name != "train"}
    path = _file(folder, number)
    found = _trained(data, others, config, path.with_suffix(""))
    write_atomically(path, lambda part: np.savez(part, **found))
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


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
        found.append(("test", np.arange(len(whole.splits["test"])), run.test))
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
        found.append((name, rows, run.validation))
    for name, rows, (labels, _) in found:
        if not np.array_equal(labels, whole.splits[name].labels[rows]):
            raise InputError(f"--scores-of {folder}: the labels that it saved are not those of the {name} images here")
    return [(name, rows, values) for name, rows, (_, values) in found]


def _places(split: Split) -> dict[bytes, int]:
    return {checksum: place for place, checksum in enumerate(split.image_checksums())}


def _folds(labels: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Return the indices that each fold holds out, ascending: the same share of each class, to within one image."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    return [np.sort(order[first::folds]) for first in range(folds)]


def _part(split: Split, rows: np.ndarray) -> Split:
    return Split(split.images[rows], split.labels[rows])


def _trained(data: Dataset, others: Mapping[str, Split], config: RunConfig, folder: Path) -> Probabilities:
    """Return the probabilities of the images held out, as "train", and of `others`, from what learned the rest."""
    if len(data.train) < FEW:
        images = {"train": data.test.images} | {name: split.images for name, split in others.items()}
        return features.feature_probabilities(data.train, len(data.classes), images, config.threads)
    machine = {"threads": config.threads, "device": config.device}
    config = configure(**FOLD_NET, seed=config.seed, validation=0, runs=str(folder), name="net", **machine)
    folder.mkdir(parents=True, exist_ok=True)
    fitted = engine(config.arch).fit(config, ARCHITECTURES[config.arch], data, folder)
    found = {"train": fitted.score(data.test.images, "test")}
    found |= {name: fitted.score(split.images, name) for name, split in others.items()}
    placement.forget_nets()
    return found
