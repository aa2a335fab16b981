"""A Plan: what is searched, how, and where; and from a point of its space to the RunConfig of a trial."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kerascifar.architectures import engine
from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.configure import check, configure
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.core.registry import lookup
from kerascifar.training.optimizers import OPTIMIZERS, OPTIONS
from tuner.spaces import NAMED, Choice, Hyperparameter, Value, find_space

FORMAT = 1
OBJECTIVE = "val_accuracy"
# Trials that are run if --max-trials is not given, and how many of them are random points. None: all that the oracle
# has to offer. 14 with 4 are study 002's.
ORACLES: dict[str, tuple[int | None, int | None]] = {
    "bayesian": (14, 4),
    "random": (14, None),
    "grid": (None, None),
    "hyperband": (None, None),
}


@dataclass(frozen=True)
class Plan:
    """A search.

    Attributes:
        given: RunConfig fields as a person gave them; what is missing comes from the architecture and the optimizer.
        space: the hyperparameters by RunConfig field.
        oracle: a key of ORACLES.
        max_trials: trials in all, initial points included; None for as many as the oracle makes.
        initial_points: random points of the bayesian oracle.
        seeds: trainings a trial; their validation accuracies are averaged.
        folder: holds the search and all that its trials write.

    Raises:
        InputError: the parts do not fit together.
    """

    given: Mapping[str, Any]
    space: Mapping[str, Hyperparameter]
    oracle: str
    max_trials: int | None
    initial_points: int | None
    seeds: int
    folder: Path

    def __post_init__(self) -> None:
        lookup(ORACLES, self.oracle, "--oracle")
        for name in ("max_trials", "initial_points", "seeds"):
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
        return configure(**self.given)

    def trials(self, point: Mapping[str, Value], epochs: int | None = None) -> list[RunConfig]:
        """Return the configs, one a seed, that the trial at `point` of the space trains.

        A hyperparameter of another optimizer than the point's is left out.

        Raises:
            InputError: the point cannot be trained.
        """
        fields = self._fields(point)
        base = configure(**{**self.given, **{k: v for k, v in fields.items() if k == "optimizer"}})
        options = OPTIMIZERS[base.optimizer].options
        varied = {k: v for k, v in fields.items() if k != "optimizer" and (k not in OPTIONS or k in options)}
        config = dataclasses.replace(base, **varied, epochs=epochs or base.epochs)
        check(config)
        return [dataclasses.replace(config, seed=config.seed + number) for number in range(self.seeds)]

    def in_folder(self, config: RunConfig) -> RunConfig:
        """Return `config` with its run inside the search's folder; equal configs share a run."""
        return dataclasses.replace(config, runs=str(self.folder), name="trials", again=False)

    @property
    def told(self) -> dict[str, Any]:
        """What search.json holds: all that decides which trials are run, and what they are worth."""
        return {
            "format": FORMAT,
            "oracle": self.oracle,
            "initial_points": self.initial_points,
            "seeds": self.seeds,
            "space": {name: hyperparameter.told for name, hyperparameter in self.space.items()},
            "config": self.config.to_dict(),
        }

    def settle(self) -> None:
        """Write search.json, or, if the folder holds a search, check that it is this one.

        `max_trials` may change: a longer search goes on where a shorter one ended.

        Raises:
            InputError: the folder holds another search; names the differences.
        """
        path = self.folder / "search.json"
        if path.exists():
            self.compare(path)
        else:
            files.write_text(path, json.dumps(self.told, indent=1) + "\n")

    def compare(self, path: Path) -> None:
        """Compare the search that `path`, a search.json, tells of with this one.

        Raises:
            InputError: they differ, or `path` cannot be read.
        """
        old, new = _flat(read_told(path)), _flat(json.loads(json.dumps(self.told)))
        for name, f in FIELDS.items():  # a field that came later had its default
            if f.metadata["identity"]:
                old.setdefault(name, json.loads(json.dumps(f.default)))
        differences = [
            f"{name} was {_shown(old.get(name))}, is now {_shown(new.get(name))}"
            for name in dict.fromkeys([*new, *old])
            if old.get(name) != new.get(name)
        ]
        if differences:
            raise InputError(
                f"--dir {self.folder} holds another search: {'; '.join(differences)}; choose another --dir"
            )

    def _fields(self, point: Mapping[str, Value]) -> dict[str, Any]:
        """Return the RunConfig fields that `point` sets."""
        fields: dict[str, Any] = {}
        for name, value in point.items():
            fields |= NAMED.get(name, {}).get(value, {name: value})
        return fields

    def _check_space(self) -> None:
        """Try every end of every hyperparameter, so that nothing is found wrong in the middle of a search."""
        first = {name: hyperparameter.ends[0] for name, hyperparameter in self.space.items()}
        if not engine(self.config.arch).TRAINED:
            configure(**{**self.given, **self._fields(first)})  # refuses what belongs to a training
        optimizers = getattr(self.space.get("optimizer"), "values", (self.config.optimizer,))
        for name, hyperparameter in self.space.items():
            if name in OPTIONS and not any(name in lookup(OPTIMIZERS, o, "--optimizer").options for o in optimizers):
                raise InputError(f"the space varies {name}, which does not apply to {', '.join(optimizers)}")
            for value in hyperparameter.ends:
                try:
                    self.trials({**first, name: value})
                except InputError as error:
                    raise InputError(f"the space varies {name}, and {value!r} cannot be: {error}") from None


def read_told(path: Path) -> dict[str, Any]:
    """Read a search.json.

    Raises:
        InputError: missing, corrupt, or not of this program.
    """
    try:
        told = read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path.parent} holds no search: there is no {path.name} in it") from None
    if told.get("format") != FORMAT:
        raise InputError(f"{path} is not a search of this program")
    return told


def _flat(told: Mapping[str, Any]) -> dict[str, Any]:
    """Put the config's fields and the space's hyperparameters beside the rest."""
    rest = {name: value for name, value in told.items() if name not in ("space", "config")}
    return rest | {f"space {name}": value for name, value in told["space"].items()} | told["config"]


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)


def make_plan(given: dict[str, Any], own: dict[str, Any]) -> Plan:
    """Return the plan that RunConfig fields and the tuner's own flags describe.

    Raises:
        InputError: they do not fit together.
    """
    from kerascifar.configure import configure
    from kerascifar.core.registry import lookup

    config = configure(**given)
    trials, points = lookup(ORACLES, own["oracle"], "--oracle")
    max_trials = own["max_trials"] if own["max_trials"] is not None else trials
    if points is not None and max_trials is not None:
        points = min(points, max_trials)
    return Plan(
        given=given,
        space=find_space(own["space"], config.arch, config.optimizer),
        oracle=own["oracle"],
        max_trials=max_trials,
        initial_points=own["initial_points"] if own["initial_points"] is not None else points,
        seeds=own["seeds"],
        folder=Path(own["dir"]) if own["dir"] else _usual_folder(config, own["space"], own["oracle"]),
    )


def _usual_folder(config: RunConfig, space: str, oracle: str) -> Path:
    parts = ("search", config.arch, config.optimizer, Path(space).stem, oracle)
    return Path(config.runs) / "-".join(parts)
