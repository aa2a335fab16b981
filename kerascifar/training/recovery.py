"""Which checkpoint a run goes on from; one that it does not go on from gets another name, and is never lost."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.contracts import Fitted
from kerascifar.core.errors import CheckpointRefused, CheckpointTorn, InputError
from kerascifar.core.reading import decode_json, read_arrays
from kerascifar.devices import placement

# In a run folder while a run that --again began is under way: the SHA-256 of the result that it will replace, if any.
BEGUN = ".again"
# Members of a checkpoint that hold what is no array, as JSON: of a Keras net's, and of a scratch net's.
_RECORDS = {"progress", "spec"}


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


def with_begun_threads(config: RunConfig) -> RunConfig:
    """Return `config` with the threads of the checkpoint that it goes on from, for others give other bits.

    A checkpoint that cannot be read, or of an earlier version, tells nothing.

    Raises:
        CheckpointRefused: --threads asks for another number.
    """
    begun = begun_threads(config.folder)
    if begun is None or begun == config.threads:
        return config
    if config.threads is None:
        return replace(config, threads=begun)
    raise CheckpointRefused(
        config.folder / results.CHECKPOINT,
        f"was begun with --threads {begun}, got {config.threads}, which gives other bits: leave it out to go on",
    )


def begun_threads(folder: Path) -> int | None:
    """Return the threads that the checkpoint in `folder` was begun with; None where there is none that tells."""
    for name in (results.CHECKPOINT, results.BEFORE):
        with contextlib.suppress(FileNotFoundError, InputError, ValueError, TypeError):
            arrays = read_arrays(folder / name)
            for key in _RECORDS & arrays.keys():
                record = decode_json(str(arrays[key]))
                if "backend" in record and record["backend"] != placement.backend():
                    return None  # it will be refused for that
                threads = record.get("threads")
                return threads if type(threads) is int and threads > 0 else None
    return None


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
