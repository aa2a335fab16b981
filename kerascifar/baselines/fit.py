"""Fit a baseline: a RunConfig and a data set in, a fitted estimator out."""

import sys
from pathlib import Path

import numpy as np

from kerascifar.baselines.chunks import neighbors_in_chunks
from kerascifar.baselines.images import Images
from kerascifar.baselines.memory import DEFAULT_MEMORY
from kerascifar.baselines.neighbors import vote
from kerascifar.baselines.search import numba_installed, slowness
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Fitted
from kerascifar.core.processor import cores
from kerascifar.core.registry import Variant
from kerascifar.data.normalization import statistics
from kerascifar.data.pixel_order import read as read_pixels


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path | None) -> Fitted:
    """Fit the baseline that `config` describes; its scores are shares of the vote.

    While neighbours are searched, `folder` holds the finished chunks, from which the same run resumes after a kill.
    None keeps no chunks.

    Raises:
        InputError: an argument does not fit the images, such as a k above their number.
    """
    args = variant.arguments(config)
    normalized_by, pixels, data_range = (args.pop(name) for name in ("statistics", "pixels", "data_range"))
    stored = read_pixels(data.train.images, "hwc" if pixels == "planar_queries" else pixels)
    of_training = statistics(config.normalize, stored)
    training = Images(stored, *of_training)
    args["data_range"] = training.full_range if data_range == "full" else None
    model = variant.build(**args, memory=config.memory or DEFAULT_MEMORY, n_jobs=config.threads)
    model.fit(training, data.train.labels)

    def queries(images: np.ndarray) -> Images:
        stored = read_pixels(images, "planar" if pixels == "planar_queries" else pixels)
        return Images(stored, *(statistics(config.normalize, stored) if normalized_by == "own" else of_training))

    def score(images: np.ndarray, split: str) -> np.ndarray:
        if hasattr(model, "kneighbors"):
            # The keys are hashed: under other names, chunks on disk would no longer be found.
            identity = {"config": config.to_dict(), "train": data.train.checksum, "part": split}
            asked, search = queries(images), model.search_
            if line := slowness(search.distance, training, asked, search.threads):
                print(line, file=sys.stderr, flush=True)
            distances, indices = neighbors_in_chunks(model, asked, folder, identity)
            shares, winners = vote(model.y_[indices], distances, len(model.classes_), model.ties)
        else:
            shares = model.predict_proba(queries(images))
            winners = shares.argmax(1)
        return _scores(shares, winners, model.classes_, len(data.classes))

    notes = {"device": "cpu", "threads": config.threads or cores(), "compiled": numba_installed()}
    return Fitted(score=score, probabilities=False, notes=notes)


def _scores(shares: np.ndarray, winners: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float32 shares (N, classes); the winner of a tied vote gets one float32 step more, to be the argmax."""
    scores = np.zeros((len(shares), classes), np.float32)
    scores[:, labels] = shares
    predicted = labels[winners]
    rows = np.flatnonzero(scores.argmax(1) != predicted)
    scores[rows, predicted[rows]] = np.nextafter(scores[rows, predicted[rows]], np.float32(2))
    return scores
