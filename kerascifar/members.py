"""The runs that vote in an ensemble: what is read of each, and which of them fit together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascifar.errors import InputError
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


def check_members(members: Sequence[Member]) -> None:
    """Refuse runs that cannot vote together.

    Raises:
        InputError: fewer than two, the same one twice, other classes or other test images.
    """
    if len(members) < 2:
        raise InputError(f"an ensemble needs two finished runs or more, got {len(members)}")
    first, seen = members[0], {}
    for member in members:
        if member.result.run_id in seen:
            raise InputError(f"{seen[member.result.run_id]} and {member.folder} are the same run: one vote each")
        seen[member.result.run_id] = member.folder
        if member.classes != first.classes:
            raise InputError(
                f"{member.name} knows other classes than {first.name}: {_short(member.classes)}, not "
                f"{_short(first.classes)}"
            )
        if member.checksum != first.checksum or not np.array_equal(member.test[0], first.test[0]):
            raise InputError(
                f"{member.name} was scored on other test images than {first.name}: their SHA-256 differs "
                f"({len(member.test[0])} and {len(first.test[0])} images)"
            )


def check_scores(member: Member, vote: str, temperature: bool) -> None:
    """Refuse a run whose scores do not serve.

    Raises:
        InputError: shares where probabilities are needed, or no validation scores to fit a temperature on.
    """
    if not member.probabilities and (vote == "soft" or temperature):
        wanted = "--temperature" if temperature else "--vote soft"
        raise InputError(f"{member.name} has shares of a vote, no probabilities, which {wanted} needs; use --vote hard")
    if temperature and member.validation is None:
        raise InputError(f"{member.name} has no validation images, on which --temperature would be fitted")


def _short(classes: Sequence[str]) -> str:
    return ", ".join(classes[:3]) + (", …" if len(classes) > 3 else "")
