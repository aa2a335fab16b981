"""Find the runs below folders and read them. Their files are not trusted: a run that does not fit is left out."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core import shipped
from kerascifar.core.errors import InputError
from kerascifar.core.progress import counted
from kerascifar.core.reading import read_json
from kerascifar.evaluation import metrics
from kerascifar.evaluation.calibration import Calibrated, calibrate
from kerascifar.evaluation.scored_run import ScoredRun, read_scored_run
from kerascifar.reporting.document import About
from kerascifar.reporting.labels import labels, study_runs
from kerascifar.results import FINISHED, KERAS_MODEL, LATENCY, SCORES, SCRATCH_MODEL

MODELS = (KERAS_MODEL, SCRATCH_MODEL)
BEST = 20  # runs shown in detail without being asked for


@dataclass(frozen=True)
class Run:
    """One run of a report.

    Attributes:
        number: its number in the report, from 1.
        label: its row in a study, or its architecture and the settings that other runs of that do not share.
        place: its folder as shown, below the folder that all runs have in common.
        scored: its result, labels and scores.
        test: its metrics on the test images, computed from the scores.
        history: by column, (epoch, value) of the epochs that have one.
        latency: the numbers that `evaluate --latency` measured; empty if it never ran.
        timed_on: what it was measured on, in words.
        model_bytes: size of the saved model; None if it was not kept.
        study: the study that it is a row of, by its folder's name, or "".
        shortened: whether it ended before the study's recipe does.
        detailed: whether the report shows more of it than a row.
    """

    number: int
    label: str
    place: str
    scored: ScoredRun
    test: Mapping[str, Any]
    history: Mapping[str, Sequence[tuple[float, float]]]
    latency: Mapping[str, float]
    timed_on: str
    model_bytes: int | None
    study: str = ""
    shortened: bool = False
    detailed: bool = True

    @property
    def key(self) -> str:
        """What names it in the page's filters, and in its charts."""
        return str(self.number)

    @property
    def anchor(self) -> str:
        """The id of its fold."""
        return f"run-{self.number}"

    @property
    def link(self) -> str | Path:
        """Its fold, or its folder where it has none."""
        return self.anchor if self.detailed else self.scored.folder

    @property
    def about(self) -> About:
        """By what filters know it."""
        arch = str(self.scored.result.config.get("arch", "?"))
        choices = {"study": self.study or "none", "architecture": arch, "data": self.dataset}
        words = f"#{self.number} {self.label} {arch} {self.dataset} {self.place}".lower()
        return About(self.key, words, choices, self.shortened)

    @property
    def name(self) -> str:
        """Number and label."""
        return f"{self.number} {self.label}"

    @property
    def right(self) -> np.ndarray:
        """Bool (N,): which test images it labels correctly."""
        labels, scores = self.scored.test
        return scores.argmax(1) == labels

    @cached_property
    def calibrated(self) -> Calibrated | None:
        """How good its probabilities are; None where its scores are vote shares."""
        return calibrate(self.scored)

    @property
    def epochs(self) -> int | None:
        """How many epochs it trained; None for a baseline."""
        return len(self.scored.result.history) or None

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.scored.result.dataset.get("name", "?"))


@dataclass(frozen=True)
class Gathered:
    """The runs of a report, and one line for each run that was left out."""

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]

    @cached_property
    def groups(self) -> dict[str, list[Run]]:
        """The runs by a title of their test set, in the order of the runs."""
        by_set: dict[tuple[str, int], list[Run]] = {}
        for run in self.runs:
            by_set.setdefault(_test_set(run.scored), []).append(run)
        titles = [f"{runs[0].dataset}, {images:,} test images" for (_, images), runs in by_set.items()]
        return {
            title if titles.count(title) == 1 else f"{title} ({checksum[:8]})": runs
            for title, ((checksum, _), runs) in zip(titles, by_set.items(), strict=True)
        }


def gather(paths: Sequence[Path], asked: Sequence[str] = ()) -> Gathered:
    """Read every finished run in or below `paths`; of those on the same test images the best comes first.

    In detail are shown the BEST runs, those of full length first, and those `asked` for: run ids, folders of runs or
    above runs, or "all".

    Raises InputError: a path is not a folder, none of them holds a run that can be read, or none has a name asked for.
    """
    folders: dict[Path, None] = {}
    paths = [path if path.is_dir() else shipped.net(path) or path for path in paths]
    for path in paths:
        if not path.is_dir():
            raise InputError(f"PATH {path} is not a folder; give run folders or folders above some")
        below = [path] if (path / FINISHED).exists() else sorted(file.parent for file in path.rglob(FINISHED))
        folders |= dict.fromkeys(folder.resolve() for folder in below)
    read, left_out = [], []
    for folder in counted(folders, len(folders), "read", "run") if len(folders) > 1 else folders:
        try:
            values = _read(folder)
            for other in read:  # kerascifar.card makes copies
                if other["scored"].result == values["scored"].result:
                    raise InputError(f"{folder} is a copy of {other['scored'].folder}")
            read.append(values)
        except InputError as error:
            left_out.append(str(error))
        except Exception as error:  # a stranger's files hold keys, types and numbers that no result of ours has
            left_out.append(f"{folder} holds no result of this program: {type(error).__name__} {error}")
    base = Path(os.path.commonpath([path.resolve() for path in paths]))
    base = base.parents[1] if base in folders else base  # of a single run, NAME/RUN-ID is shown
    left_out = [line.replace(f"{base}{os.sep}", "") for line in left_out]
    if not read:
        reason = f": {left_out[0]}" if left_out else f"; a finished run holds a {FINISHED}"
        raise InputError(f"no run can be read in {', '.join(map(str, paths))}{reason}")
    test_sets = list(dict.fromkeys(_test_set(values["scored"]) for values in read))
    read.sort(key=lambda values: (test_sets.index(_test_set(values["scored"])), -values["test"]["accuracy"]))
    names = labels([values["scored"] for values in read])
    rows = study_runs([values["scored"] for values in read])
    for values in read:
        if row := rows.get(values["scored"].folder):
            values |= {"study": row.study, "shortened": row.shortened}
    best = sorted(read, key=lambda values: (values.get("shortened", False), -values["test"]["accuracy"]))[:BEST]
    detailed = {values["scored"].folder for values in best} | _asked([v["scored"].folder for v in read], asked)
    for values in read:
        values["detailed"] = values["scored"].folder in detailed
    places = [values["scored"].folder.relative_to(base).as_posix() for values in read]
    runs = (Run(i, *named, **values) for i, (*named, values) in enumerate(zip(names, places, read, strict=True), 1))
    return Gathered(tuple(runs), tuple(left_out))


def _asked(folders: Sequence[Path], asked: Sequence[str]) -> set[Path]:
    found = set()
    for name in asked:
        path = Path(name).resolve()
        here = [f for f in folders if name == "all" or name == f.name or path in (f, *f.parents)]
        if not here:
            raise InputError(f"--details {name}: expected a run of this report, by its folder or id, or all")
        found |= set(here)
    return found


def finite(value: Any) -> float | None:
    """Return `value` if it is a finite number, else None; so is a whole number that no float can hold."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return value if good else None


def _test_set(scored: ScoredRun) -> tuple[str, int]:
    """Return checksum and number of the run's test images."""
    return scored.checksum, len(scored.test[0])


def _read(folder: Path) -> dict[str, Any]:
    """Return the fields of Run that the files in `folder` hold."""
    if not (folder / SCORES).is_file():
        raise InputError(f"{folder} holds no {SCORES}, from which a report computes its numbers")
    scored = read_scored_run(folder)
    test = metrics.evaluate(*scored.test, scored.classes, scored.probabilities)
    computed, recorded = test["accuracy"], scored.result.accuracy
    if abs(computed - recorded) > 1e-9:
        raise InputError(f"{folder}: {SCORES} gives a test accuracy of {computed}, {FINISHED} says {recorded}")
    sizes = [(folder / name).stat().st_size for name in MODELS if (folder / name).is_file()]
    latency, timed_on = _latency(folder / LATENCY)
    return {
        "scored": scored,
        "test": test,
        "history": _columns(scored.result.history),
        "latency": latency,
        "timed_on": timed_on,
        "model_bytes": sizes[0] if sizes else None,
    }


def _columns(history: Sequence[Mapping[str, float]]) -> dict[str, list[tuple[float, float]]]:
    columns: dict[str, list[tuple[float, float]]] = {}
    for epoch, row in enumerate(history, start=1):
        for name, value in row.items():
            columns.setdefault(name, []).append((epoch, value))
    return columns


def _latency(path: Path) -> tuple[dict[str, float], str]:
    try:
        content = read_json(path)
    except FileNotFoundError:
        return {}, ""
    machine = content.get("machine")
    on = [content.get("device"), machine.get("processor") if isinstance(machine, dict) else None]
    numbers = {name: value for name, value in content.items() if finite(value) is not None}
    return numbers, ", ".join(word for word in on if isinstance(word, str) and word)
