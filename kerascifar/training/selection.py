"""Which epoch's weights are scored (--select), and when a training stops early (--patience)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerascifar.config import FIELDS, SCORING, RunConfig, changed, flag
from kerascifar.core.errors import InputError

_COLUMNS = {"validation": "val_accuracy", "test": "test_accuracy", "last": None}  # of the history
_SPLITS = {column: split for split, column in _COLUMNS.items() if column is not None}


def selected_by(config: RunConfig) -> str | None:
    """Return the column of the history whose first maximum is the epoch to score; None for the last epoch."""
    return _COLUMNS[config.select or ("validation" if config.patience else "last")]


def training_of(config: RunConfig) -> RunConfig:
    """Return `config` with the defaults of what decides only how a finished net is scored: equal ones train equally.

    A field that changes images of a split that selects the epoch stays.

    >>> training_of(RunConfig(tta="mirror", test_limit=1000, epochs=3)) == RunConfig(epochs=3)
    True
    """
    read = {_SPLITS.get(selected_by(config)), "validation" if config.patience else None}
    plain = {name: FIELDS[name].default for name, splits in SCORING.items() if not read.intersection(splits)}
    return replace(config, **plain)


def best_epoch(history: Sequence[Mapping[str, float]], column: str = "val_accuracy") -> int:
    """Return the index of the first epoch with the highest value in `column`.

    >>> best_epoch([{"val_accuracy": accuracy} for accuracy in (0.1, 0.5, 0.5)])
    1
    """
    return int(np.argmax([row[column] for row in history]))


def out_of_patience(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Tell whether the best epoch by validation accuracy lies `patience` epochs back; never if that is 0."""
    return bool(patience and history) and len(history) - 1 - best_epoch(history) >= patience


def check_selection(config: RunConfig) -> None:
    """Refuse flags under which an epoch lacks the accuracy that --patience and --select compare."""
    if config.patience and not (config.validation or config.folds):
        raise InputError("--patience watches the validation accuracy: it needs --validation above 0")
    if config.validate_every > 1 and (config.patience or config.select == "validation"):
        raise InputError("choosing the best epoch needs the accuracy of each: leave --validate-every at 1")
    if config.select == "validation" and not config.validation:
        raise InputError("--select validation needs --validation above 0")
    if config.select == "test":
        for name in ("ema", "strategy"):  # the weights tested after each epoch are the model's own, on one device
            if changed(config, name):
                raise InputError(f"--select test does not go with {flag(name)} {getattr(config, name)}")
