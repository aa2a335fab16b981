"""Checkpoints from which a run resumes bit for bit: every variable, the history, and the place in the epoch.

A checkpoint is one .npz file without pickles. It does not hold the state of dropout's generators, which Keras never
saves: `seed_dropout` sets it from (seed, epoch, step).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core import files, private
from kerascifar.core.contracts import Epoch
from kerascifar.core.errors import CheckpointRefused, CheckpointTorn, InputError
from kerascifar.core.provenance import Provenance
from kerascifar.core.reading import decode_json, read_arrays
from kerascifar.results import BEFORE


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: number of finished epochs.
        step: steps done in the current epoch.
        history: one dict per finished epoch.
        backend: Keras's backend, on which the random numbers depend.
        provenance: the data and first weights; None in checkpoints of earlier versions.
        threads: CPU threads, on which the last bits depend; None under JAX and in checkpoints of earlier versions.
        products: how many rows of layers.small_maps.FASTER hold for the run; earlier versions wrote True for the first,
            and before that nothing.
    """

    epoch: int = 0
    step: int = 0
    history: list[Epoch] = field(default_factory=list)
    backend: str = "tensorflow"
    provenance: Provenance | None = None
    threads: int | None = None
    products: int | bool = 0


def save(path: Path, model: Any, progress: Progress) -> None:
    """Write model, optimizer, metrics and `progress` to `path`, atomically; the checkpoint before is kept beside it."""
    if progress.backend == "jax":
        model.jax_state_sync()  # within an epoch the variables are empty: fit() holds their values
    arrays = _arrays("model", model.variables) | _arrays("optimizer", model.optimizer.variables)
    if progress.step:  # the running means matter only within an epoch
        arrays |= _arrays("metrics", model.metrics_variables)
    _write(path, arrays, progress, path.with_name(BEFORE))


def load_progress(path: Path, backend: str, provenance: Provenance | None = None) -> Progress:
    """Return how far the checkpoint at `path` has come; a fresh Progress if there is none.

    Raises CheckpointRefused: the file is corrupt, or the run was begun on another `backend` or `provenance`.
    """
    if not path.exists():
        from kerascifar.layers.small_maps import FASTER

        return Progress(backend=backend, provenance=provenance, products=len(FASTER))
    arrays = _read(path)
    try:
        progress = decode_json(str(arrays["progress"]), Progress)
    except (KeyError, ValueError) as error:
        raise CheckpointTorn(path, f"is corrupt: {error}") from None
    if progress.backend != backend:
        raise CheckpointRefused(
            path, f"was begun under KERAS_BACKEND={progress.backend}, which draws other numbers than {backend}"
        )
    if progress.provenance and provenance and (difference := progress.provenance.difference(provenance)):
        raise CheckpointRefused(path, f"was begun on other data than this: its {difference}")
    progress.provenance = provenance or progress.provenance
    return progress


def keep_gradients(model: Any, progress: Progress) -> None:
    """Let `model`, not yet traced, round its gradients as the version did that began the run."""
    from kerascifar.layers import SmallMapConv2D

    for layer in model.layers:
        if isinstance(layer, SmallMapConv2D):
            layer.faster = layer.faster[: progress.products]


def restore(path: Path, model: Any, optimizer: bool = True) -> None:
    """Set the variables of model and optimizer, both built, from the checkpoint at `path`.

    With `optimizer` False the optimizer is left alone: when a phase begins, the checkpoint holds the previous phase's.

    Raises:
        CheckpointRefused: the file is corrupt or belongs to another net.
    """
    arrays = _read(path)
    _assign(path, arrays, "model", model.variables)
    if optimizer:
        _assign(path, arrays, "optimizer", model.optimizer.variables)


def restore_metrics(path: Path, model: Any) -> None:
    """Set the running means of loss and accuracy, whose metrics must be built, from the checkpoint at `path`."""
    _assign(path, _read(path), "metrics", model.metrics_variables)


def save_weights(path: Path, model: Any) -> None:
    """Write only the model's variables; those with a moving average are replaced by it."""
    averages = averaged(model)
    _write(path, _arrays("model", [averages.get(id(v), v) for v in model.variables]), Progress())


def restore_weights(path: Path, model: Any) -> None:
    """Set the model's variables from the file that `save_weights` wrote."""
    _assign(path, _read(path), "model", model.variables)


def averaged(model: Any) -> dict[int, Any]:
    """Return the moving averages by the id() of their variable; empty without EMA."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.use_ema:
        return {}
    pairs = zip(model.trainable_variables, private.moving_averages(optimizer), strict=True)
    return {id(variable): average for variable, average in pairs if average is not None}


def seed_dropout(model: Any, seed: int, epoch: int, step: int) -> None:
    """Put every random layer into the state it has at `step` of `epoch`, whatever happened before.

    The state of a Keras SeedGenerator is (key, counter); a training step raises the counter by one.
    """
    layers = [layer for layer in model.layers if hasattr(layer, "seed_generator")]
    for place, layer in enumerate(layers):
        key = np.random.SeedSequence((seed, epoch, place)).generate_state(1)[0]
        layer.seed_generator.state.assign(np.array([key, step], dtype="uint32"))


def _arrays(group: str, variables: list[Any]) -> dict[str, np.ndarray]:
    return {f"{group}/{i}": np.asarray(variable) for i, variable in enumerate(variables)}


def _write(path: Path, arrays: dict[str, np.ndarray], progress: Progress, before: Path | None = None) -> None:
    text = np.array(json.dumps(asdict(progress)))
    files.write_atomically(path, lambda part: np.savez(part, progress=text, **arrays), before)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_arrays(path)
    except InputError as error:
        raise CheckpointTorn(path, str(error).removeprefix(f"{path} ")) from None
    except FileNotFoundError:
        raise CheckpointTorn(path, "is gone") from None


def _assign(path: Path, arrays: dict[str, np.ndarray], group: str, variables: list[Any]) -> None:
    count = sum(name.startswith(f"{group}/") for name in arrays)
    saved = [arrays.get(f"{group}/{i}", np.empty(0)) for i in range(count)]
    if [a.shape for a in saved] != [tuple(v.shape) for v in variables]:
        raise CheckpointRefused(path, f"belongs to another {group}")
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)
