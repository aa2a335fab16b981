"""Fit a baseline: a RunConfig and a data set in, a fitted estimator out."""

from pathlib import Path

import numpy as np

from kerascifar.baselines import memory as budget
from kerascifar.baselines.chunks import neighbors_in_chunks
from kerascifar.baselines.images import Images
from kerascifar.baselines.neighbors import vote
from kerascifar.baselines.search import compiled
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Fitted
from kerascifar.core.registry import Variant
from kerascifar.data.normalization import statistics
from kerascifar.data.pixel_order import read


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path | None) -> Fitted:
    """Fit the baseline that `config` describes; its scores are shares of the vote.

    While neighbours are searched, finished chunks lie in `folder`: the same run, started again after a kill, goes on
    from them. None keeps nothing.

    Raises:
        InputError: the config asks for something this engine does not do.
    """
    options = variant.arguments(config)
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


def _scores(shares: np.ndarray, winners: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float32 shares (N, classes); the winner of an equal vote is made the argmax, by one float32 step."""
    scores = np.zeros((len(shares), classes), np.float32)
    scores[:, labels] = shares
    wanted = labels[winners]
    rows = np.flatnonzero(scores.argmax(1) != wanted)
    scores[rows, wanted[rows]] = np.nextafter(scores[rows, wanted[rows]], np.float32(2))
    return scores
