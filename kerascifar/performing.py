"""Do one piece of a study's plan: a training or a search, to its end."""

import json
import sys
from pathlib import Path

from kerascifar import files, results
from kerascifar.config import RunConfig
from kerascifar.devices import need_tensorflow, quiet
from kerascifar.errors import TrainingDiverged
from kerascifar.plan import DIVERGED, FOUND
from kerascifar.rows import Row, Search
from kerascifar.run import run


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
        from tuner.search import search
    from tuner.outcome import best, read_trials, write_best

    search(plan)
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
