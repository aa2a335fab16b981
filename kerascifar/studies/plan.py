"""Which runs make up a study's table, and how long each may be: plan.json in the study's folder.

A plan is made at the first call and used again when the command goes on, so that a study which was killed keeps its
lengths. plan.json may hold the plans of several calls, by what was asked for: --full, --epochs 5, --budget 30m.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.studies.lengths import FULL, Length
from kerascifar.studies.rows import MODES, Search, Trained
from kerascifar.studies.study import Study

FILE, FORMAT = "plan.json", 1
ASKED_FULL = "--full"
# What a row leaves whose loss became no number: that is what it found.
DIVERGED = "diverged.txt"
# What a finished search leaves.
FOUND = "found.json"
Version = tuple[str, str, int]  # row, mode and seed


@dataclass(frozen=True)
class Piece:
    """One run of a plan.

    Attributes:
        asked: the flag that the plan was made for.
        row: name of the row.
        mode: one of study.MODES.
        seed: added to the recipe's own.
        length: how much of the recipe.
        seconds: what it was estimated to take; 0 for what was finished before, None where nothing was measured.
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
        """What it is a run of: row, mode and seed."""
        return self.row, self.mode, self.seed


@dataclass(frozen=True)
class Plan:
    """All plans of a study's folder.

    Attributes:
        asked: the last one asked for; None where there is no plan yet.
        pieces: of all plans.
    """

    asked: str | None
    pieces: tuple[Piece, ...]

    def of(self, asked: str) -> list[Piece]:
        """Return the pieces of one plan."""
        return [piece for piece in self.pieces if piece.asked == asked]


@dataclass(frozen=True)
class _Saved(Plan):
    """plan.json."""

    format: int


def read(folder: Path, study: Study) -> Plan:
    """Read plan.json; rows that the recipe does not have any more are left out.

    Raises:
        InputError: the file is corrupt.
    """
    path = folder / FILE
    try:
        plan = read_json(path, _Saved)
        if plan.format != FORMAT:
            raise InputError(f"{path} is corrupt: its format is {plan.format}, not {FORMAT}")
    except FileNotFoundError:
        return Plan(None, ())
    except InputError as error:
        raise InputError(f"{error}; delete it, and a new plan is made") from None
    known = {(row.name, mode) for row in study.rows for mode in row.modes}
    return Plan(plan.asked, tuple(piece for piece in plan.pieces if (piece.row, piece.mode) in known))


def write(folder: Path, plan: Plan) -> None:
    """Write plan.json."""
    told = {"format": FORMAT, **dataclasses.asdict(plan)}
    files.write_text(folder / FILE, json.dumps(told, indent=1) + "\n")


def config_of(study: Study, piece: Piece, pieces: Iterable[Piece], folder: Path) -> RunConfig:
    """Return the config of a piece; where it begins with another row's weights, with those that its own plan trains."""
    row, parent = study[piece.row], None
    if name := getattr(row, "init_from", ""):
        mode = piece.mode if piece.mode in study[name].modes else "corrected"
        before = [p for p in pieces if (p.asked, *p.version) == (piece.asked, name, mode, piece.seed)]
        first = before[0] if before else dataclasses.replace(piece, row=name, mode=mode, length=FULL)
        parent = config_of(study, first, pieces, folder).folder
    return row.config(piece.mode, folder, piece.seed, piece.length, parent)


def folder_of(study: Study, piece: Piece, pieces: Iterable[Piece], folder: Path) -> Path:
    """Return where a piece's results lie."""
    config = config_of(study, piece, pieces, folder)
    return folder / "searches" / f"{piece.row}-{config.run_id}" if is_search(study, piece) else config.folder


def is_search(study: Study, piece: Piece) -> bool:
    """Tell whether a piece is a search, not a training."""
    return isinstance(study[piece.row], Search)


def finished(folder: Path) -> bool:
    """Tell whether the run or search in `folder` has an end, be it a loss that is no number."""
    return any((folder / name).exists() for name in (results.FINISHED, DIVERGED, FOUND))


def versions(study: Study, names: Iterable[str], modes: Sequence[str], seeds: int) -> list[Version]:
    """Return row, mode and seed of every run that the rows of these names ask for; a search has one seed."""
    rows = [row for row in map(study.__getitem__, names) if isinstance(row, Trained)]
    # As published, a row may begin with the weights of one that has no such version.
    parents = {getattr(row, "init_from", "") for row in rows}
    return [
        (row.name, mode, seed)
        for seed in range(seeds)
        for row in rows
        for mode in row.modes
        if mode in modes or row.name in parents
        if not getattr(row, "not_run", "")
        if seed == 0 or not isinstance(row, Search)
    ]


def longest(study: Study, pieces: Sequence[Piece], folder: Path) -> list[Piece]:
    """Return the finished pieces that stand in the table: for each row, mode and seed the longest one.

    Runs of full length count even where no plan names them.
    """
    known = dict.fromkeys(piece.version for piece in pieces)
    known |= dict.fromkeys(versions(study, [row.name for row in study.rows], MODES, 1))
    found = []
    for version in known:
        length = longest_length(study, version, pieces, folder)
        if length is not None:
            candidates = [p for p in pieces if p.version == version and p.length == length]
            found.append(candidates[-1] if candidates else Piece(ASKED_FULL, *version))
    return found


def longest_length(study: Study, version: Version, pieces: Sequence[Piece], folder: Path) -> Length | None:
    """Return the greatest length of which the row, mode and seed `version` has a finished run; None without one."""
    candidates = [p for p in pieces if p.version == version] + [Piece(ASKED_FULL, *version)]
    lengths = [p.length for p in candidates if finished(folder_of(study, p, pieces, folder))]
    return max(lengths, key=lambda length: length.size, default=None)
