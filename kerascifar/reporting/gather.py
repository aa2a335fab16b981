"""Finds runs below folders and reads them. They may come from strangers: what does not fit is left out, by name."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.evaluation import metrics
from kerascifar.evaluation.calibration import Calibrated, calibrate
from kerascifar.evaluation.scored_run import Member, read_member
from kerascifar.reporting.labels import labels
from kerascifar.results import FINISHED

MODELS = ("model.keras", "model.npz")


@dataclass(frozen=True)
class Run:
    """One run of a report.

    Attributes:
        number: its number in the report, from 1.
        label: its row in a study, or its architecture and the settings in which it differs from the others of that.
        place: its folder as shown, below what all runs have in common.
        member: result, labels and scores.
        test: its metrics on the test images, counted from the scores.
        history: by column, (epoch, value) where value is a finite number.
        latency: what `evaluate --latency` measured, numbers only; empty where it did not.
        model_bytes: size of the saved model; None where it was not kept.
    """

    number: int
    label: str
    place: str
    member: Member
    test: Mapping[str, Any]
    history: Mapping[str, Sequence[tuple[float, float]]]
    latency: Mapping[str, float]
    model_bytes: int | None

    @property
    def anchor(self) -> str:
        """Of its section."""
        return f"run-{self.number}"

    @property
    def name(self) -> str:
        """Number and label."""
        return f"{self.number} {self.label}"

    @property
    def right(self) -> np.ndarray:
        """Bool (N,): which test images it labels rightly."""
        labels, scores = self.member.test
        return scores.argmax(1) == labels

    @cached_property
    def calibrated(self) -> Calibrated | None:
        """What its probabilities are worth; None where its scores are shares of a vote."""
        return calibrate(self.member)

    @property
    def epochs(self) -> int | None:
        """How many epochs it trained; None for what learns without."""
        return len(self.member.result.history) or None

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        found = self.member.result.dataset
        return str(found.get("name", "?")) if isinstance(found, Mapping) else "?"

    def fact(self, name: str) -> float | None:
        """Return a number of result.json, such as multiply_adds; None where it holds none."""
        return finite(getattr(self.member.result, name))


@dataclass(frozen=True)
class Gathered:
    """What was found: the runs, and what was left out, a line each."""

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]

    @cached_property
    def groups(self) -> dict[str, list[Run]]:
        """The runs by the test images that they were scored on; a title each, in the order of the runs."""
        found: dict[tuple[str, int], list[Run]] = {}
        for run in self.runs:
            found.setdefault(_test_set(run.member), []).append(run)
        titles = [f"{runs[0].dataset}, {images:,} test images" for (_, images), runs in found.items()]
        return {
            title if titles.count(title) == 1 else f"{title} ({checksum[:8]})": runs
            for title, ((checksum, _), runs) in zip(titles, found.items(), strict=True)
        }


def gather(paths: Sequence[Path]) -> Gathered:
    """Read every finished run in or below `paths`; of those on the same test images the best comes first.

    Raises:
        InputError: a path is no folder, or none of them holds a run that can be read.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            raise InputError(f"PATH {path} is not a folder; give run folders or folders above some")
        found = [path] if (path / FINISHED).exists() else sorted(p.parent for p in path.rglob(FINISHED))
        folders |= dict.fromkeys(p.resolve() for p in found)
    read, left_out = [], []
    for folder in folders:
        try:
            read.append(_no_copy(_read(folder), read))
        except InputError as error:
            left_out.append(str(error))
        except (TypeError, KeyError, AttributeError) as error:  # keys or types that no result of ours has
            left_out.append(f"{folder} holds no result of this program: {type(error).__name__} {error}")
    base = Path(os.path.commonpath([p.resolve() for p in paths]))
    base = base.parents[1] if base in folders else base  # NAME/RUN-ID tells more than nothing
    left_out = [line.replace(f"{base}{os.sep}", "") for line in left_out]
    if not read:
        told = f": {left_out[0]}" if left_out else "; a finished run holds a result.json"
        raise InputError(f"no run can be read in {', '.join(map(str, paths))}{told}")
    seen = list(dict.fromkeys(_test_set(values["member"]) for values in read))
    read.sort(key=lambda values: (seen.index(_test_set(values["member"])), -values["test"]["accuracy"]))
    runs = []
    for number, (label, values) in enumerate(zip(labels([v["member"] for v in read]), read, strict=True), start=1):
        runs.append(Run(number, label, values["member"].folder.relative_to(base).as_posix(), **values))
    return Gathered(tuple(runs), tuple(left_out))


def finite(value: Any) -> float | None:
    """Return `value` if it is a finite number, else None."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if good else None


def _test_set(member: Member) -> tuple[str, int]:
    """Checksum and number of the images that it was scored on."""
    return member.checksum, len(member.test[0])


def _read(folder: Path) -> dict[str, Any]:
    if not (folder / "scores.npz").is_file():
        raise InputError(f"{folder} holds no scores.npz, from which all is counted here")
    member = read_member(folder)
    labels, scores = member.test
    found = metrics.evaluate(labels, scores, member.classes, member.probabilities)
    told = member.result.accuracy
    if abs(found["accuracy"] - told) > 1e-9:
        raise InputError(f"{folder}: scores.npz gives a test accuracy of {found['accuracy']}, result.json says {told}")
    sizes = [(folder / name).stat().st_size for name in MODELS if (folder / name).is_file()]
    return {
        "member": member,
        "test": found,
        "history": _columns(member.result.history),
        "latency": _latency(folder / "latency.json"),
        "model_bytes": sizes[0] if sizes else None,
    }


def _no_copy(values: dict[str, Any], read: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return `values`, unless one of those that were `read` has the same result, as kerascifar.card makes copies."""
    for other in read:
        if other["member"].result == values["member"].result:
            raise InputError(f"{values['member'].folder} is a copy of {other['member'].folder}")
    return values


def _columns(history: Any) -> dict[str, list[tuple[float, float]]]:
    columns: dict[str, list[tuple[float, float]]] = {}
    for place, row in enumerate(history if isinstance(history, list) else [], start=1):
        for name, value in row.items() if isinstance(row, dict) else ():
            if finite(value) is not None:
                columns.setdefault(name, []).append((place, value))
    return columns


def _latency(path: Path) -> dict[str, float]:
    try:
        found = read_json(path)
    except FileNotFoundError:
        return {}
    return {name: value for name, value in found.items() if finite(value) is not None}
