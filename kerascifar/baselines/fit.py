"""The engine of the baselines: a RunConfig and a data set in, a fitted estimator out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.baselines import memory as budget
from kerascifar.baselines.chunks import neighbors_in_chunks
from kerascifar.baselines.distances import DISTANCES
from kerascifar.baselines.images import Images
from kerascifar.baselines.screens import compiled
from kerascifar.baselines.votes import vote
from kerascifar.config import RunConfig
from kerascifar.contracts import Dataset, Fitted
from kerascifar.errors import InputError
from kerascifar.normalization import statistics
from kerascifar.pixels import read
from kerascifar.registry import Variant, lookup

Score = Callable[[np.ndarray, str], np.ndarray]


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path | None) -> Fitted:
    """Fit the baseline that `config` describes; its scores are shares of the vote.

    While neighbours are searched, finished chunks lie in `folder`: the same run, started again after a kill, goes on
    from them. None keeps nothing.

    Raises:
        InputError: the config asks for something this engine does not do.
    """
    options = arguments_of(config, variant)
    whose, pixels, ranges = (options.pop(name) for name in ("statistics", "pixels", "data_range"))
    stored = read(data.train.images, "hwc" if pixels == "planar_queries" else pixels)
    learned = statistics(config.normalize, stored)
    training = Images(stored, *learned)
    fixed_range = training.full_range if ranges == "full" else None
    model = variant.build(
        **options, data_range=fixed_range, memory=config.memory or budget.DEFAULT, n_jobs=config.threads
    )
    model.fit(training, data.train.labels)

    def queries(images: np.ndarray) -> Images:
        stored = read(images, "planar" if pixels == "planar_queries" else pixels)
        return Images(stored, *(statistics(config.normalize, stored) if whose == "own" else learned))

    def score(images: np.ndarray, part: str) -> np.ndarray:
        if hasattr(model, "kneighbors"):
            identity = {"config": config.to_dict(), "train": data.train.checksum, "part": part}
            distances, indices = neighbors_in_chunks(model, queries(images), folder, identity)
            shares, winners = vote(model.y_[indices], distances, len(model.classes_), model.ties)
        else:
            shares = model.predict_proba(queries(images))
            winners = shares.argmax(1)
        return _scores(shares, winners, model.classes_, len(data.classes))

    return Fitted(score=score, probabilities=False, notes={"device": "cpu", "compiled": compiled()})


def restore(config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset]) -> Score:
    """Return the scorer of a finished run: the training images are the model, so they are read again.

    Raises:
        InputError: the data cannot be read.
    """
    return fit(config, variant, load(), None).score


def arguments_of(config: RunConfig, variant: Variant) -> dict[str, Any]:
    """Return the variant's arguments, those given in `config` instead of its own.

    Raises:
        InputError: a name or an amount that means nothing here.
    """
    given = {name: getattr(config, name) for name in variant.args}
    options = {name: default if given[name] is None else given[name] for name, default in variant.args.items()}
    distance = lookup(DISTANCES, options["distance"], "--distance")
    if given["data_range"] is not None and not distance.images:
        raise InputError(f"--data-range applies to ssim, not to {options['distance']}")
    budget.parse_memory(config.memory or budget.DEFAULT)
    return options


def _scores(shares: np.ndarray, winners: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float32 shares (N, classes); the winner of an equal vote is made the argmax, by one float32 step."""
    scores = np.zeros((len(shares), classes), np.float32)
    scores[:, labels] = shares
    wanted = labels[winners]
    rows = np.flatnonzero(scores.argmax(1) != wanted)
    scores[rows, wanted[rows]] = np.nextafter(scores[rows, wanted[rows]], np.float32(2))
    return scores
