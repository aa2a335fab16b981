"""Do what a study's plan says: announce it, and perform each planned run, a training or a search, to its end."""

import functools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.config import RunConfig, fields_of
from kerascifar.core import files
from kerascifar.core.errors import TrainingDiverged
from kerascifar.core.provenance import Provenance
from kerascifar.devices.placement import import_keras, need_tensorflow, quiet
from kerascifar.run import check_provenance, provenance, run
from kerascifar.studies.budget import ordered
from kerascifar.studies.lengths import duration
from kerascifar.studies.plan import DIVERGED, FOUND, Plan, PlannedRun, StudyRun
from kerascifar.studies.rows import Row, Search
from kerascifar.studies.tables import write_table


def perform(row: Row, config: RunConfig, folder: Path) -> None:
    """Run `config`, or the search of `row` whose trials vary it; its result is then in `folder`.

    A loss that becomes NaN or infinite is a result too: the study goes on.

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
        if "keras" in sys.modules:  # free this net's memory for the next one
            sys.modules["keras"].utils.clear_session()


def _search(row: Search, config: RunConfig, folder: Path) -> None:
    need_tensorflow("a search")
    plan = row.plan(config, folder)
    with quiet():
        import_keras()
        from tuner.search import run_search
    from tuner.outcome import best, read_trials, write_best

    run_search(plan)
    write_best(plan)
    chosen, trial = best(plan)
    run_folder = plan.in_folder(chosen).folder
    result = results.read_result(run_folder, results.VALIDATED)
    summary = {
        "file": (run_folder.relative_to(folder) / results.VALIDATED).as_posix(),
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
    files.write_text(folder / FOUND, json.dumps(summary, indent=1) + "\n")


def check_finished(study_run: StudyRun, runs: Sequence[PlannedRun], machine: Mapping[str, Any]) -> None:
    """Compare the data of the finished ones of `runs`, and of all that the table shows, with that of this call.

    A loss that diverged left no record, and is not compared. `machine` holds fields such as data_dir.

    Raises:
        InputError: a run had other images, or first weights, than are here; or there are none to compare.
    """
    read = functools.cache(provenance)  # rows that differ in their net only have the same data

    def provenance_here(config: RunConfig) -> Provenance:
        return read(RunConfig(**{name: getattr(config, name) for name in ("seed", *fields_of("data"))}))

    for planned in dict.fromkeys([*runs, *study_run.shown()]):
        config, folder = replace(study_run.config_of(planned), **machine), study_run.folder_of(planned)
        row = study_run.study[planned.row]
        if isinstance(row, Search) and (folder / FOUND).exists():
            row.plan(config, folder).check_provenance()
        elif (folder / results.FINISHED).exists():
            way_out = f"choose another --runs for this, or delete {folder}"
            check_provenance(config, results.read_result(folder), folder, way_out, provenance_here)


def announce(study_run: StudyRun, old: Plan, runs: Sequence[PlannedRun]) -> None:
    """Print whether the plan is new or resumed, how long `runs` will take, and what the `old` plans left."""
    plan = study_run.plan
    new = len(plan.runs) - len(old.runs)
    todo = [planned for planned in runs if not study_run.finished(planned)]
    time_left = duration(sum(planned.seconds or 0.0 for planned in todo))
    state = "made" if new == len(runs) else "goes on" if not new else f"goes on, {new} runs added"
    print(f"plan {plan.asked}: {state}, {len(todo)} of {len(runs)} runs to do, about {time_left}")
    for other in dict.fromkeys(planned.asked for planned in old.runs if planned.asked != plan.asked):
        if done := sum(map(study_run.finished, old.of(other))):
            print(f"plan {other}: {done} finished runs stay, and show in the table where they are the longest")


def print_schedule(study_run: StudyRun, runs: Sequence[PlannedRun]) -> None:
    """Print which runs would be made, in order, and the time of each."""
    for number, planned in enumerate(ordered(study_run.study, runs), start=1):
        state = "finished" if study_run.finished(planned) else f"about {duration(planned.seconds or 0.0)}"
        print(f"[{number}/{len(runs)}] {describe(study_run, planned)}: {state}")


def describe(study_run: StudyRun, planned: PlannedRun) -> str:
    """Return a planned run in one line: row, version, seed, and how much of the recipe."""
    config, row = study_run.config_of(planned), study_run.study[planned.row]
    full = row.config(planned.mode, study_run.folder)
    words = [row.label, planned.mode, *([f"seed {config.seed}"] if planned.seed else [])]
    if full.epochs > 1:
        words.append(f"{config.epochs} of {full.epochs} epochs")
    limits = {"training": planned.length.train_limit, "test": planned.length.test_limit}
    words += [f"the first {limit:,} {kind} images" for kind, limit in limits.items() if limit]
    return ", ".join(words)


def perform_all(study_run: StudyRun, runs: Sequence[PlannedRun], machine: Mapping[str, Any]) -> None:
    """Perform those of `runs` that are not finished, print the progress, and write the table after each.

    `machine` holds RunConfig fields that are no part of a recipe, such as data_dir and device.
    """
    study, folder, total = study_run.study, study_run.folder, len(runs)
    todo = [planned for planned in ordered(study, runs) if not study_run.finished(planned)]
    begun, estimated = time.monotonic(), 0.0
    for number, planned in enumerate(todo):
        if study_run.finished(planned):  # by a row that asks for the same
            continue
        left = sum(other.seconds or 0.0 for other in todo[number:])
        slowdown = (time.monotonic() - begun) / estimated if estimated else 1.0
        done = total - len(todo) + number
        print(f"{done} of {total} runs done, about {duration(left * slowdown)} left", flush=True)
        print(f"[{done + 1}/{total}] {describe(study_run, planned)}", flush=True)
        config = replace(study_run.config_of(planned), **machine)
        perform(study[planned.row], config, study_run.folder_of(planned))
        estimated += planned.seconds or 0.0
        write_table(StudyRun.read(study, folder))  # another process may have added to the plan
    print(f"{total} of {total} runs done")
