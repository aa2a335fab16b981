"""What a search found: the table of its trials, and its best one as a --config. Imports no KerasTuner."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerascifar.architectures import engine
from kerascifar.cli import print_table
from kerascifar.config import RunConfig, changed
from kerascifar.configure import configure
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from tuner.definition import OBJECTIVE, STATE, Search, read_definition
from tuner.spaces import shown

Trial = dict[str, Any]


@dataclass(frozen=True)
class _Observation:
    value: list[float]


@dataclass(frozen=True)
class _Metric:
    observations: list[_Observation]


@dataclass(frozen=True)
class _Metrics:
    metrics: dict[str, _Metric]


@dataclass(frozen=True)
class _Hyperparameters:
    values: dict[str, Any]


@dataclass(frozen=True)
class _Trial:
    """A trial as KerasTuner keeps it."""

    trial_id: str
    status: str
    metrics: _Metrics
    hyperparameters: _Hyperparameters
    score: float | None
    message: str | None


@dataclass(frozen=True)
class _State:
    trials: list[_Trial]


def read_trials(folder: Path) -> list[Trial]:
    """Return the trials of the search in `folder`, the best first and then those without a score, oldest first.

    Each has trial_id, status, score (None without one), lowest and highest (over the seeds), values and message.

    Raises:
        InputError: `folder` holds no search, or its file is corrupt.
    """
    read_definition(folder)
    path = folder / STATE
    state = read_json(path, _State) if path.exists() else _State([])
    try:
        trials = [_shown(trial) for trial in state.trials]
    except (KeyError, IndexError) as error:
        raise InputError(f"{path} is corrupt: a completed trial lacks {error}") from None
    return sorted(trials, key=lambda trial: -1 if trial["score"] is None else trial["score"], reverse=True)


def _shown(trial: _Trial) -> Trial:
    metrics, completed = trial.metrics.metrics, trial.status == "COMPLETED"
    return {
        "trial_id": trial.trial_id,
        "status": trial.status,
        "message": trial.message,
        "score": trial.score if completed else None,
        **{name: metrics[name].observations[0].value[0] if completed else None for name in ("lowest", "highest")},
        "values": trial.hyperparameters.values,
    }


def print_trials(folder: Path) -> None:
    """Print the trials of the search in `folder` as a table, the best first, and why trials failed.

    Raises InputError: as `read_trials` does.
    """
    definition, trials = read_definition(folder), read_trials(folder)
    varied = [*definition["space"], *(["tuner/epochs"] if definition["oracle"] == "hyperband" else [])]
    spread = ["lowest", "highest"] if definition["seeds"] > 1 else []
    rows = [
        [
            trial["trial_id"],
            trial["status"].lower(),
            *("" if trial[name] is None else f"{trial[name]:.4f}" for name in ("score", *spread)),
            *(shown(trial["values"].get(name, "")) for name in varied),
        ]
        for trial in trials
    ]
    config = definition["config"]
    print(
        f"{config['arch']} on {config['dataset']}, {config['epochs']} epochs, {definition['oracle']}, "
        f"{len(trials)} trials"
    )
    print_table(["trial", "status", OBJECTIVE, *spread, *varied], rows)
    for trial in trials:
        if trial["status"] == "FAILED" and trial["message"]:
            print(f"trial {trial['trial_id']}: {trial['message']}")


def best(search: Search) -> tuple[RunConfig, Trial]:
    """Return the config of the search's best trial, with the first of its seeds, and the trial.

    Raises InputError: no trial has a score.
    """
    trials = read_trials(search.folder)
    if not trials or trials[0]["score"] is None:
        raise InputError(f"none of the {len(trials)} trials in {search.folder} was completed; see python -m tuner show")
    values = trials[0]["values"]
    point = {name: values[name] for name in search.space}
    return search.trials(point, values.get("tuner/epochs"))[0], trials[0]


def write_best(search: Search) -> RunConfig:
    """Write the best trial to best.toml, as train --config reads it, and return its config.

    Raises InputError: no trial has a score.
    """
    config, trial = best(search)
    seeds = f", mean of {search.seeds} seeds" if search.seeds > 1 else ""
    lines = [f"# trial {trial['trial_id']} of {search.folder.name!r}: {OBJECTIVE} {trial['score']:.4f}{seeds}"]
    # JSON's numbers, strings, booleans and lists are TOML's as well.
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in changed_keys(config).items()]
    files.write_text(search.folder / "best.toml", "\n".join(lines).encode(errors="backslashreplace").decode() + "\n")
    return config


def changed_keys(config: RunConfig) -> dict[str, Any]:
    """Return the fields from which ``configure(**fields)`` makes `config` again, and a name for the run."""
    fields = config.to_dict()
    # Where data and weights lie decides no numbers, but a training needs it.
    places = [n for n in ("data_dir", "unverified", "allow_overlap", "init_weights", "exclude") if changed(config, n)]
    row = {name: getattr(config, name) for name in ("arch", "dataset", *places)}
    if engine(config.arch).TRAINED:
        row["optimizer"] = config.optimizer
    usual = configure(**row).to_dict()
    row |= {name: value for name, value in fields.items() if value != usual[name] and value is not None}
    return {"name": f"{config.arch}-best", **row}
