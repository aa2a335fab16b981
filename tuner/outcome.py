"""What a search has found: the table of its trials, and its best one as a row of a recipe. Imports no KerasTuner."""

import json
from pathlib import Path
from typing import Any

from kerascifar.architectures import engine
from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from tuner.plan import OBJECTIVE, Plan, read_told

Trial = dict[str, Any]


def read_trials(folder: Path) -> list[Trial]:
    """Return the trials of the search in `folder`, the best first and then those without a score, oldest first.

    Each has trial_id, status, score (None without one), lowest and highest (over the seeds), values and message.

    Raises:
        InputError: `folder` holds no search, or its file is corrupt.
    """
    read_told(folder / "search.json")
    path = folder / "oracle.json"
    try:
        state = read_json(path) if path.exists() else {"trials": []}
        trials = [_trial(trial) for trial in state["trials"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is corrupt: {error}") from None
    return sorted(trials, key=lambda trial: -1 if trial["score"] is None else trial["score"], reverse=True)


def _trial(state: dict[str, Any]) -> Trial:
    metrics = state["metrics"]["metrics"]
    done = state["status"] == "COMPLETED"
    return {
        **{name: state[name] for name in ("trial_id", "status", "message")},
        "score": state["score"] if done else None,
        **{name: metrics[name]["observations"][0]["value"][0] if done else None for name in ("lowest", "highest")},
        "values": state["hyperparameters"]["values"],
    }


def table(folder: Path) -> str:
    """Return the trials of the search in `folder` as a table of text, the best first."""
    told, trials = read_told(folder / "search.json"), read_trials(folder)
    names = [*told["space"], *(["tuner/epochs"] if told["oracle"] == "hyperband" else [])]
    many = told["seeds"] > 1
    rows = [["trial", "status", OBJECTIVE, *(["lowest", "highest"] if many else []), *names]]
    for trial in trials:
        numbers = [trial[name] for name in ("score", *(("lowest", "highest") if many else ()))]
        rows.append(
            [
                trial["trial_id"],
                trial["status"].lower(),
                *("" if number is None else f"{number:.4f}" for number in numbers),
                *(_shown(trial["values"].get(name)) for name in names),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"trial {t['trial_id']}: {t['message']}" for t in trials if t["status"] == "FAILED" and t["message"]]
    config = told["config"]
    head = f"{config['arch']} on {config['dataset']}, {config['epochs']} epochs, {told['oracle']}, {len(trials)} trials"
    return "\n".join([head, *lines])


def best(plan: Plan) -> tuple[RunConfig, Trial]:
    """Return the config of the search's best trial, with the first of its seeds, and the trial.

    Raises:
        InputError: no trial has a score.
    """
    trials = read_trials(plan.folder)
    if not trials or trials[0]["score"] is None:
        raise InputError(f"none of the {len(trials)} trials in {plan.folder} was completed; see python -m tuner show")
    values = trials[0]["values"]
    point = {name: values[name] for name in plan.space}
    return plan.trials(point, values.get("tuner/epochs"))[0], trials[0]


def write_best(plan: Plan) -> RunConfig:
    """Write the best trial to best.toml, as a row of a recipe, and return its config.

    Raises:
        InputError: no trial has a score.
    """
    config, trial = best(plan)
    seeds = f", mean of {plan.seeds} seeds" if plan.seeds > 1 else ""
    lines = [f"# trial {trial['trial_id']} of {plan.folder.name}: {OBJECTIVE} {trial['score']:.4f}{seeds}", "[[run]]"]
    # JSON's numbers, texts, booleans and lists are TOML's as well.
    lines += [f"{name} = {json.dumps(value)}" for name, value in recipe_row(config).items()]
    files.write_text(plan.folder / "best.toml", "\n".join(lines) + "\n")
    return config


def recipe_row(config: RunConfig) -> dict[str, Any]:
    """Return the fields that ``configure(**row)`` needs to give `config` again, and a name for the run."""
    fields = config.to_dict()
    row = {name: fields[name] for name in ("arch", "dataset")}
    if engine(config.arch).TRAINED:
        row["optimizer"] = config.optimizer
    usual = configure(**row).to_dict()
    row |= {name: value for name, value in fields.items() if value != usual[name] and value is not None}
    return {"name": f"{config.arch}-best", **row}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
