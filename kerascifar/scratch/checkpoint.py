"""Checkpoints from which a killed training resumes bit for bit: weights, optimizer slots, and the progress."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.core.errors import CheckpointRefused, CheckpointTorn, InputError
from kerascifar.core.provenance import Provenance
from kerascifar.scratch.network import Network
from kerascifar.scratch.optimizers import Optimizer
from kerascifar.scratch.parallel import threads_in_use
from kerascifar.scratch.saving import arrays_of, read_archive, under, write_archive
from kerascifar.scratch.training import Progress
from kerascifar.training.selection import best_epoch


class Checkpoint:
    """The files checkpoint.npz and, with patience, best.npz of a run folder.

    Args:
        folder: the run folder.
        identity: of the run; a checkpoint with another one is refused.
        provenance: data and first weights of the run; a checkpoint of others is refused, where they are known.

    Attributes:
        fold: index of the fold whose net is being trained; after the last fold follows the net for all images.
        accuracies: on the held-out images of each finished fold.
        earlier: history of the finished folds, if their net is kept.

    Raises:
        CheckpointRefused: the checkpoint is corrupt or of another run.
    """

    def __init__(self, folder: Path, identity: dict[str, str], provenance: Provenance) -> None:
        self.path, self.best_path, self.identity = folder / results.CHECKPOINT, folder / results.BEST, identity
        self.provenance, self.fold, self.accuracies, self.earlier = provenance, 0, [], []
        self.spec: dict[str, Any] | None = None
        if self.path.exists():
            self.spec, self.arrays = self._read(self.path)
            try:
                self.fold, self.accuracies, self.earlier = (self.spec[k] for k in ("stage", "accuracies", "earlier"))
            except KeyError as error:
                raise CheckpointTorn(self.path, f"is corrupt: it has no {error}") from None

    def resume(self, fold: int, network: Network, optimizer: Optimizer) -> Progress:
        """Return how far the checkpoint is in `fold`, and set `network` and `optimizer` to their state there."""
        if self.spec is None or self.spec["stage"] != fold:
            self.fold = fold
            return Progress()
        network.assign(under(self.arrays, "parameters"), under(self.arrays, "state"))
        optimizer.slots, optimizer.steps = under(self.arrays, "slots"), self.spec["steps"]
        return Progress(**self.spec["progress"])

    def save(self, network: Network, optimizer: Optimizer, progress: Progress, patience: int) -> None:
        """Write the checkpoint, and with patience the weights, if the epoch that has just ended is the best so far."""
        best = patience and progress.batch == 0 and best_epoch(progress.history) == progress.epoch - 1
        if best:
            write_archive(self.best_path, self.identity, arrays_of(network))
        spec = {
            **self.identity,
            "provenance": asdict(self.provenance),
            "threads": threads_in_use(),
            "stage": self.fold,  # the key in checkpoints of all versions
            "accuracies": self.accuracies,
            "earlier": self.earlier,
            "steps": optimizer.steps,
            "progress": {**asdict(progress), "rates": []},
        }
        slots = {f"slots/{name}": array for name, array in optimizer.slots.items()}
        write_archive(self.path, spec, arrays_of(network) | slots, self.path.with_name(results.BEFORE))

    def restore_best(self, network: Network) -> None:
        """Set the weights of `network` to those of its best epoch."""
        _, arrays = self._read(self.best_path)
        network.assign(under(arrays, "parameters"), under(arrays, "state"))

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            spec, arrays = read_archive(path)
        except InputError as error:
            raise CheckpointTorn(path, str(error).removeprefix(f"{path} ")) from None
        recorded = (
            Provenance.read(spec["provenance"], f"checkpoint {path}") if "provenance" in spec else self.provenance
        )
        if difference := recorded.difference(self.provenance):
            raise CheckpointRefused(path, f"was begun on other data than this: its {difference}")
        if any(spec.get(key) != value for key, value in self.identity.items()):
            raise CheckpointRefused(path, "is the checkpoint of another run")
        return spec, arrays
