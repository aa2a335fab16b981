"""One training, scored in several ways: the finished run whose net and history a wanted run can take."""

import os
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.provenance import PARENT, Provenance
from kerascifar.results import Result
from kerascifar.training.selection import training_of

# Key of a result's notes: the id of the run that trained its net, where that is another one.
TRAINING = "training"
# Notes about how a run was scored, or about the whole of it; the others are about its training.
_OWN_NOTES = ("faults", "run_seconds")
_TRAINED_ON = ("train", "validation", PARENT)


def find_training(config: RunConfig, given: Provenance, model: str) -> tuple[Path, Result] | None:
    """Return folder and result of a finished run that differs from `config` only in how it is scored; None without one.

    It lies in the same runs folder, has its `model` file, and had the same images and first weights, as `given`, and
    the same versions of all packages: so the net is, bit for bit, the one that `config` would train with as many
    threads.
    """
    wanted, versions = training_of(config).to_dict(), results.versions()
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    for file in sorted(Path(config.runs).glob(f"*/*/{results.FINISHED}")):
        folder = file.parent
        if folder == config.folder or not (folder / model).is_file():
            continue
        try:
            result = results.read_result(folder)
            trained = training_of(RunConfig(**result.config)).to_dict()
            recorded = result.provenance
        except (InputError, TypeError):  # of another version, or damaged
            continue
        if (
            trained == wanted
            and results.TRAINED_IN not in result.notes  # its net computes otherwise than it was trained
            and recorded.classes == given.classes
            and all(recorded.sha256.get(name) == given.sha256.get(name) for name in _TRAINED_ON)
            and result.versions == versions
            and result.notes.get("backend", "tensorflow") == backend
        ):
            return folder, result
    return None


def training_notes(result: Result) -> dict[str, Any]:
    """Return the notes of `result` about its training, and whose that is."""
    kept = {name: note for name, note in result.notes.items() if name not in _OWN_NOTES}
    return {TRAINING: result.run_id} | kept
