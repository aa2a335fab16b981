"""The kinds of rows that a study has: the fields of a class are the keys of its TOML table."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from kerascifar.config import FIELDS, RunConfig
from kerascifar.configure import configure
from kerascifar.studies.lengths import FULL, Length, shorten

MODES = ("as-published", "corrected")
# What a paper may print: rates from 0 to 1; megabytes; seconds on a CPU and on a GPU.
PAPER = "paper"  # whose figures `expect` holds, where a study does not say otherwise
RATES = ("test_accuracy", "validation_accuracy", "precision", "recall", "f1")
EXPECTED = (*RATES, "parameters", "size_mb", "seconds_per_epoch", "gpu_seconds_per_epoch", "run_seconds")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What rows of all kinds have.

    Attributes:
        name: unique in its study.
        table: where the paper prints it.
        expect: the paper's figures, by a name in EXPECTED.
        fault: what went wrong, in one line; empty where nothing did.
        note: what a reader must know of our run.
        stand_in: what takes the place of the study's own data set; may stand in [common].
        headline: whether README shows it.
    """

    name: str
    table: str = ""
    expect: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""
    note: str = ""
    stand_in: str = ""
    headline: bool = False
    group: ClassVar[str]

    @property
    def label(self) -> str:
        """What --only matches: ARCH/NAME, or the kind of row in ARCH's place."""
        return f"{self.group}/{self.name}"

    @property
    def modes(self) -> tuple[str, ...]:
        """The versions there are of it; see MODES."""
        return ("corrected",)


@dataclass(frozen=True, kw_only=True)
class Trained(Row):
    """What rows that train have in common; `given` are the RunConfig keys of the corrected run."""

    given: Mapping[str, Any]

    @property
    def arch(self) -> str:
        """The architecture."""
        return self.given.get("arch", FIELDS["arch"].default)

    def config(
        self, mode: str, folder: Path, seed: int = 0, length: Length = FULL, parent: Path | None = None
    ) -> RunConfig:
        """Return the config of this row, its runs below `folder`.

        Runs lie in folder/ARCH/RUN-ID, so rows that ask for the same share one run.

        Args:
            mode: one of MODES.
            folder: the study's.
            seed: added to the recipe's own.
            length: how much of the recipe's epochs and images.
            parent: run folder of the row whose weights it begins with; it need not be there yet.
        """
        overrides = getattr(self, "as_published", {}) if mode == "as-published" else {}
        started = {} if parent is None else {"init_weights": str(parent)}
        full = configure(**{**self.given, **overrides, **started, "runs": str(folder)})
        return shorten(dataclasses.replace(full, seed=full.seed + seed), length)


@dataclass(frozen=True, kw_only=True)
class Training(Trained):
    """A [[run]].

    Attributes:
        as_published: keys that the authors' code had otherwise; empty where nothing is known to differ.
        init_from: name of the row whose weights it begins with.
        not_run: why it cannot be run here; empty where it can.
    """

    as_published: Mapping[str, Any] = field(default_factory=dict)
    init_from: str = ""
    not_run: str = ""

    @property
    def group(self) -> str:
        """The architecture."""
        return self.arch

    @property
    def modes(self) -> tuple[str, ...]:
        """Both where the authors' code is known to differ, else the corrected one alone."""
        return MODES if self.as_published else MODES[1:]


@dataclass(frozen=True, kw_only=True)
class Search(Trained):
    """A [[search]] by tuner: `given` is what its trials share, the rest its flags; None stands for tuner's own."""

    space: str
    oracle: str = "bayesian"
    max_trials: int | None = None
    initial_points: int | None = None
    group: ClassVar[str] = "search"

    def plan(self, config: RunConfig, folder: Path) -> Any:
        """Return the tuner.plan.Plan of this search in `folder`, its trials of the length that `config` has.

        Raises:
            InputError: its settings are wrong.
        """
        from tuner.plan import make_plan  # tuner stands on top of all that is here

        full = self.config("corrected", Path())
        names = {*self.given, *(name for name in FIELDS if getattr(config, name) != getattr(full, name))}
        own = {name: getattr(self, name) for name in ("space", "oracle", "max_trials", "initial_points")}
        given = {name: getattr(config, name) for name in FIELDS if name in names}
        return make_plan(given, {**own, "seeds": 1, "dir": str(folder)})


@dataclass(frozen=True, kw_only=True)
class Ensemble(Row):
    """An [[ensemble]]: runs of the study that vote; the remaining fields are those of ``ensemble.combine``."""

    members: tuple[str, ...]
    vote: str
    weights: tuple[float, ...] | None = None
    temperature: bool = False
    group: ClassVar[str] = "ensemble"


@dataclass(frozen=True, kw_only=True)
class Quoted(Row):
    """A [[quoted]] row: published figures alone; `arch` names our own net of that kind, whose size stands beside."""

    arch: str | None = None
    group: ClassVar[str] = "quoted"


KINDS: dict[str, type[Row]] = {"run": Training, "ensemble": Ensemble, "search": Search, "quoted": Quoted}
