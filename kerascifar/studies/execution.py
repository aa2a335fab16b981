"""Do one piece of a study's plan: a training or a search, to its end."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.errors import TrainingDiverged
from kerascifar.devices.placement import need_tensorflow, quiet
from kerascifar.run import run
from kerascifar.studies import budget
from kerascifar.studies.lengths import duration
from kerascifar.studies.plan import (
    DIVERGED,
    FOUND,
    Piece,
    Plan,
    config_of,
    finished,
    folder_of,
    read,
)
from kerascifar.studies.rows import Row, Search
from kerascifar.studies.study import Study
from kerascifar.studies.tables import write_table


def perform(row: Row, config: RunConfig, folder: Path) -> None:
    """Run `config`, or the search of `row` whose trials vary it; `folder` then holds its end.

    A loss that is no number is such an end: the study goes on.

    Raises:
        InputError: the data or the folder cannot be used.
    """
    if isinstance(row, Search):
        _search(row, config, folder)
        return
    try:
        run(config)
    except TrainingDiverged as error:
        print(f"{row.name}: {error}", flush=True)
        files.write_text(folder / DIVERGED, f"{error}\n")
    finally:
        if "keras" in sys.modules:  # the next net must find the memory of this one free
            sys.modules["keras"].utils.clear_session()


def _search(row: Search, config: RunConfig, folder: Path) -> None:
    need_tensorflow("a search")
    plan = row.plan(config, folder)
    with quiet():
        from tuner.search import run_search
    from tuner.outcome import best, read_trials, write_best

    run_search(plan)
    write_best(plan)
    chosen, trial = best(plan)
    place = plan.in_folder(chosen).folder
    result = results.read_result(place, results.VALIDATED)
    found = {
        "file": (place.relative_to(folder) / results.VALIDATED).as_posix(),
        "validation_accuracy": trial["score"],
        "images": result.metrics["validation"]["images"],
        "training_images": result.dataset["images"]["train"],
        "epochs": chosen.epochs,
        "trials": sum(t["score"] is not None for t in read_trials(folder)),
        "settings": trial["values"],
        "parameters": result.trainable_parameters,
        "seconds_per_epoch": result.seconds_per_epoch,
        "device": result.notes.get("device"),
    }
    files.write_text(folder / FOUND, json.dumps(found, indent=1) + "\n")


def _tell(study: Study, old: Plan, plan: Plan, pieces: Sequence[Piece], folder: Path) -> None:
    """Say whether a plan is made or goes on, and what other plans left."""
    new = len(plan.pieces) - len(old.pieces)
    left = [piece for piece in pieces if not finished(folder_of(study, piece, plan.pieces, folder))]
    time_left = duration(sum(piece.seconds or 0.0 for piece in left))
    made = "made" if new == len(pieces) else "goes on" if not new else f"goes on, {new} runs added"
    print(f"plan {plan.asked}: {made}, {len(left)} of {len(pieces)} runs to do, about {time_left}")
    for other in dict.fromkeys(piece.asked for piece in old.pieces if piece.asked != plan.asked):
        done = sum(finished(folder_of(study, piece, plan.pieces, folder)) for piece in old.of(other))
        if done:
            print(f"plan {other}: {done} finished runs stay, and show in the table where they are the longest")


def _show(study: Study, plan: Plan, pieces: Sequence[Piece], folder: Path) -> None:
    """Print what would be run, in order, with the time of each."""
    for number, piece in enumerate(budget.ordered(study, pieces), start=1):
        done = finished(folder_of(study, piece, plan.pieces, folder))
        state = "finished" if done else f"about {duration(piece.seconds or 0.0)}"
        print(f"[{number}/{len(pieces)}] {describe(study, piece, plan, folder)}: {state}")


def describe(study: Study, piece: Piece, plan: Plan, folder: Path) -> str:
    """Say in a line what a piece is: row, version, seed, and how much of the recipe."""
    config, row = config_of(study, piece, plan.pieces, folder), study[piece.row]
    full = row.config(piece.mode, folder, parent=Path("parent") if getattr(row, "init_from", "") else None)
    parts = [row.label, piece.mode, *([f"seed {config.seed}"] if piece.seed else [])]
    if full.epochs > 1:
        parts.append(f"{config.epochs} of {full.epochs} epochs")
    limits = {"training": piece.length.train_limit, "test": piece.length.test_limit}
    parts += [f"the first {limit:,} {kind} images" for kind, limit in limits.items() if limit]
    return ", ".join(parts)


def _run(study: Study, plan: Plan, pieces: Sequence[Piece], folder: Path, machine: dict[str, Any]) -> None:
    """Run what is not finished, tell how far the whole is, and write the table after each."""
    every = budget.ordered(study, pieces)
    todo = [piece for piece in every if not finished(folder_of(study, piece, plan.pieces, folder))]
    begun, estimated = time.monotonic(), 0.0
    for number, piece in enumerate(todo):
        place = folder_of(study, piece, plan.pieces, folder)
        if finished(place):  # by a row that asks for the same
            continue
        left = sum(other.seconds or 0.0 for other in todo[number:])
        slower = (time.monotonic() - begun) / estimated if estimated else 1.0  # than was estimated
        done = len(every) - len(todo) + number
        print(f"{done} of {len(every)} runs done, about {duration(left * slower)} left", flush=True)
        print(f"[{done + 1}/{len(every)}] {describe(study, piece, plan, folder)}", flush=True)
        perform(study[piece.row], replace(config_of(study, piece, plan.pieces, folder), **machine), place)
        estimated += piece.seconds or 0.0
        write_table(study, read(folder, study).pieces, folder)  # another process may have added to the plan
    print(f"{len(every)} of {len(every)} runs done")
