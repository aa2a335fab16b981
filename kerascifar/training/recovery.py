"""Which checkpoint a run goes on from; one that it does not go on from gets another name, and is never lost."""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from kerascifar import results
from kerascifar.core import files
from kerascifar.core.contracts import Fitted
from kerascifar.core.errors import CheckpointRefused, CheckpointTorn

# In a run folder while a run that --again began is under way: the SHA-256 of the result that it will replace, if any.
BEGUN = ".again"


def begin(folder: Path, again: bool) -> bool:
    """Set the checkpoints of an ordinary run aside if told to train `again`, and tell whether the run goes on.

    What --again itself began goes on.
    """
    path, before, mark = folder / results.CHECKPOINT, folder / results.BEFORE, folder / BEGUN
    if before.exists() and not path.exists():  # killed between the two names
        os.replace(before, path)
    result = folder / results.FINISHED
    replaced = hashlib.sha256(result.read_bytes()).hexdigest() if result.exists() else ""
    going_on = bool(_checkpoints(folder)) and (
        not again or (mark.exists() and mark.read_text(encoding="utf-8") == replaced)
    )
    if again and not going_on:
        _set_all_aside(folder)
        files.write_text(mark, replaced)
    elif not going_on:
        mark.unlink(missing_ok=True)
    return going_on


def fit_from(folder: Path, fit: Callable[[], Fitted], *, again: bool, alone: bool) -> Fitted:
    """Return what `fit` returns; it begins at the checkpoint in `folder`, or at the one before where that is torn.

    If it does not train `alone`, its workers too have ended at a refused checkpoint, and all are to be started once
    more.

    Raises:
        CheckpointRefused: there is none to go on from, and the run is not to start over, as it may with `again`.
    """
    path, before = folder / results.CHECKPOINT, folder / results.BEFORE
    try:
        while True:
            try:
                return fit()
            except CheckpointRefused as error:
                if isinstance(error, CheckpointTorn) and error.path == path and before.exists():
                    name = files.set_aside(path, "corrupt").name
                    os.replace(before, path)
                    print(f"{error.what}: now {name}, and the one before it is used", file=sys.stderr)
                elif again and _checkpoints(folder):
                    _set_all_aside(folder)
                    print(f"{error.what}: set aside, and the training starts anew", file=sys.stderr)
                else:
                    raise
                if not alone:
                    raise
    finally:
        if not _checkpoints(folder):
            (folder / BEGUN).unlink(missing_ok=True)


def end(folder: Path) -> None:
    """Remove what only a run under way needs; its result is there."""
    for name in (results.BEFORE, results.CHECKPOINT, results.BEST, BEGUN):
        (folder / name).unlink(missing_ok=True)


def _checkpoints(folder: Path) -> list[Path]:
    named = (folder / name for name in (results.CHECKPOINT, results.BEFORE, results.BEST))
    return [*(path for path in named if path.exists()), *folder.glob("chunk-*.npz")]  # the baselines' chunks


def _set_all_aside(folder: Path) -> None:
    for path in _checkpoints(folder):
        files.set_aside(path, "set-aside")
