"""A Search: what is varied, how, and where; and from a point of its space to the RunConfigs of a trial."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kerascifar.architectures import engine
from kerascifar.config import FIELDS, MACHINE, RunConfig, flag, plain_default
from kerascifar.configure import check, check_keys, configure
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.fields import check_seeds
from kerascifar.core.provenance import Provenance
from kerascifar.core.reading import read_json
from kerascifar.core.registry import lookup
from kerascifar.data.datasets import contents_are_fixed, load
from kerascifar.results import VALIDATED, read_result
from kerascifar.run import check_provenance
from kerascifar.training.optimizers import OPTIMIZERS, OPTIONS
from kerascifar.training.precision import AUTO
from tuner.spaces import NAMED, Choice, Hyperparameter, Value, find_space

FORMAT = 1
DEFINITION, STATE = "search.json", "oracle.json"  # files in a search's folder: its settings, and its trials so far
OBJECTIVE = "val_accuracy"
# How many trials run when --max-trials is not given, and how many of them are random points; None: as many as the
# oracle makes. 14 with 4 are study 002's.
ORACLES: dict[str, tuple[int | None, int | None]] = {
    "bayesian": (14, 4),
    "random": (14, None),
    "grid": (None, None),
    "hyperband": (None, None),
}


@dataclass(frozen=True)
class Search:
    """A search, checked when it is made.

    Attributes:
        fields: RunConfig fields as the user gave them; missing ones come from the architecture and the optimizer.
        space: the hyperparameters by RunConfig field.
        oracle: a key of ORACLES.
        max_trials: trials in all, initial points included; None for as many as the oracle makes.
        initial_points: random points of the bayesian oracle.
        seeds: trainings per trial; their validation accuracies are averaged.
        folder: holds search.json and all that the trials write.

    Raises:
        InputError: the settings contradict each other, or a value of the space cannot be trained.
    """

    fields: Mapping[str, Any]
    space: Mapping[str, Hyperparameter]
    oracle: str
    max_trials: int | None
    initial_points: int | None
    seeds: int
    folder: Path

    def __post_init__(self) -> None:
        lookup(ORACLES, self.oracle, "--oracle")
        check_seeds(self.seeds)
        for name in ("max_trials", "initial_points"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{flag(name)}: must be greater than 0, got {value}")
        if self.initial_points is not None and self.oracle != "bayesian":
            raise InputError(f"--initial-points: only the bayesian oracle has any, not {self.oracle}")
        if self.initial_points and self.max_trials and self.initial_points > self.max_trials:
            raise InputError(
                f"--initial-points {self.initial_points}: --max-trials {self.max_trials} counts them, so give no more"
            )
        if self.config.validation == 0:
            raise InputError("--validation 0: a search selects by the validation accuracy, so give a share above 0")
        if self.oracle == "grid":
            for name, hyperparameter in self.space.items():
                if not isinstance(hyperparameter, Choice):
                    raise InputError(f"--oracle grid takes lists of values, but {name} is a range; give --space")
        self._check_space()

    @cached_property
    def config(self) -> RunConfig:
        """The config that the trials vary."""
        return configure(**self.fields)

    @cached_property
    def provenance(self) -> Provenance:
        """The data that its trials have: without the test images. Raises InputError: it cannot be read."""
        return Provenance.of(dataclasses.replace(load(self.config), test=None))

    def trials(self, point: Mapping[str, Value], epochs: int | None = None) -> list[RunConfig]:
        """Return the configs, one per seed, that the trial at `point` of the space trains.

        A hyperparameter that the optimizer at this point does not have is left out.

        Raises:
            InputError: the point cannot be trained.
        """
        varied = _fields_at(point)
        base = configure(**{**self.fields, **{k: v for k, v in varied.items() if k == "optimizer"}})
        options = OPTIMIZERS[base.optimizer].options
        varied = {name: value for name, value in varied.items() if name not in OPTIONS or name in options}
        config = dataclasses.replace(base, **varied, epochs=epochs or base.epochs)
        check(config)
        return [dataclasses.replace(config, seed=config.seed + number) for number in range(self.seeds)]

    def in_folder(self, config: RunConfig) -> RunConfig:
        """Return `config` with its run inside the search's folder; equal configs share a run."""
        return dataclasses.replace(config, runs=str(self.folder), name="trials", again=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what search.json holds: all that decides which trials are run, and how they are scored."""
        return {
            "format": FORMAT,
            "oracle": self.oracle,
            "initial_points": self.initial_points,
            "seeds": self.seeds,
            "space": {name: hyperparameter.to_json() for name, hyperparameter in self.space.items()},
            "config": self.config.to_dict(),
        }

    @property
    def file(self) -> Path:
        """The file search.json."""
        return self.folder / DEFINITION

    def settle(self) -> None:
        """Write search.json, or, if the folder holds one, check that it is of this search.

        `max_trials` may change: a longer search resumes where a shorter one ended.

        Raises:
            InputError: the folder holds another search; names the differences.
        """
        if self.file.exists():
            self.compare()
            return
        # Which images they are is told by an official data set's name, so they are not read for it.
        provenance = {} if contents_are_fixed(self.config, {}) else {"provenance": dataclasses.asdict(self.provenance)}
        files.write_text(self.file, json.dumps({**self.to_dict(), **provenance}, indent=1) + "\n")

    def compare(self) -> None:
        """Compare this search with the one that search.json describes.

        Raises InputError: they or their data differ, or search.json cannot be read.
        """
        # A field that was added to RunConfig after search.json was written had its default.
        defaults = {name: plain_default(name) for name, f in FIELDS.items() if f.metadata["identity"]}
        old, new = {**defaults, **_flat(read_definition(self.folder))}, _flat(self.to_dict())
        differences = [
            f"{name} was {_as_text(old.get(name))}, is now {_as_text(new.get(name))}"
            for name in dict.fromkeys([*new, *old])
            if old.get(name) != new.get(name)
        ]
        if differences:
            raise InputError(
                f"--dir {self.folder} holds another search: {'; '.join(differences)}; choose another --dir"
            )
        self.check_provenance()

    def check_provenance(self) -> None:
        """Compare the data with that of the search in the folder: of search.json, or else of its first finished trial.

        Raises InputError: it differs or cannot be read.
        """
        definition = read_definition(self.folder) if self.file.exists() else {}
        way_out = "choose another --dir"
        if "provenance" in definition:
            recorded = Provenance.read(definition["provenance"], str(self.file))
            recorded.refuse(self.provenance, f"--dir {self.folder} holds a search on", way_out)
            return
        for path in sorted(self.in_folder(self.config).folder.parent.glob(f"*/{VALIDATED}"))[:1]:
            result = read_result(path.parent, VALIDATED)
            check_keys(result.config, str(path))
            config = RunConfig(**{**result.config, **{name: getattr(self.config, name) for name in MACHINE}})
            check_provenance(config, result, path.parent, way_out)

    def _check_space(self) -> None:
        """Try every end of every hyperparameter, so that no error appears in the middle of a search."""
        first = {name: hyperparameter.ends[0] for name, hyperparameter in self.space.items()}
        if not engine(self.config.arch).TRAINED:
            configure(**{**self.fields, **_fields_at(first)})  # refuses fields of a training
        optimizers = getattr(self.space.get("optimizer"), "values", (self.config.optimizer,))
        for name, hyperparameter in self.space.items():
            if name in OPTIONS and not any(name in lookup(OPTIMIZERS, o, "--optimizer").options for o in optimizers):
                raise InputError(f"the space varies {name}, which does not apply to {', '.join(optimizers)}")
            for value in hyperparameter.ends:
                try:
                    self.trials({**first, name: value})
                except InputError as error:
                    raise InputError(f"the space varies {name}, which cannot be {value!r}: {error}") from None


def make_search(fields: dict[str, Any], flags: dict[str, Any]) -> Search:
    """Return the search that RunConfig fields and the tuner's own flags describe.

    Args:
        fields: RunConfig fields.
        flags: space, oracle, max_trials, initial_points, seeds and dir, as the command line has them.

    Raises:
        InputError: they contradict each other.
    """
    config = configure(**fields)
    space, oracle, max_trials, points = (flags[name] for name in ("space", "oracle", "max_trials", "initial_points"))
    usual_trials, usual_points = lookup(ORACLES, oracle, "--oracle")
    max_trials = usual_trials if max_trials is None else max_trials
    if points is None and usual_points is not None:
        points = min(usual_points, max_trials)
    usual_folder = Path(config.runs) / "-".join(("search", config.arch, config.optimizer, Path(space).stem, oracle))
    folder = Path(flags["dir"] or usual_folder)
    if fields.get("precision") == AUTO:
        begun = read_definition(folder)["config"]["precision"] if (folder / DEFINITION).exists() else config.precision
        fields = {**fields, "precision": begun, "precision_auto": True}  # a search goes on in its own, wherever it does
    return Search(
        fields=fields,
        space=find_space(space, config.arch, config.optimizer),
        oracle=oracle,
        max_trials=max_trials,
        initial_points=points,
        seeds=flags["seeds"],
        folder=folder,
    )


def read_definition(folder: Path) -> dict[str, Any]:
    """Read the search.json in `folder`, as ``Search.to_dict`` made it.

    Raises InputError: missing, corrupt, or not of this program.
    """
    path = folder / DEFINITION
    try:
        definition = read_json(path)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no search: there is no {path.name} in it") from None
    if definition.get("format") != FORMAT:
        raise InputError(f"{path} is not a search of this program")
    return definition


def _fields_at(point: Mapping[str, Value]) -> dict[str, Any]:
    """Return the RunConfig fields that `point` sets."""
    fields: dict[str, Any] = {}
    for name, value in point.items():
        fields |= NAMED.get(name, {}).get(value, {name: value})
    return fields


def _flat(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Put the config's fields and the space's hyperparameters beside the rest."""
    rest = {name: value for name, value in definition.items() if name not in ("space", "config", "provenance")}
    return rest | {f"space {name}": value for name, value in definition["space"].items()} | definition["config"]


def _as_text(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)
