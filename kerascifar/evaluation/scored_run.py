"""The runs that vote in an ensemble: what is read of each, and which of them fit together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.results import Result, read_result, read_scores


@dataclass(frozen=True)
class Member:
    """A run that votes.

    Attributes:
        folder: its run folder.
        result: its result.json.
        classes: class names, in the order of the labels.
        test: labels int (N,) and scores (N, classes).
        validation: the same of the validation images; None where the run has none.
        checksum: of the test images and labels.
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
        """Whether the scores are probabilities, not shares of a vote among neighbours."""
        return "nll" in self.result.metrics["test"]


def read_member(folder: Path) -> Member:
    """Read what of a run votes.

    Raises:
        InputError: a file is missing or corrupt.
    """
    result, saved = read_result(folder), read_scores(folder)
    parts, classes = {}, saved.get("classes", np.array([]))
    for part in ("test", "validation"):
        labels, scores = saved.get(f"{part}_labels"), saved.get(f"{part}_scores")
        if labels is None and part == "validation":
            continue
        if (
            labels is None
            or scores is None
            or labels.dtype.kind != "i"
            or scores.dtype.kind != "f"
            or scores.shape != (len(labels), len(classes))
            or 0 in scores.shape
            or not np.isfinite(scores).all()
            or not 0 <= labels.min() <= labels.max() < len(classes)
        ):
            raise InputError(f"{folder / 'scores.npz'} holds no {part} labels and scores that fit each other")
        parts[part] = labels, scores
    checksum = str(saved.get("test_checksum", ""))
    return Member(folder, result, tuple(map(str, classes)), parts["test"], parts.get("validation"), checksum)
