"""What the finished runs of a study came to, row by row: the entries of table.json as frozen dataclasses."""

import json
import statistics as stats
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json, read_text
from kerascifar.data.datasets import DATASETS
from kerascifar.evaluation.voting import combine
from kerascifar.reporting.study_table import MODES
from kerascifar.studies.lengths import FULL
from kerascifar.studies.plan import DIVERGED, FOUND, PlannedRun, StudyRun
from kerascifar.studies.rows import Ensemble, Quoted, Row, Search, Trained


@dataclass(frozen=True)
class Diverged:
    """A run whose loss became NaN or infinite: the message, and the file it stands in."""

    diverged: str
    file: str
    shortened: ClassVar[bool] = False  # it counts as it stands


@dataclass(frozen=True)
class Refused:
    """An ensemble whose members cannot be combined, and why."""

    refused: str


class Scored:
    """An outcome with an accuracy; the class attributes are fields of some of its kinds."""

    test_accuracy: ClassVar[float | None] = None
    validation_accuracy: ClassVar[float | None] = None
    spread: ClassVar[float | None] = None
    folds_mean: ClassVar[float | None] = None
    to_parent: ClassVar[float | None] = None
    run_seconds: ClassVar[float | None] = None


@dataclass(frozen=True, kw_only=True)
class ScoredRuns(Scored):
    """Trainings of one row and version that differ only in their seed; accuracies are means over the seeds.

    Attributes:
        interval: 95 % interval of the test accuracy of a single run; None for several, whose `spread` counts.
        images: test images.
        epochs: that were trained; None for a baseline.
        training_images: validation images excluded.
        run: folder of the first run, from the study's folder.
        file: its result.json, from the study's folder.
        parameters: trainable ones.
        precision: of the training.
        run_seconds: median over the seeds of the whole run's time; None where it is not known.
        weighted: precision, recall and F1 over the classes, weighted by their test images.
        macro: the same, each class alike.
        spread: standard deviation between the seeds.
        of_epochs: epochs of the whole recipe.
        shortened: whether the runs took less than the whole recipe.
        to_parent: test accuracy as a multiple of that of the row whose weights it starts from.
        cpu_seconds_per_epoch: of all threads; None where it was not recorded.
        epoch_scale: images of the recipe's epoch as a multiple of the run's; None where they are the same, 0 where that
            is not known.
    """

    test_accuracy: float
    interval: Sequence[float] | None
    images: int
    epochs: int | None
    training_images: int
    seeds: int
    run: str
    file: str
    parameters: int
    seconds_per_epoch: float | None
    device: str | None
    processor: str
    precision: str
    run_seconds: float | None
    weighted: Mapping[str, float]
    macro: Mapping[str, float]
    validation_accuracy: float | None = None
    spread: float | None = None
    runs: Sequence[str] | None = None
    accuracies: Sequence[float] | None = None
    folds_mean: float | None = None
    of_epochs: int
    shortened: bool
    to_parent: float | None = None
    cpu_seconds_per_epoch: float | None = None
    epoch_scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScoredSearch(Scored):
    """A search: its best trial, scored on validation images. All but `of_epochs` and `shortened` is in found.json."""

    validation_accuracy: float
    images: int
    training_images: int
    epochs: int
    trials: int
    settings: Mapping[str, Any]
    parameters: int
    seconds_per_epoch: float | None
    device: str | None
    of_epochs: int = 0
    shortened: bool = False
    file: str
    cpu_seconds_per_epoch: float | None = None
    epoch_scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScoredVote(Scored):
    """The vote of an ensemble; `members` holds for each the epochs it was trained and those of its recipe."""

    test_accuracy: float
    interval: Sequence[float]
    images: int
    members: Mapping[str, tuple[int | None, int]]
    shortened: bool
    training_images: int
    weighted: Mapping[str, float]
    macro: Mapping[str, float]
    file: str


Outcome = Diverged | Refused | ScoredRuns | ScoredSearch | ScoredVote
# Left out of table.json where there is no value; other keys are null there.
_OPTIONAL = (
    *("validation_accuracy", "spread", "runs", "accuracies", "folds_mean", "to_parent"),
    *("cpu_seconds_per_epoch", "epoch_scale"),
)


@dataclass(frozen=True)
class RowOutcomes:
    """A row of the recipe, and by version the outcome of its finished runs."""

    row: Row
    by_mode: dict[str, Outcome]

    def to_json(self) -> dict[str, Any]:
        """Return the row's entry in table.json: what the recipe says, and an object for each version."""
        row = self.row
        entry = {"name": row.name, "kind": type(row).__name__.lower(), "table": row.table}
        entry |= {"arch": row.arch if isinstance(row, Trained | Quoted) else None, "paper": dict(row.expect)}
        entry |= {key: getattr(row, key) for key in ("fault", "note", "stand_in", "headline", "not_run")}
        if isinstance(row, Quoted) and row.parameters:
            entry["parameters"] = row.parameters
        if isinstance(row, Search) and row.found:
            entry["found"] = dict(row.found)
        for mode, outcome in self.by_mode.items():
            values = vars(outcome).items()
            entry[mode] = {key: value for key, value in values if value is not None or key not in _OPTIONAL}
        return entry


def row_outcomes(study_run: StudyRun, votes: Path) -> list[RowOutcomes]:
    """Return the outcomes of all rows of a study, in its order.

    What the ensembles' members vote is written below the folder `votes`, as ensembles/NAME.json.
    """
    rows = study_run.study.rows
    shown: dict[tuple[str, str], list[PlannedRun]] = {}
    for run in study_run.shown():
        shown.setdefault((run.row, run.mode), []).append(run)
    outcomes: dict[str, dict[str, Outcome]] = {row.name: {} for row in rows}
    for (name, mode), runs in shown.items():
        outcomes[name][mode] = _outcome(study_run, runs)
    for row in rows:
        if isinstance(row, Ensemble):
            members = {name: outcomes[name].get("corrected") for name in row.members}
            if all(isinstance(member, ScoredRuns) for member in members.values()):
                outcomes[row.name]["corrected"] = _vote(row, members, study_run.folder, votes)
        if row.init_from:
            _compare_with_parent(outcomes[row.name], outcomes[row.init_from])
    return [RowOutcomes(row, outcomes[row.name]) for row in rows]


def _outcome(study_run: StudyRun, runs: Sequence[PlannedRun]) -> Outcome:
    """Return the outcome of one row and version from its finished runs, one per seed; lengths are never mixed."""
    length = max((run.length for run in runs), key=lambda length: length.size)
    same = sorted((run for run in runs if run.length == length), key=lambda run: run.seed)
    run_folders = [study_run.folder_of(run) for run in same]
    places = [folder.relative_to(study_run.folder) for folder in run_folders]
    for folder, place in zip(run_folders, places, strict=True):
        if (folder / DIVERGED).exists():
            message = read_text(folder / DIVERGED).strip()
            return Diverged(message, (place / DIVERGED).as_posix())
    row = study_run.study[same[0].row]
    full = row.config(same[0].mode, study_run.folder)
    of_epochs, shortened = full.epochs, length != FULL
    if isinstance(row, Search):
        search = read_json(run_folders[0] / FOUND, ScoredSearch)
        file = (places[0] / search.file).as_posix()
        scale = None if length.train_limit is None else 0.0
        return replace(search, of_epochs=of_epochs, shortened=shortened, file=file, epoch_scale=scale)
    finished = [results.read_result(folder) for folder in run_folders]
    first, tests = finished[0], [result.metrics["test"] for result in finished]
    accuracies = [test["accuracy"] for test in tests]
    validated = [result.metrics["validation"]["accuracy"] for result in finished if first.metrics["validation"]]
    run_seconds = [result.notes["run_seconds"] for result in finished if "run_seconds" in result.notes]
    averages = {
        average: {key: stats.fmean(test[average][key] for test in tests) for key in tests[0][average]}
        for average in ("weighted", "macro")
    }
    several = {
        "spread": stats.stdev(accuracies),
        "runs": [place.as_posix() for place in places],
        "accuracies": accuracies,
    } if len(finished) > 1 else {}  # fmt: skip
    return ScoredRuns(
        test_accuracy=stats.fmean(accuracies),
        interval=None if several else tests[0]["accuracy_interval"],
        images=tests[0]["images"],
        epochs=min(len(first.history), first.config["epochs"]) or None,
        training_images=first.dataset["images"]["train"],
        seeds=len(finished),
        run=places[0].as_posix(),
        file=(places[0] / results.FINISHED).as_posix(),
        parameters=first.trainable_parameters,
        seconds_per_epoch=first.seconds_per_epoch,
        device=first.notes.get("device"),
        processor=" and ".join(sorted({r.notes["processor"] for r in finished if "processor" in r.notes})),
        precision=first.config["precision"],
        run_seconds=stats.median(run_seconds) if run_seconds else None,
        validation_accuracy=stats.fmean(validated) if validated else None,
        folds_mean=first.notes.get("folds_mean"),
        of_epochs=of_epochs,
        shortened=shortened,
        cpu_seconds_per_epoch=first.cpu_seconds_per_epoch,
        epoch_scale=_epoch_scale(full, first),
        **averages,
        **several,
    )


def _epoch_scale(full: RunConfig, result: results.Result) -> float | None:
    """Return how many times the images of `result` the recipe `full` has; None where they are the same, 0 unknown."""
    limits = full.train_limit, result.config.get("train_limit")
    if limits[0] == limits[1]:
        return None
    whole = [n for n in (full.train_limit, DATASETS.get(full.dataset) and DATASETS[full.dataset].training_images) if n]
    images = result.dataset["images"]
    taken = images["train"] + images.get("validation", 0)
    scale = min(whole, default=0) / taken
    return None if scale == 1 else scale


def _vote(row: Ensemble, members: Mapping[str, ScoredRuns], folder: Path, votes: Path) -> ScoredVote | Refused:
    """Let the members' runs vote, write the result, and return its outcome."""
    try:
        vote = combine([folder / m.run for m in members.values()], row.vote, row.weights, row.temperature)
    except InputError as error:
        return Refused(str(error))
    for entry, member in zip(vote["members"], members.values(), strict=True):
        entry["run"] = member.run  # relative to the study's folder, wherever that is
    file = Path("ensembles") / f"{row.name}.json"
    files.write_text(votes / file, json.dumps(vote, indent=1, allow_nan=False) + "\n")
    test = vote["metrics"]["test"]
    return ScoredVote(
        test_accuracy=test["accuracy"],
        interval=test["accuracy_interval"],
        images=test["images"],
        members={name: (member.epochs, member.of_epochs) for name, member in members.items()},
        shortened=any(member.shortened for member in members.values()),
        training_images=min(member.training_images for member in members.values()),
        weighted=test["weighted"],
        macro=test["macro"],
        file=file.as_posix(),
    )


def _compare_with_parent(child: dict[str, Outcome], parent: Mapping[str, Outcome]) -> None:
    """Add to a child's outcomes their accuracy as a multiple of its parent's."""
    for mode in MODES:
        above, below = parent.get(mode, parent.get("corrected")), child.get(mode)
        if isinstance(above, ScoredRuns) and above.test_accuracy and isinstance(below, ScoredRuns):
            child[mode] = replace(below, to_parent=below.test_accuracy / above.test_accuracy)
