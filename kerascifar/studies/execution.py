"""Do what a study's plan says: announce it, and perform each planned run, a training or a search, to its end."""

import functools
import json
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.config import RunConfig, fields_of
from kerascifar.core import files
from kerascifar.core.endings import ending
from kerascifar.core.errors import InputError, TrainingDiverged
from kerascifar.core.provenance import Provenance
from kerascifar.core.shown import printable
from kerascifar.devices.jobs import make_executor, threads_each
from kerascifar.devices.placement import forget_nets, import_keras, need_tensorflow, quiet
from kerascifar.plugins.loading import same_plugins
from kerascifar.run import check_provenance, provenance, run
from kerascifar.studies.budget import ordered, time_of
from kerascifar.studies.lengths import duration
from kerascifar.studies.plan import DIVERGED, FOUND, Plan, PlannedRun, StudyRun
from kerascifar.studies.progress import Board
from kerascifar.studies.rows import Row, Search
from kerascifar.studies.tables import write_table
from kerascifar.training.recovery import begun_threads


@dataclass(frozen=True)
class Ended:
    """How a planned run ended; picklable, unlike the errors of some libraries.

    Attributes:
        diverged: where the loss became NaN or infinite, the message: a result too.
        error: why there is no result, in a line.
        trace: where `error` is none of a person's making, Python's account of it.
    """

    diverged: str = ""
    error: str = ""
    trace: str = ""


def attempt(row: Row, config: RunConfig, folder: Path, jobs: int) -> Ended:
    """Perform a planned run and return how it ended, whatever was raised but an interrupt."""
    try:
        return Ended(diverged=perform(row, config, folder, jobs))
    except InputError as error:
        return Ended(error=str(error))
    except OSError as error:
        return Ended(error=f"cannot read or write {error.filename or ''}: {error.strerror or error}")
    except Exception as error:
        if (told := ending(error)) is not None:
            return Ended(error=told[0])
        return Ended(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def perform(row: Row, config: RunConfig, folder: Path, jobs: int = 1) -> str:
    """Run `config`, or the search of `row` whose trials vary it; its result is then in `folder`.

    A loss that becomes NaN or infinite is a result too: its message is returned, else "".

    Raises:
        InputError: the data or the folder cannot be used.
    """
    if isinstance(row, Search):
        _search(row, config, folder)
        return ""
    try:
        run(config, jobs=jobs)
        return ""
    except TrainingDiverged as error:
        files.write_text(folder / DIVERGED, f"{error}\n")
        return str(error)
    finally:
        forget_nets()


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
        "cpu_seconds_per_epoch": result.cpu_seconds_per_epoch,
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


def announce(study_run: StudyRun, old: Plan, runs: Sequence[PlannedRun], jobs: int = 1) -> None:
    """Print whether the plan is new or resumed, how long `runs` will take, and what the `old` plans left."""
    plan = study_run.plan
    new = len(plan.runs) - len(old.runs)
    todo = [planned for planned in runs if not study_run.finished(planned)]
    time_left = duration(time_of(study_run.study, todo, jobs))
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


def perform_all(
    study_run: StudyRun,
    runs: Sequence[PlannedRun],
    machine: Mapping[str, Any],
    jobs: int = 1,
    executor: Executor | None = None,
) -> None:
    """Perform those of `runs` that are not finished, print the progress, and write the table after each.

    One that fails is told of, and the others go on.

    Args:
        study_run: the study and its plan.
        runs: of the plan.
        machine: RunConfig fields that are no part of a recipe, such as data_dir and device.
        jobs: how many run at once.
        executor: what runs them; this process if there is one job, else `jobs` processes of this machine.

    Raises:
        InputError: at the end, if one or more failed.
    """
    study, folder, total = study_run.study, study_run.folder, len(runs)
    waiting = [planned for planned in ordered(study, runs) if not study_run.finished(planned)]
    board = Board(total, {planned: planned.seconds or 0.0 for planned in waiting}, jobs)
    under_way: dict[Future[Ended], PlannedRun] = {}
    failed: list[str] = []
    with executor or make_executor(jobs, folder, same_plugins()) as pool:
        while waiting or under_way:
            while len(under_way) < jobs and (planned := _next(study_run, waiting, under_way.values())):
                waiting.remove(planned)
                if study_run.finished(planned):  # by a row that asks for the same
                    board.end(planned)
                    continue
                number = total - len(waiting)
                board.begin(planned)
                board.show()
                board.tell(f"[{number}/{total}] {describe(study_run, planned)}")
                # Of an executor that was given, each worker has its own cores.
                config = _on_this_machine(study_run, planned, machine, 1 if executor else jobs)
                place = study_run.folder_of(planned)
                under_way[pool.submit(attempt, study[planned.row], config, place, jobs)] = planned
            done, _ = wait(under_way, timeout=board.pause, return_when=FIRST_COMPLETED)
            for future in done:
                planned = under_way.pop(future)
                board.end(planned)
                ended = _ended(future)
                name = describe(study_run, planned)
                if ended.diverged:
                    board.tell(f"{planned.row}: {ended.diverged}")
                if ended.error:
                    board.tell(f"{ended.trace}error: {name}: {printable(ended.error)}", sys.stderr)
                    failed.append(f"{name}: {ended.error}")
                write_table(StudyRun.read(study, folder))  # another process may have added to the plan
            if board.redraws:
                board.show()
    board.tell(f"{total - len(failed)} of {total} runs done")
    if failed:
        raise InputError(f"{len(failed)} of {total} runs failed, the first: {failed[0]}")


def _ended(future: Future[Ended]) -> Ended:
    """Return how the run of `future` ended; a process that died tells it by an InputError."""
    try:
        return future.result()
    except InputError as error:
        return Ended(error=str(error))


def _next(study_run: StudyRun, waiting: Sequence[PlannedRun], under_way: Collection[PlannedRun]) -> PlannedRun | None:
    """Return the first of `waiting` that needs nothing of those before it, or of those `under_way`; None without one.

    It would need weights that it starts from, or the very same training.
    """
    rows = {(planned.row, planned.seed) for planned in under_way}
    trainings = {study_run.training_of(planned) for planned in under_way}
    for planned in waiting:
        parent = (study_run.study[planned.row].init_from, planned.seed)
        if parent not in rows and study_run.training_of(planned) not in trainings:
            return planned
        rows.add((planned.row, planned.seed))
    return None


def _on_this_machine(study_run: StudyRun, planned: PlannedRun, machine: Mapping[str, Any], jobs: int) -> RunConfig:
    """Return the config of a run with the fields in `machine`, and with its share of the threads.

    A run that was begun with another number of threads keeps that, unless `machine` has one: so it keeps its bits.
    """
    config = replace(study_run.config_of(planned), **machine)
    if config.threads is None and (each := threads_each(jobs)) is not None:
        return replace(config, threads=begun_threads(config.folder) or each)
    return config
