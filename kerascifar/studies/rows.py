"""The kinds of rows in a study: the fields of a class are the keys of its TOML table."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from kerascifar.architectures import ARCHITECTURES
from kerascifar.config import FIELDS, RunConfig
from kerascifar.configure import configure
from kerascifar.reporting.study_table import MODES
from kerascifar.studies.lengths import FULL, Length, shorten
from kerascifar.training.precision import as_begun

# What a paper may print: rates from 0 to 1; megabytes; seconds on a CPU and on a GPU.
RATES = ("test_accuracy", "validation_accuracy", "precision", "recall", "f1")
EXPECTED = (*RATES, "parameters", "size_mb", "seconds_per_epoch", "gpu_seconds_per_epoch", "run_seconds")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What rows of all kinds have; the class attributes are what some kinds have as fields.

    Attributes:
        name: unique in its study.
        table: the table of the paper that prints it.
        expect: the paper's figures, by a name in EXPECTED.
        fault: what went wrong, in one line; empty where nothing did.
        note: what a reader must know of our run.
        stand_in: the data set used in place of the study's own; may stand in [common].
        headline: whether README shows it.
    """

    name: str
    table: str = ""
    expect: Mapping[str, int | float] = field(default_factory=dict)
    fault: str = ""
    note: str = ""
    stand_in: str = ""
    headline: bool = False
    group: ClassVar[str]
    as_published: ClassVar[Mapping[str, Any]] = {}
    init_from: ClassVar[str] = ""
    not_run: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """What --only matches: ARCH/NAME, or the kind of row in ARCH's place."""
        return f"{self.group}/{self.name}"

    @property
    def modes(self) -> tuple[str, ...]:
        """Its versions, among MODES."""
        return ("corrected",)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the rows whose runs it uses."""
        return (self.init_from,) if self.init_from else ()


@dataclass(frozen=True, kw_only=True)
class Trained(Row):
    """What rows that train have in common; `recipe` holds the RunConfig keys of the corrected run."""

    recipe: Mapping[str, Any]

    @property
    def arch(self) -> str:
        """The architecture."""
        return self.recipe.get("arch", FIELDS["arch"].default)

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
            parent: run folder of the row `init_from`; it need not exist, and None serves where only other keys count.

        Raises:
            InputError: the keys make no config, or it cannot be shortened to `length`.
        """
        overrides = self.as_published if mode == "as-published" else {}
        weights = {"init_weights": str(parent or "parent")} if self.init_from else {}
        full = configure(**{**self.recipe, **overrides, **weights, "runs": str(folder)})
        return as_begun(shorten(dataclasses.replace(full, seed=full.seed + seed), length))


@dataclass(frozen=True, kw_only=True)
class Training(Trained):
    """A [[run]].

    Attributes:
        as_published: keys that differ in the authors' code; empty where none is known to.
        init_from: name of the row whose trained weights it starts from.
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
        """Both where the authors' code is known to differ, else only the corrected one."""
        return MODES if self.as_published else MODES[1:]


@dataclass(frozen=True, kw_only=True)
class Search(Trained):
    """A [[search]] by tuner: its trials share `recipe`.

    Attributes:
        found: the settings that the paper prints as its best, by RunConfig field.
        space, oracle, max_trials, initial_points: tuner's flags, None means its default.
    """

    found: Mapping[str, int | float] = field(default_factory=dict)
    space: str
    oracle: str = "bayesian"
    max_trials: int | None = None
    initial_points: int | None = None
    group: ClassVar[str] = "search"

    def plan(self, config: RunConfig, folder: Path) -> Any:
        """Return the tuner.definition.Search of this row in `folder`, its trials of the length that `config` has.

        Raises InputError: its settings are wrong.
        """
        from tuner.definition import make_search

        full = self.config("corrected", Path())
        names = {*self.recipe, *(name for name in FIELDS if getattr(config, name) != getattr(full, name))}
        own = {name: getattr(self, name) for name in ("space", "oracle", "max_trials", "initial_points")}
        shared = {name: getattr(config, name) for name in FIELDS if name in names}
        return make_search(shared, {**own, "seeds": 1, "dir": str(folder)})


@dataclass(frozen=True, kw_only=True)
class Ensemble(Row):
    """An [[ensemble]]: runs of the study that vote; the other fields are arguments of ``voting.combine``."""

    members: tuple[str, ...]
    vote: str
    weights: tuple[float, ...] | None = None
    temperature: bool = False
    group: ClassVar[str] = "ensemble"

    @property
    def needs(self) -> tuple[str, ...]:
        """Its members."""
        return self.members


@dataclass(frozen=True, kw_only=True)
class Quoted(Row):
    """A [[quoted]] row: only published figures; `arch` names our net of that kind, whose size is shown beside them."""

    arch: str | None = None
    group: ClassVar[str] = "quoted"

    @property
    def parameters(self) -> int | None:
        """Trainable parameters of our net."""
        return ARCHITECTURES[self.arch].params if self.arch else None


KINDS: dict[str, type[Row]] = {"run": Training, "ensemble": Ensemble, "search": Search, "quoted": Quoted}
