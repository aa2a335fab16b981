"""Which runs make up a study's table, and how long each may be: plan.json in the study's folder.

A plan is made by the first call and used again when the command is resumed, so that a study which was killed keeps its
lengths. plan.json may hold the plans of several calls, by what was asked for: --full, --epochs 5, --budget 30m.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerascifar import results
from kerascifar.architectures import engine
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.reporting.study_table import MODES
from kerascifar.studies.lengths import FULL, Length
from kerascifar.studies.rows import Search, Trained
from kerascifar.studies.study import Study
from kerascifar.training.selection import training_of

FILE, FORMAT = "plan.json", 1
ASKED_FULL = "--full"
# Written instead of a result where the loss became NaN or infinite: that too is a finding.
DIVERGED = "diverged.txt"
# Written by a finished search.
FOUND = "found.json"
Version = tuple[str, str, int]  # row, mode and seed


@dataclass(frozen=True)
class PlannedRun:
    """One run of a plan: a training, or a search with all its trials.

    Attributes:
        asked: the flag that the plan was made for.
        row: name of the row.
        mode: one of MODES.
        seed: added to the recipe's own.
        length: how much of the recipe.
        seconds: estimated time; 0 for what was finished before, None where nothing was measured.
        left_out: it is not run, because even its shortest run, of this length, does not fit into the budget.
    """

    asked: str
    row: str
    mode: str
    seed: int
    length: Length = FULL
    seconds: float | None = None
    left_out: bool = False

    @property
    def version(self) -> Version:
        """Row, mode and seed."""
        return self.row, self.mode, self.seed


@dataclass(frozen=True)
class Plan:
    """All plans of a study's folder.

    Attributes:
        asked: the last one asked for; None where there is no plan yet.
        runs: of all plans.
    """

    asked: str | None = None
    runs: tuple[PlannedRun, ...] = ()

    def of(self, asked: str) -> list[PlannedRun]:
        """Return the runs of one plan."""
        return [run for run in self.runs if run.asked == asked]


@dataclass(frozen=True)
class _Saved:
    """The keys of plan.json."""

    format: int
    asked: str | None
    pieces: tuple[PlannedRun, ...]


@dataclass(frozen=True)
class StudyRun:
    """A study that is being run: its recipe, the folder of its results, and the plans made there."""

    study: Study
    folder: Path
    plan: Plan = Plan()

    @classmethod
    def read(cls, study: Study, folder: Path) -> "StudyRun":
        """Read plan.json in `folder`, if there is one; rows that are no longer in the recipe are dropped.

        Raises InputError: the file is corrupt.
        """
        path = folder / FILE
        try:
            saved = read_json(path, _Saved)
            if saved.format != FORMAT:
                raise InputError(f"{path} is corrupt: its format is {saved.format}, not {FORMAT}")
        except FileNotFoundError:
            return cls(study, folder)
        except InputError as error:
            raise InputError(f"{error}; delete it, and a new plan is made") from None
        known = {(row.name, mode) for row in study.rows for mode in row.modes}
        runs = tuple(run for run in saved.pieces if (run.row, run.mode) in known)
        return cls(study, folder, Plan(saved.asked, runs))

    def config_of(self, run: PlannedRun) -> RunConfig:
        """Return the config of a run; where it starts from another row's weights, from those that its plan trains."""
        row, parent = self.study[run.row], None
        if name := row.init_from:
            mode = run.mode if run.mode in self.study[name].modes else "corrected"
            before = (p for p in self.plan.of(run.asked) if p.version == (name, mode, run.seed))
            first = next(before, dataclasses.replace(run, row=name, mode=mode, length=FULL))
            parent = self.config_of(first).folder
        return row.config(run.mode, self.folder, run.seed, run.length, parent)

    def folder_of(self, run: PlannedRun) -> Path:
        """Return the folder of a run's results."""
        config = self.config_of(run)
        return self.folder / "searches" / f"{run.row}-{config.run_id}" if self.is_search(run) else config.folder

    def training_of(self, run: PlannedRun) -> Path:
        """Return a folder that is the same for runs of the same training, which may differ in how they are scored."""
        config = self.config_of(run)
        shared = engine(config.arch).TRAINED and not self.is_search(run)
        return training_of(config).folder if shared else self.folder_of(run)

    def trained(self, run: PlannedRun) -> bool:
        """Tell whether another version of the row has the training of `run` behind it, with its net."""
        others = (dataclasses.replace(run, mode=mode) for mode in self.study[run.row].modes if mode != run.mode)
        return any(
            self.training_of(other) == self.training_of(run)
            and self.finished(other)
            and (self.folder_of(other) / (engine(self.config_of(other).arch).MODEL or "")).is_file()
            for other in others
        )

    def is_search(self, run: PlannedRun) -> bool:
        """Tell whether a run is a search rather than a training."""
        return isinstance(self.study[run.row], Search)

    def finished(self, run: PlannedRun) -> bool:
        """Tell whether a run has ended, be it by a loss that became NaN or infinite."""
        folder = self.folder_of(run)
        return any((folder / name).exists() for name in (results.FINISHED, DIVERGED, FOUND))

    def longest(self, version: Version) -> PlannedRun | None:
        """Return the longest finished run of a row, mode and seed; None without one.

        A run of full length counts even where no plan names it; of runs of the same length the last planned counts.
        """
        candidates = [PlannedRun(ASKED_FULL, *version), *(run for run in self.plan.runs if run.version == version)]
        ended = [run for run in reversed(candidates) if self.finished(run)]
        return max(ended, key=lambda run: run.length.size, default=None)

    def shown(self) -> list[PlannedRun]:
        """Return the finished runs that the table shows: for each row, mode and seed the longest one."""
        known = dict.fromkeys(run.version for run in self.plan.runs)
        known |= dict.fromkeys(versions(self.study, [row.name for row in self.study.rows], MODES, 1))
        return [run for version in known if (run := self.longest(version))]


def write_plan(folder: Path, plan: Plan) -> None:
    """Write plan.json."""
    saved = {"format": FORMAT, "asked": plan.asked, "pieces": [dataclasses.asdict(run) for run in plan.runs]}
    files.write_text(folder / FILE, json.dumps(saved, indent=1) + "\n")


def versions(study: Study, names: Iterable[str], modes: Sequence[str], seeds: int) -> list[Version]:
    """Return row, mode and seed of every run that the rows of these names ask for; a search has one seed."""
    rows = [row for row in map(study.__getitem__, names) if isinstance(row, Trained)]
    # As published, a row may start from the weights of one that has only a corrected version.
    parents = {row.init_from for row in rows}
    return [
        (row.name, mode, seed)
        for seed in range(seeds)
        for row in rows
        for mode in row.modes
        if mode in modes or row.name in parents
        if not row.not_run
        if seed == 0 or not isinstance(row, Search)
    ]
