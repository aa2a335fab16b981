"""A finished run together with the scores that it saved, checked to fit each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascifar.core.contracts import check_class_count
from kerascifar.core.errors import InputError
from kerascifar.results import SCORES, Result, read_result, read_scores

_OFF = 1e-3  # by which a row of shares may miss the sum of 1; float32 misses it by 3e-7


@dataclass(frozen=True)
class ScoredRun:
    """A finished run with its scores.

    Attributes:
        folder: its run folder.
        result: its result.json.
        classes: class names, in the order of the labels.
        test: labels int (N,) and scores (N, classes).
        validation: the same for the validation images; None where the run has none.
        checksum: SHA-256 of the test images and labels.
    """

    folder: Path
    result: Result
    classes: tuple[str, ...]
    test: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray] | None
    checksum: str

    @property
    def name(self) -> str:
        """NAME/RUN-ID."""
        return f"{self.folder.resolve().parent.name}/{self.folder.resolve().name}"

    @property
    def probabilities(self) -> bool:
        """Whether the scores are probabilities, not vote shares."""
        return "nll" in self.result.metrics["test"]


def read_scored_run(folder: Path) -> ScoredRun:
    """Read the result and the scores in `folder`.

    Raises InputError: a file is missing, corrupt or of another run, or the scores are no shares.
    """
    result, arrays = read_result(folder), read_scores(folder)
    splits, classes = {}, np.atleast_1d(arrays.get("classes", ()))
    check_class_count(classes.size, str(folder / SCORES))
    for split in ("test", "validation"):
        labels, scores = arrays.get(f"{split}_labels"), arrays.get(f"{split}_scores")
        if labels is None and split == "validation":
            continue
        if (
            labels is None
            or scores is None
            or classes.ndim != 1
            or labels.ndim != 1
            or labels.dtype.kind != "i"
            or scores.dtype.kind != "f"
            or scores.shape != (len(labels), len(classes))
            or 0 in scores.shape
            or not np.isfinite(scores).all()
            or not 0 <= labels.min() <= labels.max() < len(classes)
        ):
            raise InputError(f"{folder / SCORES} holds no {split} labels and scores that fit each other")
        sums = scores.sum(1, dtype=np.float64)
        if scores.min() < 0 or abs(sums - 1).max() > _OFF:
            raise InputError(
                f"{folder / SCORES}: the {split} scores are neither probabilities nor shares of a vote, which are 0 or "
                f"more and sum to 1 for each image; they begin at {scores.min():.3g} and sum to {sums.min():.3g} up to "
                f"{sums.max():.3g}"
            )
        splits[split] = labels, scores
    checksum = str(arrays.get("test_checksum", ""))
    if checksum != result.provenance.sha256.get("test", checksum):
        raise InputError(f"{folder / SCORES} holds scores of other test images than its result.json tells of")
    return ScoredRun(folder, result, tuple(map(str, classes)), splits["test"], splits.get("validation"), checksum)
